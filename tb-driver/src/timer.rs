//! The one timer that a driver needs.

use core::task::{Context, Poll};
use std::time::Instant;

/// Wakes a [`Driver`](crate::Driver) at a deadline.
pub trait Timer {
    /// Ready when `deadline` has passed; otherwise the task is woken then.
    ///
    /// Only the newest deadline counts. The driver looks at the clock by itself and takes this as a
    /// wake-up only, so being late or early by the granularity of the timer does no harm.
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()>;
}

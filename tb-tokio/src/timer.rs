//! The timer of tokio.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A [`Timer`](tb_driver::Timer) that holds one `Sleep` and moves it.
#[derive(Debug, Default)]
pub struct TokioTimer {
    /// Made at the first use: it needs the runtime, which need not be there when a client is made.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TokioTimer {
    /// A timer of the runtime in which it is polled first.
    pub const fn new() -> Self {
        Self { sleep: None }
    }
}

impl tb_driver::Timer for TokioTimer {
    fn poll_until(&mut self, deadline: std::time::Instant, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // Deadlines mostly move away, with every message: the timer is not moved along each time, but
        // when it fires too early.
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() < deadline {
            sleep.as_mut().reset(deadline);
            ready!(sleep.as_mut().poll(cx));
        }
        Poll::Ready(())
    }
}

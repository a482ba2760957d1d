//! The timer of `async-io`.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Timer;

/// A [`Timer`](tb_driver::Timer) that holds one timer of `async-io` and moves it.
#[derive(Debug)]
pub struct AsyncIoTimer {
    timer: Timer,
    /// When it will fire; none once it has fired.
    armed: Option<Instant>,
}

impl AsyncIoTimer {
    /// A timer that wakes whoever polls it.
    pub fn new() -> Self {
        Self {
            timer: Timer::never(),
            armed: None,
        }
    }

    fn arm(&mut self, deadline: Instant) {
        self.timer.set_at(deadline);
        self.armed = Some(deadline);
    }
}

impl Default for AsyncIoTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl tb_driver::Timer for AsyncIoTimer {
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        // Deadlines mostly move away, with every message: the timer is not moved along each time, but
        // when it fires too early.
        if self.armed.is_none_or(|armed| deadline < armed) {
            self.arm(deadline);
        }
        loop {
            ready!(Pin::new(&mut self.timer).poll(cx));
            if self.armed.take().is_some_and(|fired| deadline <= fired) {
                return Poll::Ready(());
            }
            self.arm(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use tb_driver::Timer as _;

    /// Waits for a deadline after the timer has been armed for others.
    fn wait_after(others: &[u64], deadline: u64) {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut timer = AsyncIoTimer::new();
        async_io::block_on(core::future::poll_fn(|cx| {
            for other in others {
                let _ = timer.poll_until(at(*other), cx);
            }
            timer.poll_until(at(deadline), cx)
        }));
        assert!(at(deadline) <= Instant::now(), "it fired too early");
    }

    #[test]
    fn it_fires_at_the_newest_deadline_whether_that_moved_away_or_came_nearer() {
        wait_after(&[], 5);
        wait_after(&[1], 20);
        wait_after(&[3_600_000], 5);
        wait_after(&[3_600_000, 1], 10);
    }

    #[test]
    fn it_can_be_used_again_after_it_fired() {
        let mut timer = AsyncIoTimer::new();
        for _ in 0..3 {
            let deadline = Instant::now() + Duration::from_millis(2);
            async_io::block_on(core::future::poll_fn(|cx| timer.poll_until(deadline, cx)));
            assert!(deadline <= Instant::now());
        }
    }
}

//! Waiting from a plain thread for what is a future everywhere else.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread::{self, Thread};
use std::time::Instant;

use crate::shared::Shared;

/// Why a thread does not wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    TimedOut,
    OnDriverThread,
}

/// Blocks this thread until `future` is ready, or for `timeout`.
pub(crate) fn wait<F: Future + Unpin>(
    shared: &Shared,
    future: &mut F,
    timeout: Option<Duration>,
) -> Result<F::Output, Interrupted> {
    // Without a waker of our own first: often it is over already.
    let mut cx = Context::from_waker(Waker::noop());
    if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut cx) {
        return Ok(output);
    }
    if shared.waiters().driver_thread == Some(thread::current().id()) {
        return Err(Interrupted::OnDriverThread);
    }
    // A deadline that no clock can show is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let unpark = Arc::new(Unpark {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut cx) {
            return Ok(output);
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Interrupted::TimedOut);
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

/// The flag tells our wake-up from those of others who park and unpark the same thread.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

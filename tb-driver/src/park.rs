//! Waiting from a plain thread for what is a future everywhere else.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread::{self, Thread, ThreadId};
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
    let sleeper = Sleeper::of_this_thread();
    let mut cx = Context::from_waker(&sleeper.waker);
    // First of all: often it is over already.
    if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut cx) {
        return Ok(output);
    }
    if shared.waiters().driver_thread == Some(this_thread()) {
        return Err(Interrupted::OnDriverThread);
    }
    // A deadline that no clock can show is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        sleeper.sleep(deadline)?;
        if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut cx) {
            return Ok(output);
        }
    }
}

/// The id of this thread, without counting references to it.
pub(crate) fn this_thread() -> ThreadId {
    let id = SLEEPER.try_with(|sleeper| sleeper.unpark.thread.id());
    id.unwrap_or_else(|_| thread::current().id())
}

thread_local! {
    static SLEEPER: Sleeper = Sleeper::new();
}

/// A thread that can wait. It is made once, not for every wait: a wake-up that an earlier wait has
/// left behind costs one more poll.
#[derive(Clone)]
struct Sleeper {
    unpark: Arc<Unpark>,
    waker: Waker,
}

impl Sleeper {
    fn new() -> Self {
        let unpark = Arc::new(Unpark {
            thread: thread::current(),
            woken: AtomicBool::new(false),
        });
        Self {
            waker: Waker::from(Arc::clone(&unpark)),
            unpark,
        }
    }

    fn of_this_thread() -> Self {
        // Destructors of a thread that ends may wait as well.
        SLEEPER
            .try_with(Self::clone)
            .unwrap_or_else(|_| Self::new())
    }

    /// Returns when somebody has woken it since the last time.
    fn sleep(&self, deadline: Option<Instant>) -> Result<(), Interrupted> {
        while !self.unpark.woken.swap(false, Ordering::Acquire) {
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
        Ok(())
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

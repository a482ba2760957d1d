//! What has to happen after the lock is released.

use core::task::Waker;

/// Wakers collected under the lock. A wake runs code of somebody's executor: under the lock it could
/// come back to the lock.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakes(Vec<Waker>);

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.0.extend(wakers);
    }

    /// Call without holding any lock.
    pub(crate) fn wake(&mut self) {
        for waker in self.0.drain(..) {
            waker.wake();
        }
    }
}

/// Stores `new` unless it is the waker that is stored already. Gives back what it replaced, to be
/// dropped without the lock.
pub(crate) fn replace(slot: &mut Option<Waker>, new: &Waker) -> Option<Waker> {
    match slot {
        Some(stored) if stored.will_wake(new) => None,
        _ => slot.replace(new.clone()),
    }
}

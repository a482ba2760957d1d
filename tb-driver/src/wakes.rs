//! What has to happen after the lock is released.

use core::task::Waker;

/// Wakers collected under the lock. A wake runs code of somebody's executor: under the lock it could
/// come back to the lock.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakes {
    /// Mostly there is none or one, which costs no allocation.
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            self.push(waker);
        }
    }

    /// Call without holding any lock.
    pub(crate) fn wake(self) {
        for waker in self.first.into_iter().chain(self.others) {
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

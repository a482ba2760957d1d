//! Who waits for the outcome of what.

use core::hash::{BuildHasherDefault, Hasher};
use core::task::{Poll, Waker};
use std::collections::HashMap;

use tb_proto::{Completion, RequestId};

use crate::wakes::{Wakes, replace};

/// Room for this many tickets is kept when the last one is gone.
const KEPT: usize = 1_024;

/// The open tickets. An id without an entry has no holder.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    slots: HashMap<u64, Slot, BuildHasherDefault<IdHasher>>,
}

#[derive(Debug)]
pub(crate) enum Slot {
    /// Not over yet. The waker is of whoever polled the ticket last, if anybody did.
    Waiting(Option<Waker>),
    /// Over; the holder has not asked yet.
    Over(Completion),
    /// Sent by the driver itself: nobody is interested.
    Unheard,
}

/// Whom an outcome belongs to.
#[derive(Debug)]
pub(crate) enum Holder {
    /// It was put down for the holder of the ticket.
    Ticket,
    /// Nobody holds a ticket for it.
    Nobody(Completion),
}

impl Tickets {
    pub(crate) fn open(&mut self, id: RequestId) {
        self.slots.insert(id.get(), Slot::Waiting(None));
    }

    pub(crate) fn open_unheard(&mut self, id: RequestId) {
        self.slots.insert(id.get(), Slot::Unheard);
    }

    pub(crate) fn complete(
        &mut self,
        id: RequestId,
        completion: Completion,
        wakes: &mut Wakes,
    ) -> Holder {
        let Some(slot) = self.slots.get_mut(&id.get()) else {
            return Holder::Nobody(completion);
        };
        match slot {
            Slot::Waiting(waker) => {
                wakes.extend(waker.take());
                *slot = Slot::Over(completion);
            }
            Slot::Unheard => {
                self.slots.remove(&id.get());
            }
            // The machine completes a ticket once.
            Slot::Over(_) => {}
        }
        Holder::Ticket
    }

    /// The outcome, once. `None`: there will never be one. Gives back a waker that was replaced.
    pub(crate) fn poll(
        &mut self,
        id: RequestId,
        waker: &Waker,
    ) -> (Poll<Option<Completion>>, Option<Waker>) {
        match self.slots.get_mut(&id.get()) {
            Some(Slot::Waiting(slot)) => (Poll::Pending, replace(slot, waker)),
            Some(Slot::Over(_) | Slot::Unheard) => match self.slots.remove(&id.get()) {
                Some(Slot::Over(completion)) => {
                    self.shrink();
                    (Poll::Ready(Some(completion)), None)
                }
                _ => (Poll::Ready(None), None),
            },
            None => (Poll::Ready(None), None),
        }
    }

    /// The ticket is gone. Gives back what was kept for it, to be dropped without the lock.
    pub(crate) fn close(&mut self, id: RequestId) -> Option<Slot> {
        let slot = self.slots.remove(&id.get());
        self.shrink();
        slot
    }

    /// No further outcome will come: those who still wait have to be told.
    pub(crate) fn abandon(&mut self, wakes: &mut Wakes) {
        self.slots.retain(|_, slot| match slot {
            Slot::Waiting(waker) => {
                wakes.extend(waker.take());
                false
            }
            Slot::Over(_) => true,
            Slot::Unheard => false,
        });
    }

    /// A burst must not hold its memory for ever.
    fn shrink(&mut self) {
        if self.slots.is_empty() && self.slots.capacity() > 2 * KEPT {
            self.slots.shrink_to(KEPT);
        }
    }
}

/// Ids are consecutive numbers of our own: one multiplication spreads them, and nobody can choose them.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // 2⁶⁴ divided by the golden ratio (Knuth): the table takes seven bits from the top.
        self.0 = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

//! Who waits for room in the queue: first come, first served.

use alloc::collections::{BTreeMap, VecDeque};
use core::task::{Poll, Waker};

use tb_proto::{Client as Machine, Room};

use crate::error::RoomError;
use crate::wakes::{Wakes, replace};

/// The name of one waiting request for room.
pub(crate) type RoomKey = u64;

#[derive(Debug, Default)]
pub(crate) struct Rooms {
    next_key: RoomKey,
    /// In the order in which they asked. A large request holds up those behind it, or small ones
    /// would keep it waiting for ever.
    waiting: VecDeque<(RoomKey, usize)>,
    slots: BTreeMap<RoomKey, Slot>,
    /// Permits that have neither been used nor given back.
    permits: usize,
    closed: bool,
}

#[derive(Debug)]
enum Slot {
    Waiting(Option<Waker>),
    Granted(Room),
    Refused(RoomError),
}

impl Rooms {
    /// Reserves at once, or takes a place in the queue.
    pub(crate) fn request(
        &mut self,
        machine: &mut Machine,
        bytes: usize,
    ) -> Result<Result<Room, RoomKey>, RoomError> {
        if self.closed {
            return Err(RoomError::Closed);
        }
        if self.waiting.is_empty() {
            match self.reserve(machine, bytes) {
                Some(Ok(room)) => return Ok(Ok(room)),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let key = self.next_key;
        self.next_key += 1;
        self.waiting.push_back((key, bytes));
        self.slots.insert(key, Slot::Waiting(None));
        Ok(Err(key))
    }

    pub(crate) fn poll(
        &mut self,
        key: RoomKey,
        waker: &Waker,
    ) -> (Poll<Result<Room, RoomError>>, Option<Waker>) {
        if let Some(Slot::Waiting(slot)) = self.slots.get_mut(&key) {
            return (Poll::Pending, replace(slot, waker));
        }
        let outcome = match self.slots.remove(&key) {
            Some(Slot::Granted(room)) => Ok(room),
            Some(Slot::Refused(error)) => Err(error),
            Some(Slot::Waiting(_)) | None => Err(RoomError::Closed),
        };
        (Poll::Ready(outcome), None)
    }

    /// The request is given up. Gives back the waker.
    pub(crate) fn forget(&mut self, machine: &mut Machine, key: RoomKey) -> Option<Waker> {
        match self.slots.remove(&key)? {
            Slot::Waiting(waker) => {
                self.waiting.retain(|(waiting, _)| *waiting != key);
                waker
            }
            Slot::Granted(room) => {
                self.release(machine, room);
                None
            }
            Slot::Refused(_) => None,
        }
    }

    /// A permit is given back unused.
    pub(crate) fn release(&mut self, machine: &mut Machine, room: Room) {
        self.used();
        machine.release(room);
    }

    /// A permit has become a message.
    pub(crate) fn used(&mut self) {
        self.permits = self.permits.saturating_sub(1);
    }

    /// Gives room that has become free to those who wait.
    pub(crate) fn grant(&mut self, machine: &mut Machine, wakes: &mut Wakes) {
        while let Some((key, bytes)) = self.waiting.front().copied() {
            let outcome = match self.reserve(machine, bytes) {
                Some(Ok(room)) => Slot::Granted(room),
                Some(Err(error)) => Slot::Refused(error),
                None => return,
            };
            self.waiting.pop_front();
            if let Some(Slot::Waiting(waker)) = self.slots.insert(key, outcome) {
                wakes.extend(waker);
            }
        }
    }

    /// There will be no more room.
    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.waiting.clear();
        for slot in self.slots.values_mut() {
            if let Slot::Waiting(waker) = slot {
                wakes.extend(waker.take());
                *slot = Slot::Refused(RoomError::Closed);
            }
        }
    }

    fn reserve(&mut self, machine: &mut Machine, bytes: usize) -> Option<Result<Room, RoomError>> {
        if let Some(room) = machine.reserve(bytes) {
            self.permits += 1;
            return Some(Ok(room));
        }
        // Nothing is in the queue that could leave it: it will never be large enough.
        (self.permits == 0 && machine.stats().queued_messages == 0)
            .then_some(Err(RoomError::TooLarge { bytes }))
    }
}

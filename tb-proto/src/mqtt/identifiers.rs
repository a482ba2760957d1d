//! The one space of packet identifiers for PUBLISH, SUBSCRIBE and UNSUBSCRIBE of a connection.

use alloc::vec::Vec;
use core::mem;

use super::outbox::SlotIndex;
use crate::codec::PacketIdentifier;

/// Who waits for the acknowledgement with a packet identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// A message of the outbox.
    Message(SlotIndex),
    /// Messages that share a packet; this is the first of them.
    Messages(SlotIndex),
    /// A message that was given up; its identifier stays taken until the link ends
    /// [MQTT-2.2.1-4], since the server may still acknowledge it.
    GivenUp,
    Subscribe,
    Unsubscribe,
}

/// The table starts with so many slots.
const FEWEST: usize = 16;

/// Under load it falls back to no fewer than this, some 24 KiB: the next burst is likely to be as large.
const KEPT_BUSY: usize = 2_048;

/// And to no fewer than this, some 3 KiB, when nothing has come for a while.
const KEPT_IDLE: usize = 256;

/// With so many slots each identifier has one of its own.
const MOST: usize = 1 << 16;

/// A table from packet identifier to owner: constant time whatever the window, and only as large as
/// what is in use, however far apart that is.
///
/// It is a hash table with open addressing. A quarter of the slots is free, unless there is one for
/// every identifier.
#[derive(Debug)]
pub(crate) struct Identifiers {
    /// None, or a power of two from [`FEWEST`] to [`MOST`].
    slots: Vec<Option<Taken>>,
    next: u16,
    used: usize,
    given_up: usize,
}

#[derive(Clone, Copy, Debug)]
struct Taken {
    id: PacketIdentifier,
    owner: Owner,
}

impl Identifiers {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            next: 1,
            used: 0,
            given_up: 0,
        }
    }

    /// Gives the next free identifier to `owner`. `None` if all 65,535 are taken.
    pub(crate) fn take(&mut self, owner: Owner) -> Option<PacketIdentifier> {
        if self.used >= usize::from(u16::MAX) {
            return None;
        }
        if self.slots.len() < MOST && self.used + 1 > self.slots.len() / 4 * 3 {
            self.resize((2 * self.slots.len()).max(FEWEST));
        }
        loop {
            let id = PacketIdentifier::new(self.next);
            self.next = self.next.wrapping_add(1);
            let Some(id) = id else { continue };
            let slot = self.slot_of(id);
            if let Some(free @ None) = self.slots.get_mut(slot) {
                *free = Some(Taken { id, owner });
                self.used += 1;
                return Some(id);
            }
        }
    }

    pub(crate) fn owner(&self, id: PacketIdentifier) -> Owner {
        match self.slots.get(self.slot_of(id)) {
            Some(Some(taken)) => taken.owner,
            _ => Owner::Nobody,
        }
    }

    /// Changes the owner of a taken identifier.
    pub(crate) fn give_up(&mut self, id: PacketIdentifier) {
        let slot = self.slot_of(id);
        if let Some(Some(taken)) = self.slots.get_mut(slot)
            && taken.owner != Owner::GivenUp
        {
            taken.owner = Owner::GivenUp;
            self.given_up += 1;
        }
    }

    /// Makes an identifier free again. Returns who had it.
    pub(crate) fn release(&mut self, id: PacketIdentifier) -> Owner {
        self.release_if(id, |_| true)
    }

    /// PUBACK came for it: if a message has, or had, this identifier, it is free again. Returns who has it.
    pub(crate) fn release_message(&mut self, id: PacketIdentifier) -> Owner {
        self.release_if(id, |owner| {
            matches!(
                owner,
                Owner::Message(_) | Owner::Messages(_) | Owner::GivenUp
            )
        })
    }

    fn release_if(&mut self, id: PacketIdentifier, may: impl FnOnce(Owner) -> bool) -> Owner {
        let slot = self.slot_of(id);
        let Some(place) = self.slots.get_mut(slot) else {
            return Owner::Nobody;
        };
        let Some(Taken { owner, .. }) = *place else {
            return Owner::Nobody;
        };
        if !may(owner) {
            return owner;
        }
        *place = None;
        if owner == Owner::GivenUp {
            self.given_up -= 1;
        }
        self.used -= 1;
        self.close_gap(slot);
        if self.slots.len() > KEPT_BUSY && self.used < self.slots.len() / 16 {
            self.resize((self.slots.len() / 4).max(KEPT_BUSY));
        }
        owner
    }

    /// Time has passed: a table that is nearly empty is not kept for the next burst.
    pub(crate) fn fall_idle(&mut self) {
        if self.slots.len() > KEPT_IDLE && self.used < self.slots.len() / 16 {
            self.resize((2 * self.used).next_power_of_two().max(KEPT_IDLE));
        }
    }

    /// Identifiers of messages that were given up: to the server they are still on their way.
    pub(crate) const fn given_up(&self) -> usize {
        self.given_up
    }

    /// Identifiers in use.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// Where `id` is, or would be put.
    fn slot_of(&self, id: PacketIdentifier) -> usize {
        let mut slot = self.home(id);
        while let Some(Some(taken)) = self.slots.get(slot)
            && taken.id != id
        {
            slot = self.behind(slot);
        }
        slot
    }

    /// The slot that `id` has if nobody else is there. Multiplied by an odd number, the 16 bits stay
    /// distinct, and those of neighbours are far apart.
    const fn home(&self, id: PacketIdentifier) -> usize {
        let spread = id.get().wrapping_mul(0x9E37) as usize;
        // The highest bits are the most mixed ones.
        spread * self.slots.len() / MOST
    }

    const fn behind(&self, slot: usize) -> usize {
        (slot + 1) & self.slots.len().saturating_sub(1)
    }

    /// Moves those back that are not at home because `gap` was taken, so that a search that ends at a
    /// free slot has seen all.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.slots.len().saturating_sub(1);
        let mut slot = self.behind(gap);
        while let Some(&Some(taken)) = self.slots.get(slot) {
            let from_home = slot.wrapping_sub(self.home(taken.id)) & mask;
            if from_home >= slot.wrapping_sub(gap) & mask {
                self.slots.swap(gap, slot);
                gap = slot;
            }
            slot = self.behind(slot);
        }
    }

    fn resize(&mut self, slots: usize) {
        let old = mem::replace(&mut self.slots, alloc::vec![None; slots]);
        for taken in old.into_iter().flatten() {
            let slot = self.slot_of(taken.id);
            if let Some(free) = self.slots.get_mut(slot) {
                *free = Some(taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use proptest::prelude::*;

    #[test]
    fn no_identifier_is_given_twice_while_it_is_taken_and_none_is_zero() {
        let mut identifiers = Identifiers::new();
        let mut stuck = BTreeSet::new();
        for round in 0..140_000_u32 {
            let id = identifiers.take(Owner::Subscribe).unwrap();
            assert!(
                id.get() != 0 && !stuck.contains(&id),
                "{id:?} has two owners"
            );
            if round % 140 == 0 && stuck.len() < 500 {
                stuck.insert(id);
            } else {
                identifiers.release(id);
            }
        }
        assert_eq!(identifiers.len(), stuck.len());
    }

    #[test]
    fn when_all_are_taken_there_is_none_until_one_is_released() {
        let mut identifiers = Identifiers::new();
        for _ in 0..u16::MAX {
            identifiers.take(Owner::Unsubscribe).unwrap();
        }
        assert_eq!(identifiers.take(Owner::Subscribe), None);
        let freed = PacketIdentifier::new(77).unwrap();
        identifiers.release(freed);
        assert_eq!(identifiers.take(Owner::Subscribe), Some(freed));
    }

    #[test]
    fn an_identifier_that_was_given_up_stays_taken() {
        let mut identifiers = Identifiers::new();
        let id = identifiers.take(Owner::Message(SlotIndex::new(3))).unwrap();
        identifiers.give_up(id);
        assert_eq!(identifiers.owner(id), Owner::GivenUp);
    }

    #[test]
    fn an_acknowledgement_frees_only_what_a_message_has_or_had() {
        let mut identifiers = Identifiers::new();
        let asked = identifiers.take(Owner::Subscribe).unwrap();
        let owner = Owner::Message(SlotIndex::new(3));
        let written = identifiers.take(owner).unwrap();
        let given_up = identifiers.take(owner).unwrap();
        identifiers.give_up(given_up);
        assert_eq!(identifiers.release_message(asked), Owner::Subscribe);
        assert_eq!(identifiers.release_message(written), owner);
        assert_eq!(identifiers.release_message(written), Owner::Nobody);
        assert_eq!(identifiers.release_message(given_up), Owner::GivenUp);
        assert_eq!((identifiers.len(), identifiers.given_up()), (1, 0));
    }

    #[test]
    fn a_few_identifiers_that_are_stuck_far_apart_take_little_memory() {
        let mut identifiers = Identifiers::new();
        for round in 0..65_535 {
            let id = identifiers.take(Owner::Subscribe).unwrap();
            if round % 131 != 0 {
                identifiers.release(id);
            }
        }
        assert_eq!(identifiers.len(), 501);
        let bytes = identifiers.slots.capacity() * size_of::<Option<Taken>>();
        assert!(bytes <= 16 * 1024, "{bytes} bytes");
    }

    #[test]
    fn a_burst_leaves_no_large_table_behind() {
        let mut identifiers = Identifiers::new();
        let taken: Vec<_> = (0..60_000)
            .map(|_| identifiers.take(Owner::Subscribe).unwrap())
            .collect();
        for id in taken {
            identifiers.release(id);
        }
        assert_eq!(identifiers.slots.capacity(), KEPT_BUSY);
        identifiers.fall_idle();
        assert_eq!(identifiers.slots.capacity(), KEPT_IDLE);
    }

    proptest! {
        #[test]
        fn the_table_is_a_map_from_identifier_to_owner(
            steps in proptest::collection::vec((any::<bool>(), any::<u16>()), 0..600),
            first: u16,
        ) {
            let mut identifiers = Identifiers::new();
            identifiers.next = first;
            let mut model = BTreeMap::new();
            for (number, (take, pick)) in steps.into_iter().enumerate() {
                let place = Owner::Message(SlotIndex::new(number as u32));
                if take || model.is_empty() {
                    // Far apart, as after many acknowledged messages.
                    identifiers.next = identifiers.next.wrapping_add(pick / 8);
                    let id = identifiers.take(place).unwrap();
                    prop_assert_eq!(model.insert(id, place), None);
                } else {
                    let id = *model.keys().nth(usize::from(pick) % model.len()).unwrap();
                    prop_assert_eq!(Some(identifiers.release(id)), model.remove(&id));
                    prop_assert_eq!(identifiers.owner(id), Owner::Nobody);
                }
                for (&id, &owner) in &model {
                    prop_assert_eq!(identifiers.owner(id), owner);
                }
                prop_assert_eq!(identifiers.len(), model.len());
            }
        }
    }
}

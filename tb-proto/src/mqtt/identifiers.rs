//! The one space of packet identifiers for PUBLISH, SUBSCRIBE and UNSUBSCRIBE of a connection.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::outbox::SlotIndex;
use crate::codec::PacketIdentifier;

/// Who waits for the acknowledgement with a packet identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// A message of the outbox.
    Message(SlotIndex),
    /// A message that was given up; its identifier stays taken until the link ends
    /// [MQTT-2.2.1-4], since the server may still acknowledge it.
    GivenUp,
    Subscribe,
    Unsubscribe,
}

const PAGE: usize = 256;

/// A table from packet identifier to owner: constant time whatever the window, and only as large as
/// the identifiers in use, which are close together.
#[derive(Debug)]
pub(crate) struct Identifiers {
    pages: Vec<Option<Box<Page>>>,
    /// Kept so that a window that walks through the table does not allocate at each page.
    spare: Option<Box<Page>>,
    next: u16,
    used: usize,
    given_up: usize,
}

#[derive(Debug)]
struct Page {
    owners: [Owner; PAGE],
    used: u16,
}

impl Identifiers {
    pub(crate) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            spare: None,
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
        loop {
            let id = PacketIdentifier::new(self.next);
            self.next = self.next.wrapping_add(1);
            let Some(id) = id else { continue };
            if self.owner(id) == Owner::Nobody {
                self.place(id, owner);
                return Some(id);
            }
        }
    }

    pub(crate) fn owner(&self, id: PacketIdentifier) -> Owner {
        let (page, slot) = position(id);
        match self.pages.get(page) {
            Some(Some(page)) => page.owners[slot],
            _ => Owner::Nobody,
        }
    }

    /// Changes the owner of a taken identifier.
    pub(crate) fn give_up(&mut self, id: PacketIdentifier) {
        let (page, slot) = position(id);
        if let Some(Some(page)) = self.pages.get_mut(page)
            && !matches!(page.owners[slot], Owner::Nobody | Owner::GivenUp)
        {
            page.owners[slot] = Owner::GivenUp;
            self.given_up += 1;
        }
    }

    pub(crate) fn release(&mut self, id: PacketIdentifier) {
        let (page, slot) = position(id);
        let Some(entry) = self.pages.get_mut(page) else {
            return;
        };
        let Some(page) = entry else { return };
        match page.owners[slot] {
            Owner::Nobody => return,
            Owner::GivenUp => self.given_up -= 1,
            Owner::Message(_) | Owner::Subscribe | Owner::Unsubscribe => {}
        }
        page.owners[slot] = Owner::Nobody;
        page.used -= 1;
        self.used -= 1;
        if page.used == 0 {
            self.spare = entry.take();
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

    fn place(&mut self, id: PacketIdentifier, owner: Owner) {
        let (index, slot) = position(id);
        if self.pages.len() <= index {
            self.pages.resize_with(index + 1, || None);
        }
        let page = self.pages[index].get_or_insert_with(|| {
            self.spare.take().unwrap_or_else(|| {
                Box::new(Page {
                    owners: [Owner::Nobody; PAGE],
                    used: 0,
                })
            })
        });
        page.owners[slot] = owner;
        page.used += 1;
        self.used += 1;
    }
}

fn position(id: PacketIdentifier) -> (usize, usize) {
    let id = usize::from(id.get());
    (id / PAGE, id % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

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
}

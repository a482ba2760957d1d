//! Lists of entries, linked through the entries themselves: constant time to add and to take out.

use super::entry::Entry;
use super::slab::{Slab, SlotIndex};

/// The neighbours of an entry in its list.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mqtt) struct Links {
    previous: Option<SlotIndex>,
    pub(super) next: Option<SlotIndex>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: Option<SlotIndex>,
    tail: Option<SlotIndex>,
    len: usize,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        head: None,
        tail: None,
        len: 0,
    };

    pub(super) const fn head(&self) -> Option<SlotIndex> {
        self.head
    }

    pub(super) const fn tail(&self) -> Option<SlotIndex> {
        self.tail
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The links of an entry that is going to be [appended](Self::append).
    pub(super) const fn links_at_end(&self) -> Links {
        Links {
            previous: self.tail,
            next: None,
        }
    }

    /// Adds `place`, whose entry has the [links](Self::links_at_end) for it.
    pub(super) fn append<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        let previous = self.tail.replace(place);
        match previous.and_then(|previous| slab.get_mut(previous)) {
            Some(previous) => previous.links.next = Some(place),
            None => self.head = Some(place),
        }
        self.len += 1;
    }

    pub(super) fn push_back<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        if let Some(entry) = slab.get_mut(place) {
            entry.links = self.links_at_end();
        }
        self.append(slab, place);
    }

    pub(super) fn push_front<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        let next = self.head.replace(place);
        if let Some(entry) = slab.get_mut(place) {
            entry.links = Links {
                previous: None,
                next,
            };
        }
        match next.and_then(|next| slab.get_mut(next)) {
            Some(next) => next.links.previous = Some(place),
            None => self.tail = Some(place),
        }
        self.len += 1;
    }

    /// Adds `place` in front of `next`, which must be in this list.
    pub(super) fn insert_before<C>(
        &mut self,
        slab: &mut Slab<Entry<C>>,
        place: SlotIndex,
        next: SlotIndex,
    ) {
        let Some(behind) = slab.get_mut(next) else {
            return;
        };
        let Some(previous) = behind.links.previous.replace(place) else {
            self.push_front(slab, place);
            return;
        };
        if let Some(entry) = slab.get_mut(place) {
            entry.links = Links {
                previous: Some(previous),
                next: Some(next),
            };
        }
        if let Some(previous) = slab.get_mut(previous) {
            previous.links.next = Some(place);
        }
        self.len += 1;
    }

    /// Takes the entry with these links out; it must be in this list.
    pub(super) fn unlink<C>(&mut self, slab: &mut Slab<Entry<C>>, links: Links) {
        let Links { previous, next } = links;
        match previous.and_then(|previous| slab.get_mut(previous)) {
            Some(previous) => previous.links.next = next,
            None => self.head = next,
        }
        match next.and_then(|next| slab.get_mut(next)) {
            Some(next) => next.links.previous = previous,
            None => self.tail = previous,
        }
        self.len -= 1;
    }
}

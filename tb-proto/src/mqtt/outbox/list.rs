//! Lists of entries, linked through the entries themselves: constant time to add and to take out.

use super::entry::Entry;
use super::slab::{Slab, SlotIndex};

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

    pub(super) fn push_back<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        let previous = self.tail.replace(place);
        if let Some(entry) = slab.get_mut(place) {
            entry.previous = previous;
            entry.next = None;
        }
        match previous.and_then(|previous| slab.get_mut(previous)) {
            Some(previous) => previous.next = Some(place),
            None => self.head = Some(place),
        }
        self.len += 1;
    }

    pub(super) fn push_front<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        let next = self.head.replace(place);
        if let Some(entry) = slab.get_mut(place) {
            entry.previous = None;
            entry.next = next;
        }
        match next.and_then(|next| slab.get_mut(next)) {
            Some(next) => next.previous = Some(place),
            None => self.tail = Some(place),
        }
        self.len += 1;
    }

    /// Takes `place` out; it must be in this list.
    pub(super) fn unlink<C>(&mut self, slab: &mut Slab<Entry<C>>, place: SlotIndex) {
        let Some(entry) = slab.get_mut(place) else {
            return;
        };
        let (previous, next) = (entry.previous.take(), entry.next.take());
        match previous.and_then(|previous| slab.get_mut(previous)) {
            Some(previous) => previous.next = next,
            None => self.head = next,
        }
        match next.and_then(|next| slab.get_mut(next)) {
            Some(next) => next.previous = previous,
            None => self.tail = previous,
        }
        self.len -= 1;
    }
}

//! Entries in pages: constant time to add, find and remove; memory follows what is held.

use alloc::vec::Vec;
use core::mem;

/// Few enough that one idle connection stays small, many enough that allocating a page is rare.
const PAGE: usize = 16;

/// Places for pages that an emptied slab keeps, so that one message after the other allocates none.
const KEPT: usize = 16;

/// The place of an entry. It is used again after the entry is gone: only a
/// [`MessageId`](super::MessageId) names a message for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotIndex(u32);

impl SlotIndex {
    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    const fn position(self) -> (usize, usize) {
        (self.0 as usize / PAGE, self.0 as usize % PAGE)
    }
}

/// The first slots of a page are made as they are needed: a new page costs its allocation and no more.
#[derive(Debug)]
struct Page<T> {
    /// None of a page that is not in use, otherwise room for [`PAGE`].
    slots: Vec<Option<T>>,
    /// A bit for each free slot, made or not.
    free: u16,
}

impl<T> Page<T> {
    const ALL_FREE: u16 = u16::MAX >> (u16::BITS - PAGE as u32);

    const UNUSED: Self = Self {
        slots: Vec::new(),
        free: Self::ALL_FREE,
    };
}

#[derive(Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Page<T>>,
    /// The slots of a page, kept so that one message after the other does not allocate a page each.
    spare: Vec<Option<T>>,
    /// The pages with a free slot, each once. The last one is filled first.
    open: Vec<u32>,
    live_pages: usize,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            spare: Vec::new(),
            open: Vec::new(),
            live_pages: 0,
        }
    }

    pub(crate) const fn page_bytes() -> usize {
        PAGE * size_of::<Option<T>>() + size_of::<Page<T>>()
    }

    /// Bytes of the pages in use.
    pub(crate) const fn bytes(&self) -> usize {
        self.live_pages * Self::page_bytes()
    }

    /// A free place, for an entry that has to know where it is. It stays free if none is put there.
    pub(crate) fn vacant(&mut self) -> Vacant<'_, T> {
        let page_index = match self.open.last() {
            Some(&index) => index as usize,
            None => {
                self.pages.push(Page::UNUSED);
                self.open.push((self.pages.len() - 1) as u32);
                self.pages.len() - 1
            }
        };
        // An open page has a free slot, and all before the first one are made.
        let slot = self.pages[page_index].free.trailing_zeros() as usize % PAGE;
        Vacant {
            // The outbox holds at most a million messages (Config), far below u32::MAX.
            place: SlotIndex((page_index * PAGE + slot) as u32),
            slab: self,
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: SlotIndex) -> Option<&T> {
        let (page, slot) = index.position();
        self.pages.get(page)?.slots.get(slot)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: SlotIndex) -> Option<&mut T> {
        let (page, slot) = index.position();
        self.pages.get_mut(page)?.slots.get_mut(slot)?.as_mut()
    }

    pub(crate) fn remove(&mut self, index: SlotIndex) -> Option<T> {
        let (page, slot) = index.position();
        let entry = self.pages.get_mut(page)?.slots.get_mut(slot)?.take()?;
        self.emptied(page, slot);
        Some(entry)
    }

    /// As [`remove`](Self::remove), for an entry that nobody needs: it is dropped where it is.
    pub(crate) fn clear(&mut self, index: SlotIndex) {
        let (page, slot) = index.position();
        if let Some(held) = self.pages.get_mut(page)
            && let Some(entry @ Some(_)) = held.slots.get_mut(slot)
        {
            *entry = None;
            self.emptied(page, slot);
        }
    }

    /// This slot has become free.
    fn emptied(&mut self, page_index: usize, slot: usize) {
        let Some(page) = self.pages.get_mut(page_index) else {
            return;
        };
        if page.free == 0 {
            self.open.push(page_index as u32);
        }
        page.free |= 1 << slot;
        if page.free == Page::<T>::ALL_FREE {
            self.live_pages -= 1;
            self.spare = mem::take(&mut page.slots);
            if self.live_pages == 0 && self.pages.len() > KEPT {
                self.pages.clear();
                self.pages.shrink_to(KEPT);
                self.open.clear();
                self.open.shrink_to(KEPT);
            }
        }
    }
}

/// A place without an entry.
pub(crate) struct Vacant<'a, T> {
    place: SlotIndex,
    slab: &'a mut Slab<T>,
}

impl<T> Vacant<'_, T> {
    pub(crate) const fn place(&self) -> SlotIndex {
        self.place
    }

    #[inline]
    pub(crate) fn put(self, entry: T) {
        let Self { place, slab } = self;
        let (page, slot) = place.position();
        let page = &mut slab.pages[page];
        if page.free == Page::<T>::ALL_FREE {
            slab.live_pages += 1;
            page.slots = mem::take(&mut slab.spare);
            // Of the spare page this is nothing.
            page.slots.reserve_exact(PAGE - page.slots.len());
        }
        page.free &= !(1 << slot);
        if page.free == 0 {
            // It was the last one: only there are places given out.
            slab.open.pop();
        }
        match page.slots.get_mut(slot) {
            Some(free) => *free = Some(entry),
            None => page.slots.push(Some(entry)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn add<T>(slab: &mut Slab<T>, entry: T) -> SlotIndex {
        let vacant = slab.vacant();
        let place = vacant.place();
        vacant.put(entry);
        place
    }

    #[test]
    fn an_emptied_slab_holds_no_page_but_the_spare() {
        let mut slab = Slab::new();
        let places: Vec<_> = (0..1_000).map(|n| add(&mut slab, n)).collect();
        assert!(slab.bytes() >= 1_000 * size_of::<Option<i32>>());
        for place in places {
            slab.remove(place).unwrap();
        }
        assert_eq!(slab.bytes(), 0);
        assert!(slab.pages.is_empty() && slab.open.is_empty());
    }

    #[test]
    fn a_page_that_is_full_and_not_full_in_turn_is_listed_once() {
        let mut slab = Slab::new();
        let mut places: Vec<_> = (0..PAGE).map(|n| add(&mut slab, n)).collect();
        for round in 0..100 {
            slab.remove(places.pop().unwrap()).unwrap();
            assert_eq!(slab.open, [0]);
            places.push(add(&mut slab, round));
            assert!(slab.open.is_empty());
        }
    }

    proptest! {
        #[test]
        fn a_slab_is_a_map_from_place_to_entry(steps in proptest::collection::vec(any::<(bool, u8)>(), 0..600)) {
            let mut slab = Slab::new();
            let mut model: Vec<(SlotIndex, usize)> = Vec::new();
            for (number, (insert, pick)) in steps.into_iter().enumerate() {
                if insert || model.is_empty() {
                    let place = add(&mut slab, number);
                    prop_assert!(model.iter().all(|&(taken, _)| taken != place));
                    model.push((place, number));
                } else {
                    let (place, value) = model.swap_remove(usize::from(pick) % model.len());
                    prop_assert_eq!(slab.remove(place), Some(value));
                    prop_assert_eq!(slab.get(place), None);
                }
                for &(place, value) in &model {
                    prop_assert_eq!(slab.get(place), Some(&value));
                }
                prop_assert!(slab.bytes() <= (number + 1) * Slab::<usize>::page_bytes());
            }
        }
    }
}

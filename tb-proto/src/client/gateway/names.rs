//! Children by name, in constant time: a hash table of their places, the names stay with them.

use alloc::vec::Vec;

/// A slot is a place plus one; 0 is empty.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: Vec<u32>,
    /// Slots that are not empty, those of former names among them.
    used: usize,
}

/// The slot of a name that was changed: searches go on behind it.
const FORMER: u32 = u32::MAX;

impl Names {
    /// The place of the child with this name; `name_at` tells the name at a place.
    pub(super) fn find<'a>(
        &self,
        name: &str,
        name_at: impl Fn(usize) -> Option<&'a str>,
    ) -> Option<usize> {
        let (_, place) = self.search(name, name_at)?;
        Some(place)
    }

    /// Adds a name that is not there yet.
    pub(super) fn insert<'a>(
        &mut self,
        name: &str,
        place: usize,
        name_at: impl Fn(usize) -> Option<&'a str>,
    ) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            self.grow(name_at);
        }
        self.put(name, place);
    }

    /// Forgets a name.
    pub(super) fn remove<'a>(&mut self, name: &str, name_at: impl Fn(usize) -> Option<&'a str>) {
        if let Some((slot, _)) = self.search(name, name_at)
            && let Some(slot) = self.slots.get_mut(slot)
        {
            *slot = FORMER;
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    fn search<'a>(
        &self,
        name: &str,
        name_at: impl Fn(usize) -> Option<&'a str>,
    ) -> Option<(usize, usize)> {
        // There is always an empty slot, if there is any.
        for slot in self.probe(name) {
            match self.slots.get(slot)? {
                0 => return None,
                &FORMER => {}
                &number => {
                    let place = number as usize - 1;
                    if name_at(place) == Some(name) {
                        return Some((slot, place));
                    }
                }
            }
        }
        None
    }

    fn put(&mut self, name: &str, place: usize) {
        let Some(number) = u32::try_from(place).ok().and_then(|it| it.checked_add(1)) else {
            return;
        };
        let mut slots = self.probe(name);
        let empty = slots.find(|&slot| self.slots.get(slot) == Some(&0));
        if let Some(slot) = empty.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = number;
            self.used += 1;
        }
    }

    /// Makes a table of twice as many slots as there are names, without the former ones.
    fn grow<'a>(&mut self, name_at: impl Fn(usize) -> Option<&'a str>) {
        let old = core::mem::take(&mut self.slots);
        let places: Vec<usize> = old
            .into_iter()
            .filter(|&slot| slot != 0 && slot != FORMER)
            .map(|number| number as usize - 1)
            .collect();
        let size = (places.len() * 2 + 2).next_power_of_two().max(16);
        self.slots = alloc::vec![0; size];
        self.used = 0;
        for place in places {
            if let Some(name) = name_at(place) {
                self.put(name, place);
            }
        }
    }

    /// The slots in which a name may stand, in order.
    fn probe(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().wrapping_sub(1);
        let start = hash(name);
        (0..self.slots.len()).map(move |step| start.wrapping_add(step) & mask)
    }
}

/// FNV-1a. The application chooses the names; the server only asks for them.
fn hash(name: &str) -> usize {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    (hash ^ (hash >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn every_name_is_found_again_and_no_other() {
        let mut all: Vec<String> = Vec::new();
        let mut names = Names::default();
        for number in 0..1_000 {
            let name = format!("meter-{number}");
            names.insert(&name, number, |at| all.get(at).map(String::as_str));
            all.push(name);
        }
        let name_at = |at: usize| all.get(at).map(String::as_str);
        for (number, name) in all.iter().enumerate() {
            assert_eq!(names.find(name, name_at), Some(number));
        }
        assert_eq!(names.find("meter-1000", name_at), None);
        assert_eq!(Names::default().find("meter-1", name_at), None);
    }

    #[test]
    fn a_table_in_which_names_change_does_not_grow() {
        let mut name = String::from("meter-0");
        let mut names = Names::default();
        names.insert(&name, 0, |_| None);
        for number in 1..10_000 {
            names.remove(&name, |_| Some(&*name));
            let new = format!("meter-{number}");
            assert_eq!(names.find(&name, |_| Some(&*name)), None);
            names.insert(&new, 0, |_| None);
            name = new;
            assert_eq!(names.find(&name, |_| Some(&*name)), Some(0));
        }
        assert!(names.memory() <= 64 * size_of::<u32>());
    }
}

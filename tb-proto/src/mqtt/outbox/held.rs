//! Messages wait for their origins.

use alloc::vec::Vec;

use super::list::Links;
use super::origins::Origin;
use super::{Content, Entry, Lane, MessageId, Outbox, Publication, Queue, SlotIndex, Stage};
use crate::time::Instant;

impl<C: Content> Outbox<C> {
    /// Adds one of those on whose behalf messages are sent; it is not open.
    pub(crate) fn add_origin(&mut self, name: Vec<u8>) -> Option<Origin> {
        self.origins.add(name)
    }

    /// What the payloads of an origin begin with.
    pub(crate) fn name_of(&self, origin: Origin) -> &[u8] {
        self.origins.name(origin)
    }

    /// What precedes and follows the payload of a message.
    #[inline]
    pub(crate) fn around(&self, publication: &Publication<C>) -> (&[u8], &'static [u8]) {
        match publication.origin {
            Some(origin) => publication.content.around(self.origins.name(origin)),
            None => (b"", b""),
        }
    }

    /// From now on payloads of the origin begin with this, also of messages that were accepted before.
    pub(crate) fn rename_origin(&mut self, origin: Origin, name: Vec<u8>) {
        self.origins.rename(origin, name);
    }

    /// Bytes that all origins take.
    pub(crate) fn origins_memory(&self) -> usize {
        self.origins.memory()
    }

    /// Whether messages of the origin may be written on this connection.
    pub(crate) fn is_open(&self, origin: Origin) -> bool {
        self.origins.is_open(origin)
    }

    /// Messages of the origin without outcome.
    pub(crate) fn queued_of(&self, origin: Origin) -> usize {
        self.origins
            .get(origin)
            .map_or(0, |state| state.queued as usize)
    }

    /// When a message of the origin was last written.
    pub(crate) fn last_written_of(&self, origin: Origin) -> Instant {
        self.origins
            .get(origin)
            .map_or_else(Instant::default, |state| state.last_written)
    }

    /// Messages of the origin may be written. Those that were held go before everything else that was
    /// accepted for it.
    pub(crate) fn open_origin(&mut self, origin: Origin) {
        self.origins.open(origin);
        // The last one first: each goes to the front.
        while let Some(place) = self.origins.get(origin).and_then(|state| state.held.tail()) {
            let Some(entry) = self.entries.get(place) else {
                break;
            };
            let stage = match entry.publication.lane {
                _ if entry.writes > 0 => Stage::Again,
                lane => Stage::Ready(lane),
            };
            self.move_front(place, stage);
        }
    }

    /// Nothing of the origin is written until it is opened again.
    pub(crate) fn close_origin(&mut self, origin: Origin) {
        self.origins.close(origin);
    }

    /// The connection has ended: no origin is open. Told of while what was on its way still is.
    pub(crate) fn close_origins(&mut self) {
        let mut opening = 0;
        let mut next = self.first(Queue::InFlight);
        while let Some(entry) = next.and_then(|place| self.at(place)) {
            opening += u64::from(entry.publication.content.opens_session());
            next = entry.links.next;
        }
        self.origins.close_all(opening);
    }

    /// How many origins the server may have had open when connections ended. It is told once.
    pub(crate) const fn take_closed_origins(&mut self) -> u64 {
        self.origins.take_closed()
    }

    /// Whether the turn of this message comes too early.
    #[inline]
    pub(crate) fn waits_for_origin(&self, entry: &Entry<C>) -> Option<Origin> {
        entry
            .publication
            .origin
            .filter(|&origin| !self.origins.is_open(origin))
    }

    /// Holds a message back until its origin is open.
    pub(crate) fn hold(&mut self, place: SlotIndex) {
        let Some(origin) = self.origin_of(place) else {
            return;
        };
        if self.restage(place, Stage::Held).is_some() {
            let before = self.first_held(origin);
            let behind = self.held_written_behind(origin, place);
            if let Some(state) = self.origins.get_mut(origin) {
                match behind {
                    Some(behind) => state.held.insert_before(&mut self.entries, place, behind),
                    None => state.held.push_back(&mut self.entries, place),
                }
                self.held_messages += 1;
            }
            self.note_first_held(before, origin);
        }
    }

    /// The first held message that has been written already and is to be written again behind this one. There
    /// is none but when this one got on its way once more before its origin was closed, and that one did not.
    fn held_written_behind(&self, origin: Origin, place: SlotIndex) -> Option<SlotIndex> {
        let entry = self.entries.get(place)?;
        let held = &self.origins.get(origin)?.held;
        let lane = entry.publication.lane;
        let last = self.entries.get(held.tail()?)?;
        if entry.writes == 0 || (last.publication.lane == lane && last.id < entry.id) {
            return None;
        }
        let mut next = held.head();
        while let Some(place) = next {
            let other = self.entries.get(place)?;
            if other.writes > 0 && other.publication.lane == lane && other.id > entry.id {
                return Some(place);
            }
            next = other.links.next;
        }
        None
    }

    /// A message of an origin was written.
    pub(crate) fn note_written(&mut self, origin: Origin, at: Instant) {
        if let Some(state) = self.origins.get_mut(origin) {
            state.last_written = at;
        }
    }

    /// Takes an entry off its list.
    #[inline]
    pub(super) fn unlink(&mut self, queue: Queue, links: Links, origin: Option<Origin>) {
        match (queue, origin) {
            (Queue::Held, Some(origin)) => self.unlink_held(links, origin),
            _ => self.lists[queue as usize].unlink(&mut self.entries, links),
        }
    }

    fn unlink_held(&mut self, links: Links, origin: Origin) {
        let before = self.first_held(origin);
        if let Some(state) = self.origins.get_mut(origin) {
            state.held.unlink(&mut self.entries, links);
            self.held_messages -= 1;
        }
        self.note_first_held(before, origin);
    }

    /// All lists that are not empty.
    pub(super) fn all_lists(&self) -> impl Iterator<Item = (Queue, SlotIndex)> + '_ {
        let held = self.held.iter().map(|id| (Queue::Held, id.place()));
        Queue::ALL
            .into_iter()
            .filter_map(|queue| Some((queue, self.lists[queue as usize].head()?)))
            .chain(held)
    }

    /// The oldest held message that was never written.
    pub(super) fn oldest_held_unwritten(&self) -> Option<MessageId> {
        self.held.iter().find_map(|first| {
            let mut next = Some(first.place());
            // Few come before it: what was written, and requests and replies.
            while let Some(place) = next {
                let entry = self.entries.get(place)?;
                let is_normal = entry.publication.lane == Lane::Origins;
                if entry.writes == 0 && is_normal {
                    return Some(entry.id);
                }
                next = entry.links.next;
            }
            None
        })
    }

    fn origin_of(&self, place: SlotIndex) -> Option<Origin> {
        self.entries.get(place)?.publication.origin
    }

    fn first_held(&self, origin: Origin) -> Option<MessageId> {
        let head = self.origins.get(origin)?.held.head()?;
        self.entries.get(head).map(|entry| entry.id)
    }

    fn note_first_held(&mut self, before: Option<MessageId>, origin: Origin) {
        let after = self.first_held(origin);
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.held.remove(&before);
        }
        if let Some(after) = after {
            self.held.insert(after);
        }
    }
}

//! Every accepted message, from acceptance to outcome.
//!
//! ```text
//!  insert ──▶ Parked ──▶ Ready ──────────▶ InFlight ──▶ outcome
//!                          │ QoS 0: outcome   │ the link ended
//!                          ▼                  ▼
//!                       outcome             Again ──▶ InFlight …
//!                                             │ seen at two hang-ups
//!                                             ▼
//!                                          Suspect ──▶ InFlight, alone
//! ```
//!
//! Each stage is a list, so nothing ever walks the messages to find one.

mod entry;
mod held;
mod joined;
mod list;
mod origins;
mod slab;

use alloc::collections::BTreeSet;

pub(crate) use entry::{
    Content, Entry, Lane, MessageId, NextPart, OnLinkEnd, PartLimits, Publication, Queue, Shared,
    Stage, Suspicion,
};
use list::List;
pub(crate) use origins::Origin;
use origins::Origins;
use slab::Slab;
pub(crate) use slab::SlotIndex;

use super::pacing::{Cost, Tokens};
use crate::codec::PacketIdentifier;
use crate::time::Instant;

/// The most that may be held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox<C> {
    limits: OutboxLimits,
    entries: Slab<Entry<C>>,
    lists: [List; Queue::COUNT],
    expiries: BTreeSet<(Instant, MessageId)>,
    origins: Origins,
    /// The first held message of each origin that has any.
    held: BTreeSet<MessageId>,
    held_messages: usize,
    sequence: u64,
    len: usize,
    content_bytes: usize,
    reserved_messages: usize,
    reserved_bytes: usize,
    /// What the server charges for the messages in flight.
    in_flight: Tokens,
    /// What it has charged for those that were, and nobody has asked for yet.
    landed: Tokens,
}

impl<C: Content> Outbox<C> {
    /// Bytes that one expiry takes in the ordered set, roughly.
    const EXPIRY_BYTES: usize = 48;

    pub(crate) const fn new(limits: OutboxLimits) -> Self {
        Self {
            limits,
            entries: Slab::new(),
            lists: [List::EMPTY; Queue::COUNT],
            expiries: BTreeSet::new(),
            origins: Origins::new(),
            held: BTreeSet::new(),
            held_messages: 0,
            sequence: 0,
            len: 0,
            content_bytes: 0,
            reserved_messages: 0,
            reserved_bytes: 0,
            in_flight: Tokens::NONE,
            landed: Tokens::NONE,
        }
    }

    /// Whether one more message fits beside `others` that are held elsewhere; `memory` is what it and
    /// they take.
    pub(crate) fn has_room(&self, others: usize, memory: usize) -> bool {
        let page = Slab::<Entry<C>>::page_bytes();
        let bytes = memory.checked_add(self.bytes() + self.reserved_bytes + page);
        self.len + others + self.reserved_messages < self.limits.messages
            && bytes.is_some_and(|bytes| bytes <= self.limits.bytes)
    }

    /// Keeps room for a message of that size.
    pub(crate) const fn reserve(&mut self, memory: usize) {
        self.reserved_messages += 1;
        self.reserved_bytes += memory;
    }

    pub(crate) const fn release(&mut self, memory: usize) {
        self.reserved_messages = self.reserved_messages.saturating_sub(1);
        self.reserved_bytes = self.reserved_bytes.saturating_sub(memory);
    }

    /// Adds a message without asking for room. A parked one goes nowhere until it is unparked.
    pub(crate) fn insert(&mut self, mut publication: Publication<C>, parked: bool) -> MessageId {
        if publication.origin.is_some() {
            publication.lane = publication.lane.of_origins();
        }
        self.sequence += 1;
        self.len += 1;
        self.content_bytes += publication.content.memory();
        self.origins.count(publication.origin, 1);
        let (stage, queue) = match (parked, publication.lane) {
            (true, _) => (Stage::Parked, Queue::Parked),
            (false, Lane::Urgent) => (Stage::Ready(Lane::Urgent), Queue::Urgent),
            (false, Lane::First) => (Stage::Ready(Lane::First), Queue::First),
            (false, Lane::Live) => (Stage::Ready(Lane::Live), Queue::Live),
            (false, Lane::Normal) => (Stage::Ready(Lane::Normal), Queue::Normal),
            (false, Lane::OriginsUrgent) => {
                (Stage::Ready(Lane::OriginsUrgent), Queue::OriginsUrgent)
            }
            (false, Lane::Origins) => (Stage::Ready(Lane::Origins), Queue::Origins),
        };
        let expires = publication.expires;
        let list = &mut self.lists[queue as usize];
        let links = list.links_at_end();
        let cost = publication.cost();
        let vacant = self.entries.vacant();
        let place = vacant.place();
        let id = MessageId::new(self.sequence, place);
        vacant.put(Entry {
            id,
            publication,
            stage,
            cost,
            writes: 0,
            unanswered: 0,
            suspicion: Suspicion::default(),
            links,
        });
        list.append(&mut self.entries, place);
        if let Some(expires) = expires {
            self.expiries.insert((expires, id));
        }
        id
    }

    /// Lets a parked message go.
    pub(crate) fn unpark(&mut self, id: MessageId) {
        if let Some(entry) = self.get(id)
            && entry.stage == Stage::Parked
        {
            let lane = entry.publication.lane;
            self.move_back(id.place(), Stage::Ready(lane));
        }
    }

    /// What was live on a connection is a part of the backlog on the next one.
    pub(crate) fn live_is_over(&mut self) {
        while let Some(place) = self.first(Queue::Live) {
            if let Some(entry) = self.entries.get_mut(place) {
                entry.publication.lane = Lane::Normal;
            }
            self.move_back(place, Stage::Ready(Lane::Normal));
        }
    }

    /// Ends the way of a message: it is counted no more and keeps its place until it is
    /// [taken](Self::take). Returns whether it had not ended before.
    pub(crate) fn settle(&mut self, id: MessageId) -> bool {
        self.get(id).is_some() && self.settle_at(id.place())
    }

    fn settle_at(&mut self, place: SlotIndex) -> bool {
        let Some(entry) = self.entries.get_mut(place) else {
            return false;
        };
        let id = entry.id;
        let Some(queue) = entry.stage.queue() else {
            return false;
        };
        entry.stage = Stage::Settled;
        let (links, expires) = (entry.links, entry.publication.expires);
        let (memory, cost) = (entry.publication.content.memory(), entry.cost);
        let origin = entry.publication.origin;
        self.content_bytes -= memory;
        self.len -= 1;
        if let Some(expires) = expires {
            self.expiries.remove(&(expires, id));
        }
        if queue == Queue::InFlight {
            self.landed(cost);
        }
        self.unlink(queue, links, origin);
        self.origins.count(origin, -1);
        true
    }

    /// Ends the way of a message of which nothing is needed any more, and forgets it where it is.
    pub(crate) fn forget_at(&mut self, place: SlotIndex) {
        if self.settle_at(place) {
            self.entries.clear(place);
        }
    }

    /// Takes a settled message out, with all that it carries.
    pub(crate) fn take(&mut self, id: MessageId) -> Option<Entry<C>> {
        let settled = self.get(id)?.stage == Stage::Settled;
        settled.then(|| self.entries.remove(id.place())).flatten()
    }

    /// Takes a message out that has no outcome yet, whatever its stage.
    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry<C>> {
        self.settle(id).then(|| self.take(id)).flatten()
    }

    /// Changes a message that has no outcome yet.
    pub(crate) fn edit(&mut self, id: MessageId, change: impl FnOnce(&mut Publication<C>)) {
        // A settled one is counted no more.
        if self
            .get(id)
            .is_none_or(|entry| entry.stage == Stage::Settled)
        {
            return;
        }
        if let Some(entry) = self.entries.get_mut(id.place()) {
            let expires = entry.publication.expires;
            self.content_bytes -= entry.publication.content.memory();
            change(&mut entry.publication);
            self.content_bytes += entry.publication.content.memory();
            // What is on its way costs what it did when it was written.
            if !matches!(entry.stage, Stage::InFlight { .. }) {
                entry.cost = entry.publication.cost();
            }
            let changed = entry.publication.expires;
            if expires != changed {
                if let Some(expires) = expires {
                    self.expiries.remove(&(expires, id));
                }
                if let Some(changed) = changed {
                    self.expiries.insert((changed, id));
                }
            }
        }
    }

    /// A message was written at QoS 1.
    #[inline]
    pub(crate) fn written(
        &mut self,
        place: SlotIndex,
        id: PacketIdentifier,
        at: Instant,
        order: u64,
    ) {
        let Some(entry) = self.entries.get_mut(place) else {
            return;
        };
        let Some(from) = entry.stage.queue() else {
            return;
        };
        entry.stage = Stage::InFlight { id, at, order };
        entry.writes = entry.writes.saturating_add(1);
        let (links, cost) = (entry.links, entry.cost);
        let origin = entry.publication.origin;
        if let Some(origin) = origin {
            self.note_written(origin, at);
        }
        if from == Queue::InFlight {
            self.landed(cost);
        }
        self.in_flight += cost;
        self.unlink(from, links, origin);
        self.lists[Queue::InFlight as usize].push_back(&mut self.entries, place);
    }

    /// A message was written in one packet with others, where the server charges this for it.
    pub(crate) fn written_together(
        &mut self,
        place: SlotIndex,
        id: PacketIdentifier,
        at: Instant,
        order: u64,
        cost: Cost,
    ) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.cost = cost;
        }
        self.written(place, id, at, order);
    }

    /// What the server charges for the messages in flight.
    pub(crate) const fn in_flight_tokens(&self) -> Tokens {
        self.in_flight
    }

    /// What the server has charged for messages that are in flight no more. It is told once.
    pub(crate) fn take_landed(&mut self) -> Tokens {
        core::mem::take(&mut self.landed)
    }

    fn landed(&mut self, cost: Cost) {
        self.in_flight -= cost;
        self.landed += cost;
    }

    /// Puts a message back in front of those that wait to be sent again.
    pub(crate) fn again_first(&mut self, place: SlotIndex) {
        self.move_front(place, Stage::Again);
    }

    /// Makes a message a suspect, behind the others, that is not tried before this time.
    pub(crate) fn suspect(&mut self, id: MessageId, not_before: Instant) {
        self.move_back(id.place(), Stage::Suspect { not_before });
    }

    /// As [`suspect`](Self::suspect), before the others.
    pub(crate) fn suspect_first(&mut self, id: MessageId, not_before: Instant) {
        self.move_front(id.place(), Stage::Suspect { not_before });
    }

    pub(crate) fn get(&self, id: MessageId) -> Option<&Entry<C>> {
        self.entries.get(id.place()).filter(|entry| entry.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry<C>> {
        self.entries
            .get_mut(id.place())
            .filter(|entry| entry.id == id)
    }

    pub(crate) fn at(&self, place: SlotIndex) -> Option<&Entry<C>> {
        self.entries.get(place)
    }

    pub(crate) fn at_mut(&mut self, place: SlotIndex) -> Option<&mut Entry<C>> {
        self.entries.get_mut(place)
    }

    /// The name that the next message gets, at the least.
    pub(crate) fn next_id(&self) -> MessageId {
        MessageId::new(self.sequence.saturating_add(1), SlotIndex::new(0))
    }

    /// Every message without outcome; it walks them all.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<C>> {
        let entries = &self.entries;
        self.all_lists().flat_map(move |(_, head)| {
            let mut next = Some(head);
            core::iter::from_fn(move || {
                let entry = entries.get(next?)?;
                next = entry.links.next;
                Some(entry)
            })
        })
    }

    /// The first message of a queue.
    pub(crate) const fn first(&self, queue: Queue) -> Option<SlotIndex> {
        self.lists[queue as usize].head()
    }

    /// The message behind `place` in its list.
    pub(crate) fn behind(&self, place: SlotIndex) -> Option<SlotIndex> {
        self.entries.get(place)?.links.next
    }

    pub(crate) const fn count(&self, queue: Queue) -> usize {
        self.lists[queue as usize].len()
    }

    /// Whether a message waits to be written, of its own accord.
    pub(crate) const fn waits(&self) -> bool {
        self.waiting() > 0
    }

    /// Messages that wait to be written, of their own accord.
    pub(crate) const fn waiting(&self) -> usize {
        let others = self.count(Queue::InFlight) + self.count(Queue::Parked);
        let others = others + self.count(Queue::Joined) + self.held_messages;
        self.len.saturating_sub(others)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held, bookkeeping included.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.bytes() + self.content_bytes + self.expiries.len() * Self::EXPIRY_BYTES
    }

    /// The next message whose time to live ends, and when.
    pub(crate) fn next_expiry(&self) -> Option<(Instant, MessageId)> {
        self.expiries.first().copied()
    }

    /// Forgets the expiry of a message that is on its way; it is looked at again when the link ends.
    pub(crate) fn forget_expiry(&mut self, at: Instant, id: MessageId) {
        self.expiries.remove(&(at, id));
    }

    /// The oldest message of normal importance that has never been written.
    pub(crate) fn oldest_droppable(&self) -> Option<MessageId> {
        // Only the first of a queue can have been written in part.
        let unwritten = |queue| {
            let first = self.entries.get(self.first(queue)?)?;
            if first.writes == 0 {
                return Some(first.id);
            }
            let second = self.entries.get(first.links.next?)?;
            (second.writes == 0).then_some(second.id)
        };
        [Queue::Parked, Queue::Normal, Queue::Live, Queue::Origins]
            .into_iter()
            .filter_map(unwritten)
            .chain(self.oldest_held_unwritten())
            .min()
    }

    /// Any message that is no part of another one; used to empty the outbox. The parts end with the
    /// message that they are in.
    pub(crate) fn any(&self) -> Option<MessageId> {
        self.all_lists()
            .find(|&(queue, _)| queue != Queue::Joined)
            .and_then(|(_, place)| self.entries.get(place))
            .map(|entry| entry.id)
    }

    fn move_back(&mut self, place: SlotIndex, stage: Stage) {
        if let Some(queue) = self.restage(place, stage) {
            self.lists[queue as usize].push_back(&mut self.entries, place);
        }
    }

    fn move_front(&mut self, place: SlotIndex, stage: Stage) {
        if let Some(queue) = self.restage(place, stage) {
            self.lists[queue as usize].push_front(&mut self.entries, place);
        }
    }

    /// Takes a message off its list and tells which one is next.
    fn restage(&mut self, place: SlotIndex, stage: Stage) -> Option<Queue> {
        let entry = self.entries.get_mut(place)?;
        let from = entry.stage.queue()?;
        entry.stage = stage;
        let (links, origin) = (entry.links, entry.publication.origin);
        if from == Queue::InFlight {
            // What it cost there it may have cost together with others.
            let cost = core::mem::replace(&mut entry.cost, entry.publication.cost());
            self.landed(cost);
        }
        self.unlink(from, links, origin);
        stage.queue()
    }
}

#[cfg(test)]
mod tests;

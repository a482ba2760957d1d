//! Messages that are part of another one.

use super::{Content, MessageId, Outbox, Stage, Suspicion};

impl<C: Content> Outbox<C> {
    /// Makes a parked message part of another one.
    pub(crate) fn join(&mut self, id: MessageId) {
        if self
            .get(id)
            .is_some_and(|entry| entry.stage == Stage::Parked)
        {
            self.move_back(id.place(), Stage::Joined);
        }
    }

    /// All parts of a message have been made: its outcome will be theirs.
    pub(crate) fn join_parts(&mut self, id: MessageId) {
        self.move_back(id.place(), Stage::Joined);
    }

    /// Takes a message out of another one again. It is older than all that is parked: take the last
    /// member out first.
    pub(crate) fn part(&mut self, id: MessageId) {
        if let Some(entry) = self.get(id)
            && entry.stage == Stage::Joined
        {
            // It may have been forgotten while it was under way.
            if let Some(expires) = entry.publication.expires {
                self.expiries.insert((expires, id));
            }
            self.move_front(id.place(), Stage::Parked);
        }
    }

    /// What a message is suspected of that was rejected holds for this part of it.
    pub(crate) fn inherit(&mut self, id: MessageId, suspicion: Suspicion) {
        if let Some(entry) = self.get_mut(id) {
            entry.suspicion = Suspicion {
                strikes: 0,
                ..suspicion
            };
        }
    }

    /// The message of which this one is a part was written.
    pub(crate) fn carried(&mut self, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.writes = entry.writes.saturating_add(1);
        }
    }
}

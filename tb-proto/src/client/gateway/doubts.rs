//! Children whose announcement makes the server hang up are found, and harm no others.
//!
//! ```text
//!   blamed for two ends ──▶ announced alone ──acknowledged──▶ as all others
//!                               │ ends the connection again and again
//!                               ▼
//!                           refused; an hour later announced alone once more
//! ```
//!
//! An announcement dies with its connection, and every connection announces all children: without this, one
//! of them would end each connection, for ever.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::ChildId;
use crate::client::Client;
use crate::mqtt::{MessageId, OnLinkEnd, Publication};
use crate::time::Instant;

/// The server also hangs up on too many announcements (TB §9.10), which is the fault of none of them. So
/// after an end for which some are blamed they follow each other at this distance, and at twice of it
/// after the next one.
const APART: Duration = Duration::from_millis(20);
const FARTHEST: Duration = Duration::from_secs(5);

/// What speaks against announcing a child beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It was being announced when a connection ended, and has not been acknowledged since.
    Blamed,
    /// This message announces it, alone.
    Alone(MessageId),
    /// The server closed the connection whenever it was announced.
    Closes,
}

#[derive(Debug, Default)]
pub(super) struct Doubts {
    of: BTreeMap<ChildId, Doubt>,
    alone: usize,
    /// Some were blamed for the end of the last connection.
    were_blamed: bool,
    /// The distance of announcements beside others.
    apart: Duration,
    /// The next one is not before.
    next: Option<Instant>,
}

impl Doubts {
    /// A connection stands.
    pub(super) fn online(&mut self) {
        self.apart = if core::mem::take(&mut self.were_blamed) {
            (self.apart * 2).clamp(APART, FARTHEST)
        } else {
            Some(self.apart / 2)
                .filter(|apart| *apart >= APART)
                .unwrap_or_default()
        };
        self.next = None;
    }

    /// The connection ended while the child was being announced. Returns whether that is the second time.
    fn blame(&mut self, child: ChildId) -> bool {
        self.were_blamed = true;
        self.of.insert(child, Doubt::Blamed) == Some(Doubt::Blamed)
    }

    /// One is announced beside others.
    pub(super) fn announced(&mut self, now: Instant) {
        self.next = (!self.apart.is_zero()).then(|| now + self.apart);
    }

    /// Whether another one may be announced beside others.
    pub(super) fn may_announce(&mut self, now: Instant) -> bool {
        self.next.take_if(|next| *next <= now);
        self.next.is_none()
    }

    /// When another one may be, unless that is now.
    pub(super) const fn next_announcement(&self) -> Option<Instant> {
        self.next
    }

    fn announced_alone(&mut self, child: ChildId, announcement: MessageId) {
        self.of.insert(child, Doubt::Alone(announcement));
        self.alone += 1;
    }

    /// The child closes the connection.
    pub(super) fn convict(&mut self, child: ChildId) {
        self.remove(child);
        self.of.insert(child, Doubt::Closes);
    }

    pub(super) fn closes(&self, child: ChildId) -> bool {
        self.of.get(&child) == Some(&Doubt::Closes)
    }

    /// Nothing speaks against the child any more. Returns what announces it alone.
    pub(super) fn remove(&mut self, child: ChildId) -> Option<MessageId> {
        match self.of.remove(&child)? {
            Doubt::Alone(announcement) => {
                self.alone -= 1;
                Some(announcement)
            }
            Doubt::Blamed | Doubt::Closes => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }
}

impl Client {
    /// The announcement of a child may be what ended the connection.
    pub(super) fn blame(&mut self, child: ChildId) {
        let config = self.config.gateway.as_ref();
        // As many as can be blamed for one end: they stand in the queue.
        let most = config.map_or(0, |config| config.max_announcing);
        if self.children.doubts.blame(child)
            && self.children.doubts.alone < most
            && !self.mqtt.is_draining()
        {
            self.announce_alone(child);
        }
    }

    /// Announces a child by a message that goes on over connections, and travels alone.
    pub(super) fn announce_alone(&mut self, child: ChildId) {
        let convicted = self.children.doubts.closes(child);
        let announcement = Publication {
            on_link_end: OnLinkEnd::Resend,
            ..self.announcement(child)
        };
        let id = self.mqtt.submit(announcement, true);
        self.mqtt.suspect(id, convicted);
        self.children.suspect(child);
        self.children.doubts.announced_alone(child, id);
    }

    /// The child is another one now, or none: it need not be announced alone.
    pub(super) fn drop_doubt(&mut self, child: ChildId) {
        if let Some(announcement) = self.children.doubts.remove(child) {
            self.mqtt.acquit(announcement);
        }
    }

    /// The client is disconnecting: a child of which nothing waits need not be announced.
    pub(in crate::client) fn drop_idle_doubts(&mut self) {
        let doubts = self.children.doubts.of.keys().copied();
        let idle = doubts.filter(|child| self.mqtt.outbox().queued_of(child.0) == 0);
        let idle: Vec<ChildId> = idle.collect();
        for child in idle {
            self.drop_doubt(child);
        }
    }
}

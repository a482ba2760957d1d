//! Changes of the shared attributes of children.

use alloc::collections::{BTreeMap, VecDeque};

use super::{ChildId, Gateway};
use crate::client::{AttributeKeys, AttributeSubscription};
use crate::tb::AttributeUpdate;
use crate::time::Instant;

/// Whom something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WhichChildren {
    /// Every child, those that are added later too.
    All,
    /// This one.
    One(ChildId),
}

/// Who follows what, and the changes that wait to be fetched.
#[derive(Debug, Default)]
pub(in crate::client) struct ChildUpdates {
    interests: BTreeMap<(WhichChildren, AttributeSubscription), AttributeKeys>,
    scopes: BTreeMap<AttributeSubscription, WhichChildren>,
    waiting: BTreeMap<ChildId, AttributeUpdate>,
    order: VecDeque<ChildId>,
    bytes: usize,
    lost: u64,
}

/// What comes of a change.
#[derive(Debug, PartialEq)]
pub(in crate::client) enum ChildUpdate {
    Changed(ChildId, AttributeUpdate),
    Lost(u64),
}

impl ChildUpdates {
    /// Bytes of bookkeeping for a child of which something waits.
    const OVERHEAD: usize = 128;

    fn follow(&mut self, which: WhichChildren, id: AttributeSubscription, keys: AttributeKeys) {
        self.scopes.insert(id, which);
        self.interests.insert((which, id), keys);
    }

    /// Ends a subscription. Returns whether it was one to children.
    pub(in crate::client) fn unfollow(&mut self, id: AttributeSubscription) -> bool {
        let which = self.scopes.remove(&id);
        if let Some(which) = which {
            self.interests.remove(&(which, id));
        }
        which.is_some()
    }

    fn wants(&self, child: ChildId, key: &str) -> bool {
        [WhichChildren::All, WhichChildren::One(child)]
            .into_iter()
            .any(|which| {
                let first = (which, AttributeSubscription(0));
                let last = (which, AttributeSubscription(u64::MAX));
                let mut followers = self.interests.range(first..=last);
                followers.any(|(_, keys)| keys.contains(key))
            })
    }

    /// Takes a change over; `bytes` is the size of the message that brought it.
    pub(super) fn arrive(
        &mut self,
        child: ChildId,
        mut update: AttributeUpdate,
        bytes: usize,
        max_bytes: usize,
    ) {
        update.retain(|key| self.wants(child, key));
        if update.is_empty() {
            return;
        }
        let bytes = bytes + Self::OVERHEAD;
        if self.bytes > 0 && self.bytes + bytes > max_bytes {
            self.lost += 1;
            return;
        }
        self.bytes += bytes;
        if let Some(waiting) = self.waiting.get_mut(&child) {
            waiting.merge(update);
        } else {
            self.waiting.insert(child, update);
            self.order.push_back(child);
        }
    }

    /// The next change to be told.
    pub(in crate::client) fn pop(&mut self) -> Option<ChildUpdate> {
        if self.lost > 0 {
            return Some(ChildUpdate::Lost(core::mem::take(&mut self.lost)));
        }
        let child = self.order.pop_front()?;
        let update = self.waiting.remove(&child)?;
        if self.order.is_empty() {
            self.bytes = 0;
            self.order = VecDeque::new();
        }
        Some(ChildUpdate::Changed(child, update))
    }

    pub(in crate::client) fn len(&self) -> usize {
        self.order.len()
    }
}

impl Gateway<'_> {
    /// Follows changes of shared attributes of children; they come as
    /// [`Event::ChildAttributesUpdated`](crate::Event::ChildAttributesUpdated). Ended with
    /// [`Client::unsubscribe_from_attributes`](crate::Client::unsubscribe_from_attributes).
    ///
    /// Nothing is told about what was before: [ask](Self::request_attributes) for it.
    pub fn subscribe_to_attributes(
        &mut self,
        now: Instant,
        which: WhichChildren,
        keys: AttributeKeys,
    ) -> AttributeSubscription {
        self.client.mqtt.advance(now);
        let subscription = self.client.next_subscription();
        self.client.child_updates.follow(which, subscription, keys);
        subscription
    }
}

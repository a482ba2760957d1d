//! What comes for the children of a gateway, on its way to those who receive it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use tb_proto::{
    AttributeKeys, AttributeSubscription, AttributeUpdate, ChildId, ChildRefusal, Event,
    ReasonCode, WhichChildren,
};

use super::attributes::{AttributeTaker, merge, size_of_update, wanted};
use super::{Channel, MostWaiting, push_or_count};
use crate::wakes::Wakes;

/// Changes of so many keys of all children wait for a receiver.
const KEYS: usize = 10_000;

/// So many bytes of keys and values of all children wait for a receiver.
const BYTES: usize = 1024 * 1024;

/// Shared attributes of a child have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildUpdate {
    /// The name of the child.
    pub child: String,
    /// What changed.
    pub update: AttributeUpdate,
}

/// What becomes of a child, without having been asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildEvent {
    /// The server does not take the child. What is accepted for it waits; it is announced again after ten
    /// minutes, or after an hour if the server closes the connection whenever it is.
    Refused {
        /// The name of the child.
        child: String,
        /// Why.
        reason: ChildRefusal,
    },
    /// The server has disconnected the child; it is announced again.
    Disconnected {
        /// The name of the child.
        child: String,
        /// What the server says: 0x96 for a rate limit, for one.
        reason: Option<ReasonCode>,
    },
    /// The child was renamed on the server. It goes on under its new name, what waits for it too.
    Renamed {
        /// Its old name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// The device of the child was deleted on the server. What waits for it stays in the queue until
    /// something more is sent for the child, which creates a new device: cancel it, or let it expire.
    Deleted {
        /// The name of the child.
        child: String,
    },
    /// The server sent something for a device that is no child of this gateway, or is none any more.
    Unknown {
        /// What the server calls it; at most the first 255 characters.
        name: String,
        /// The topic of the message.
        topic: String,
    },
    /// The events are not read: so many are missing here.
    Missed {
        /// How many.
        events: usize,
    },
}

impl ChildEvent {
    /// The event of the machine for those who follow children. `name` tells the name of a child.
    pub(crate) fn from_event(event: &Event, name: impl FnOnce(ChildId) -> String) -> Option<Self> {
        Some(match event {
            Event::ChildRefused { child, reason } => Self::Refused {
                child: name(*child),
                reason: *reason,
            },
            Event::ChildDisconnected { child, reason } => Self::Disconnected {
                child: name(*child),
                reason: *reason,
            },
            Event::ChildRenamed { from, to, .. } => Self::Renamed {
                from: from.clone(),
                to: to.clone(),
            },
            Event::ChildDeleted { child } => Self::Deleted {
                child: name(*child),
            },
            Event::UnknownChild { name, topic } => Self::Unknown {
                name: name.clone(),
                topic: topic.clone(),
            },
            _ => return None,
        })
    }
}

impl MostWaiting for ChildEvent {
    fn missed(&mut self) -> Option<&mut usize> {
        match self {
            Self::Missed { events } => Some(events),
            _ => None,
        }
    }

    fn one_missed() -> Self {
        Self::Missed { events: 1 }
    }
}

/// The sending ends of all streams about children.
#[derive(Debug, Default)]
pub(crate) struct ChildTakers {
    one: BTreeMap<ChildId, Vec<AttributeTaker>>,
    all: Vec<ChildrenTaker>,
    events: Vec<Arc<Channel<ChildEvent>>>,
}

impl ChildTakers {
    pub(super) fn add_one(&mut self, child: ChildId, taker: AttributeTaker) {
        self.one.entry(child).or_default().push(taker);
    }

    pub(super) fn add_all(&mut self, taker: ChildrenTaker) {
        self.all.push(taker);
    }

    pub(super) fn add_events(&mut self, channel: &Arc<Channel<ChildEvent>>) {
        self.events.push(Arc::clone(channel));
    }

    pub(super) fn remove(&mut self, which: WhichChildren, gone: AttributeSubscription) {
        match which {
            WhichChildren::All => self.all.retain(|taker| taker.subscription != gone),
            WhichChildren::One(child) => {
                if let Some(takers) = self.one.get_mut(&child) {
                    takers.retain(|taker| taker.subscription != gone);
                    if takers.is_empty() {
                        self.one.remove(&child);
                    }
                }
            }
        }
    }

    pub(super) fn remove_events(&mut self, gone: &Arc<Channel<ChildEvent>>) {
        self.events.retain(|channel| !Arc::ptr_eq(channel, gone));
    }

    /// Every taker gets what it asked for. Gives the number of keys for which there was no room.
    pub(super) fn updated(
        &mut self,
        child: ChildId,
        name: &str,
        update: &AttributeUpdate,
        wakes: &mut Wakes,
    ) -> usize {
        let mut missed = 0;
        for taker in self.one.get_mut(&child).into_iter().flatten() {
            missed += taker.push(update.clone(), wakes);
        }
        for taker in &mut self.all {
            missed += taker.push(child, name, update.clone(), wakes);
        }
        missed
    }

    pub(super) fn tell(&self, event: &ChildEvent, wakes: &mut Wakes) {
        for channel in &self.events {
            channel.update(wakes, |items| push_or_count(items, event));
        }
    }

    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        for taker in core::mem::take(&mut self.one).into_values().flatten() {
            taker.channel.close(wakes);
        }
        for taker in self.all.drain(..) {
            taker.channel.close(wakes);
        }
        for channel in self.events.drain(..) {
            channel.close(wakes);
        }
    }
}

/// The sending end of one stream of the attribute updates of all children.
#[derive(Debug)]
pub(crate) struct ChildrenTaker {
    subscription: AttributeSubscription,
    keys: AttributeKeys,
    pub(super) channel: Arc<Channel<ChildUpdate>>,
    /// Where the change of a child waits, counted from the first that ever waited.
    places: BTreeMap<ChildId, u64>,
    /// How many have begun to wait so far.
    begun: u64,
    /// Upper bound of what waits.
    weight: Weight,
    /// How many had been fetched when it was weighed.
    weighed_at: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    keys: usize,
    bytes: usize,
}

impl ChildrenTaker {
    pub(crate) fn new(
        subscription: AttributeSubscription,
        keys: AttributeKeys,
        channel: Arc<Channel<ChildUpdate>>,
    ) -> Self {
        Self {
            subscription,
            keys,
            channel,
            places: BTreeMap::new(),
            begun: 0,
            weight: Weight::default(),
            weighed_at: 0,
        }
    }

    /// Merges `update` into what waits of the child. Gives the number of keys for which there was no room.
    fn push(
        &mut self,
        child: ChildId,
        name: &str,
        update: AttributeUpdate,
        wakes: &mut Wakes,
    ) -> usize {
        let update = wanted(&self.keys, update);
        if update.is_empty() {
            return 0;
        }
        let channel = Arc::clone(&self.channel);
        channel.update(wakes, |items| self.put(items, child, name, update))
    }

    fn put(
        &mut self,
        items: &mut VecDeque<ChildUpdate>,
        child: ChildId,
        name: &str,
        update: AttributeUpdate,
    ) -> usize {
        if items.is_empty() {
            self.places.clear();
            self.weight = Weight::default();
        }
        let fetched = self.begun - items.len() as u64;
        let place = self.places.get(&child).copied();
        let at = place.and_then(|place| usize::try_from(place.checked_sub(fetched)?).ok());
        let more = weigh(name, &update);
        let fits = self.fits(items, fetched, more);
        let waiting = at.and_then(|at| items.get_mut(at));
        if !fits {
            // Rather no value than an old one.
            if let Some(waiting) = waiting {
                forget(&mut waiting.update, &update);
            }
            return more.keys;
        }
        self.weight.keys += more.keys;
        self.weight.bytes += more.bytes;
        if let Some(waiting) = waiting {
            let before = core::mem::take(&mut waiting.update);
            let (merged, missed) = merge(before, update, &mut 0);
            waiting.update = merged;
            return missed;
        }
        self.places.insert(child, self.begun);
        self.begun += 1;
        items.push_back(ChildUpdate {
            child: name.into(),
            update,
        });
        0
    }

    /// Whether there is room; looks closely only when something was fetched since the last time.
    fn fits(&mut self, items: &VecDeque<ChildUpdate>, fetched: u64, more: Weight) -> bool {
        let fits = |weight: Weight| {
            weight.keys + more.keys <= KEYS
                && (weight.bytes + more.bytes <= BYTES || weight.keys == 0)
        };
        if !fits(self.weight) && fetched != self.weighed_at {
            self.weighed_at = fetched;
            self.weight = items.iter().fold(Weight::default(), |sum, item| {
                let weight = weigh(&item.child, &item.update);
                Weight {
                    keys: sum.keys + weight.keys,
                    bytes: sum.bytes + weight.bytes,
                }
            });
        }
        fits(self.weight)
    }
}

/// The keys of `update` do not wait any more.
fn forget(waiting: &mut AttributeUpdate, update: &AttributeUpdate) {
    let named = |key: &String| update.deleted.contains(key) || update.updated.contains_key(key);
    let mut updated = core::mem::take(&mut waiting.updated).into_inner();
    updated.retain(|key, _| !named(key));
    waiting.updated = updated.into();
    waiting.deleted.retain(|key| !named(key));
}

fn weigh(name: &str, update: &AttributeUpdate) -> Weight {
    Weight {
        keys: update.updated.len() + update.deleted.len(),
        bytes: name.len() + size_of_update(update),
    }
}

#[cfg(test)]
mod tests {
    use core::task::{Context, Poll, Waker};

    use serde_json::json;
    use tb_proto::{Client, Config, Credentials, GatewayConfig, Instant};

    use super::*;

    /// A taker of everything, and so many children.
    fn taker(children: usize) -> (ChildrenTaker, Vec<ChildId>) {
        let config = Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t"));
        let now = Instant::from_micros(0);
        let config = config.gateway(GatewayConfig::new());
        let mut machine = Client::new(config, now, 0).unwrap();
        let mut gateway = machine.gateway();
        let keys = AttributeKeys::All;
        let subscription = gateway.subscribe_to_attributes(now, WhichChildren::All, keys.clone());
        let taker = ChildrenTaker::new(subscription, keys, Arc::default());
        let child = |n: usize| gateway.child(now, &format!("meter-{n}"), None).unwrap();
        (taker, (0..children).map(child).collect())
    }

    fn push(
        taker: &mut ChildrenTaker,
        child: ChildId,
        key: &str,
        value: serde_json::Value,
    ) -> usize {
        let update = AttributeUpdate {
            updated: [(key.to_owned(), value)].into_iter().collect(),
            deleted: Vec::new(),
        };
        let name = format!("meter-{}", child.get());
        taker.push(child, &name, update, &mut Wakes::default())
    }

    fn fetch(taker: &ChildrenTaker) -> Option<ChildUpdate> {
        match taker.channel.poll(0, &Context::from_waker(Waker::noop())) {
            Poll::Ready(update) => update,
            Poll::Pending => None,
        }
    }

    #[test]
    fn changes_of_a_child_that_wait_are_one_and_those_of_others_stay_apart() {
        let (mut taker, children) = taker(3);
        for value in [1, 2] {
            for &child in &children {
                push(&mut taker, child, "a", json!(value));
            }
        }
        let first = fetch(&taker).unwrap();
        assert_eq!(first.child, "meter-0");
        assert_eq!(first.update.updated.get("a"), Ok(Some(2)));
        // What was fetched is no longer merged with; what waits behind it still is.
        push(&mut taker, children[0], "a", json!(3));
        push(&mut taker, children[2], "b", json!(3));
        let rest: Vec<_> = core::iter::from_fn(|| fetch(&taker)).collect();
        let names: Vec<_> = rest.iter().map(|update| &*update.child).collect();
        assert_eq!(names, ["meter-1", "meter-2", "meter-0"]);
        assert_eq!(rest[1].update.updated.len(), 2);
        assert_eq!(rest[2].update.updated.get("a"), Ok(Some(3)));
    }

    #[test]
    fn changes_of_all_children_that_wait_are_bounded_and_what_is_missing_is_counted() {
        let (mut taker, children) = taker(KEYS + 7);
        let pushed = children
            .iter()
            .map(|&child| push(&mut taker, child, "a", json!(1)));
        assert_eq!(pushed.sum::<usize>(), 7);
        // No value rather than an old one; and what was fetched makes room.
        assert_eq!(push(&mut taker, children[1], "a", json!(2)), 1);
        assert_eq!(fetch(&taker).unwrap().child, "meter-0");
        assert!(fetch(&taker).unwrap().update.is_empty());
        assert_eq!(push(&mut taker, children[0], "a", json!(3)), 0);

        let (mut taker, children) = self::taker(10);
        let large = json!("x".repeat(BYTES / 4));
        let pushed = children
            .iter()
            .map(|&child| push(&mut taker, child, "a", large.clone()));
        assert_eq!(pushed.sum::<usize>(), 7);
    }
}

//! Attribute updates on their way to one receiver: per key only the newest value waits.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;

use serde_json::Value;
use tb_proto::{AttributeKeys, AttributeSubscription, AttributeUpdate};

use super::Channel;
use crate::wakes::Wakes;

/// Changes of so many keys wait for a receiver; changes of further keys are dropped and counted.
const KEYS: usize = 1_000;

/// So many bytes of keys and values wait for a receiver.
const BYTES: usize = 1024 * 1024;

/// The sending end of one stream of attribute updates.
#[derive(Debug)]
pub(crate) struct AttributeTaker {
    pub(crate) subscription: AttributeSubscription,
    pub(crate) keys: AttributeKeys,
    pub(crate) channel: Arc<Channel<AttributeUpdate>>,
    /// Upper bound of what waits; a value that was replaced is still counted in it.
    weight: usize,
}

impl AttributeTaker {
    pub(crate) fn new(
        subscription: AttributeSubscription,
        keys: AttributeKeys,
        channel: Arc<Channel<AttributeUpdate>>,
    ) -> Self {
        Self {
            subscription,
            keys,
            channel,
            weight: 0,
        }
    }

    /// Merges `update` into what waits. Gives the number of keys for which there was no room.
    pub(crate) fn push(&mut self, update: AttributeUpdate, wakes: &mut Wakes) -> usize {
        let update = wanted(&self.keys, update);
        if update.is_empty() {
            return 0;
        }
        let weight = &mut self.weight;
        self.channel.update(wakes, |items| match items.pop_front() {
            Some(waiting) => {
                let (merged, missed) = merge(waiting, update, weight);
                items.push_back(merged);
                missed
            }
            None => {
                // Weighed when something is added to it, which mostly does not happen.
                *weight = usize::MAX;
                items.push_back(update);
                0
            }
        })
    }
}

/// What somebody who asked for `keys` gets of a change.
pub(super) fn wanted(keys: &AttributeKeys, mut update: AttributeUpdate) -> AttributeUpdate {
    if let AttributeKeys::Only(keys) = keys {
        let mut updated = core::mem::take(&mut update.updated).into_inner();
        updated.retain(|key, _| keys.contains(key));
        update.updated = updated.into();
        update.deleted.retain(|key| keys.contains(key));
    }
    update
}

/// What waits and what has come, together; `weight` is an upper bound of what waits.
pub(super) fn merge(
    waiting: AttributeUpdate,
    update: AttributeUpdate,
    weight: &mut usize,
) -> (AttributeUpdate, usize) {
    let mut missed = 0;
    let mut updated = waiting.updated.into_inner();
    let mut deleted: BTreeSet<String> = waiting.deleted.into_iter().collect();
    for key in update.deleted {
        updated.remove(&key);
        if updated.len() + deleted.len() < KEYS || deleted.contains(&key) {
            deleted.insert(key);
        } else {
            missed += 1;
        }
    }
    for (key, value) in update.updated.into_inner() {
        let known = deleted.remove(&key) || updated.contains_key(&key);
        let more = key.len() + size(&value);
        if weight.saturating_add(more) > BYTES {
            let others = updated.iter().filter(|(other, _)| **other != key);
            *weight = others.map(|(key, value)| key.len() + size(value)).sum();
        }
        let fits = *weight + more <= BYTES || updated.is_empty();
        if fits && (known || updated.len() + deleted.len() < KEYS) {
            *weight += more;
            updated.insert(key, value);
        } else {
            // Rather no value than an old one.
            updated.remove(&key);
            missed += 1;
        }
    }
    let merged = AttributeUpdate {
        updated: updated.into(),
        deleted: deleted.into_iter().collect(),
    };
    (merged, missed)
}

/// About how much memory keys and values of a change take.
pub(super) fn size_of_update(update: &AttributeUpdate) -> usize {
    let updated = update
        .updated
        .iter()
        .map(|(key, value)| key.len() + size(value));
    let deleted = update.deleted.iter().map(String::len);
    updated.sum::<usize>() + deleted.sum::<usize>()
}

/// About how much memory a value takes beside its own slot.
fn size(value: &Value) -> usize {
    const SLOT: usize = 32;
    SLOT + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value): (&String, _)| SLOT + key.len() + size(value))
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use core::task::{Context, Poll, Waker};

    use serde_json::json;
    use tb_proto::{Client, Config, Credentials, Instant};

    use super::*;

    fn taker(keys: AttributeKeys) -> AttributeTaker {
        let config = Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t"));
        let now = Instant::from_micros(0);
        let mut machine = Client::new(config, now, 0).unwrap();
        let subscription = machine.subscribe_to_attributes(now, keys.clone());
        AttributeTaker::new(subscription, keys, Arc::default())
    }

    fn updated(members: Value) -> AttributeUpdate {
        let Value::Object(members) = members else {
            panic!("an object")
        };
        AttributeUpdate {
            updated: members.into_iter().collect(),
            deleted: Vec::new(),
        }
    }

    fn deleted(key: &str) -> AttributeUpdate {
        AttributeUpdate {
            deleted: vec![key.into()],
            ..AttributeUpdate::default()
        }
    }

    fn push(taker: &mut AttributeTaker, update: AttributeUpdate) -> usize {
        taker.push(update, &mut Wakes::default())
    }

    fn fetch(taker: &AttributeTaker) -> Option<AttributeUpdate> {
        match taker.channel.poll(0, &Context::from_waker(Waker::noop())) {
            Poll::Ready(update) => update,
            Poll::Pending => None,
        }
    }

    #[test]
    fn of_changes_that_wait_only_the_newest_of_each_key_is_told() {
        let mut taker = taker(AttributeKeys::All);
        push(&mut taker, updated(json!({ "a": 1, "b": 1, "c": 1 })));
        push(&mut taker, deleted("b"));
        push(&mut taker, updated(json!({ "a": 2 })));
        push(&mut taker, deleted("d"));
        push(&mut taker, updated(json!({ "d": 4 })));
        let update = fetch(&taker).unwrap();
        assert_eq!(
            update.updated,
            updated(json!({ "a": 2, "c": 1, "d": 4 })).updated
        );
        assert_eq!(update.deleted, ["b"]);
        assert_eq!(fetch(&taker), None);
    }

    #[test]
    fn what_was_not_asked_for_is_not_told() {
        let mut taker = taker(AttributeKeys::only(["a"]));
        push(&mut taker, updated(json!({ "b": 1 })));
        push(&mut taker, deleted("b"));
        assert_eq!(fetch(&taker), None);
    }

    #[test]
    fn keys_and_bytes_that_wait_are_bounded_and_what_is_missing_is_counted() {
        let mut taker = taker(AttributeKeys::All);
        let missed: usize = (0..KEYS + 7)
            .map(|n| push(&mut taker, updated(json!({ n.to_string(): n }))))
            .sum();
        assert_eq!(missed, 7);
        assert_eq!(fetch(&taker).unwrap().updated.len(), KEYS);

        let large = "x".repeat(BYTES / 4);
        let missed: usize = (0..10)
            .map(|n| push(&mut taker, updated(json!({ n.to_string(): large }))))
            .sum();
        assert_eq!(missed, 7);
        // A value that replaces its predecessor takes no more room.
        assert_eq!(push(&mut taker, updated(json!({ "0": 1 }))), 0);
        assert_eq!(push(&mut taker, updated(json!({ "new": large }))), 0);
    }
}

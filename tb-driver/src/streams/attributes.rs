//! Attribute updates on their way to one receiver: per key only the newest value waits.

use alloc::collections::{BTreeMap, VecDeque};
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
    pub(crate) fn push(&mut self, update: &AttributeUpdate, wakes: &mut Wakes) -> usize {
        let (keys, weight) = (&self.keys, &mut self.weight);
        self.channel
            .update(wakes, |items: &mut VecDeque<AttributeUpdate>| {
                let (mut updated, mut deleted) = match items.pop_front() {
                    Some(waiting) => {
                        let deleted = waiting.deleted.into_iter().map(|key| (key, ())).collect();
                        (waiting.updated.into_inner(), deleted)
                    }
                    None => {
                        *weight = 0;
                        (BTreeMap::new(), BTreeMap::new())
                    }
                };
                let mut missed = 0;
                for key in update.deleted.iter().filter(|key| keys.contains(key)) {
                    updated.remove(key);
                    if updated.len() + deleted.len() < KEYS || deleted.contains_key(key) {
                        deleted.insert(key.clone(), ());
                    } else {
                        missed += 1;
                    }
                }
                for (key, value) in update.updated.iter().filter(|(key, _)| keys.contains(key)) {
                    let known = deleted.remove(key).is_some() || updated.contains_key(key);
                    let more = key.len() + size(value);
                    if *weight + more > BYTES {
                        *weight = updated
                            .iter()
                            .map(|(key, value)| key.len() + size(value))
                            .sum();
                    }
                    let fits = *weight + more <= BYTES || updated.is_empty();
                    if fits && (known || updated.len() + deleted.len() < KEYS) {
                        *weight += more;
                        updated.insert(key.into(), value.clone());
                    } else {
                        // Rather no value than an old one.
                        updated.remove(key);
                        missed += 1;
                    }
                }
                let merged = AttributeUpdate {
                    updated: updated.into_iter().collect(),
                    deleted: deleted.into_keys().collect(),
                };
                if !merged.is_empty() {
                    items.push_back(merged);
                }
                missed
            })
    }
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

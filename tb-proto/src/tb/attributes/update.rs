use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::AttributeMap;
use crate::tb::{UnexpectedPayload, protobuf};

/// Shared attributes were changed or deleted on the server.
///
/// The server announces a deletion as `{"deleted": ["key", …]}`. A shared attribute that is itself
/// called `deleted` and whose value is an array of text cannot be told from it and is taken for a
/// deletion; do not name an attribute so. Protobuf does not have the ambiguity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeUpdate {
    /// New values.
    pub updated: AttributeMap,
    /// Keys that are gone, sorted, each once.
    pub deleted: Vec<String>,
}

impl AttributeUpdate {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.updated.is_empty() && self.deleted.is_empty()
    }

    /// Reads an update, be it JSON or a protobuf message.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, UnexpectedPayload> {
        Self::parse(payload)
            .or_else(|not_json| protobuf::read_attribute_update(payload).map_err(|_| not_json))
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self, UnexpectedPayload> {
        let mut members: BTreeMap<String, Value> = serde_json::from_slice(payload)?;
        let mut deleted: Vec<String> = match members.get("deleted") {
            Some(Value::Array(keys)) if members.len() == 1 => {
                match keys
                    .iter()
                    .map(|key| key.as_str().map(String::from))
                    .collect()
                {
                    Some(keys) => keys,
                    None => {
                        return Ok(Self {
                            updated: members.into(),
                            deleted: Vec::new(),
                        });
                    }
                }
            }
            _ => {
                return Ok(Self {
                    updated: members.into(),
                    deleted: Vec::new(),
                });
            }
        };
        members.clear();
        deleted.sort_unstable();
        deleted.dedup();
        Ok(Self {
            updated: members.into(),
            deleted,
        })
    }

    /// Adds what happened afterwards: per key the later event holds.
    pub(crate) fn merge(&mut self, later: Self) {
        self.deleted.retain(|key| !later.updated.contains_key(key));
        for key in &later.deleted {
            self.updated.remove(key);
        }
        self.deleted.extend(later.deleted);
        self.deleted.sort_unstable();
        self.deleted.dedup();
        self.updated.extend(later.updated);
    }

    /// Only what concerns `wanted` keys.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.updated.retain(|key| wanted(key));
        self.deleted.retain(|key| wanted(key));
    }
}

#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::Value;

use crate::tb::invalid::bounded;

/// Attributes that the server sent, by key.
///
/// They keep the type with which the server stores them: an integer that was written as the text
/// `"12"` comes back as the number 12.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeMap(BTreeMap<String, Value>);

impl AttributeMap {
    /// The attribute as a `T`; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// The value is there and is no `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, AttributeTypeError> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        T::deserialize(value)
            .map(Some)
            .map_err(|error| AttributeTypeError {
                key: Some(bounded(key)),
                message: bounded(&error.to_string()),
            })
    }

    /// The attribute as it is; `None` if it is not there.
    pub fn get_value(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Whether the attribute is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// All attributes as one struct; fields that may be missing are `Option`s.
    ///
    /// # Errors
    ///
    /// A field that is no `Option` is missing, or a value is of another type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, AttributeTypeError> {
        let members = self.0.iter().map(|(key, value)| (key.as_str(), value));
        T::deserialize(MapDeserializer::new(members)).map_err(|error: serde_json::Error| {
            AttributeTypeError {
                key: None,
                message: bounded(&error.to_string()),
            }
        })
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The map itself.
    pub fn into_inner(self) -> BTreeMap<String, Value> {
        self.0
    }

    /// Bytes of memory that it holds, roughly.
    pub(crate) fn memory(&self) -> usize {
        tree(self.0.iter())
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    pub(super) fn extend(&mut self, later: Self) {
        self.0.extend(later.0);
    }
}

impl From<BTreeMap<String, Value>> for AttributeMap {
    fn from(values: BTreeMap<String, Value>) -> Self {
        Self(values)
    }
}

impl FromIterator<(String, Value)> for AttributeMap {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// An attribute is of another type than the application expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeTypeError {
    key: Option<String>,
    message: String,
}

impl AttributeTypeError {
    /// The attribute, if one alone was asked for.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for AttributeTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(
                f,
                "the attribute `{key}` is of another type: {}",
                self.message
            ),
            None => write!(f, "the attributes do not fit the type: {}", self.message),
        }
    }
}

impl core::error::Error for AttributeTypeError {}

/// Bytes of a tree of members: nodes of the tree are allocated for eleven at a time and half full at
/// worst.
fn tree<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>) -> usize {
    const MEMBER: usize = size_of::<(String, Value)>();
    let (count, bytes) = members.fold((0_usize, 0_usize), |(count, bytes), (key, value)| {
        (count + 1, bytes + key.capacity() + memory_of(value))
    });
    if count == 0 {
        0
    } else {
        bytes + MEMBER * (12 + 2 * count)
    }
}

fn memory_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.capacity(),
        Value::Array(items) => {
            let own = items.capacity() * size_of::<Value>();
            items
                .iter()
                .fold(own, |bytes, item| bytes + memory_of(item))
        }
        Value::Object(members) => tree(members.iter()),
    }
}

#[cfg(test)]
mod tests;

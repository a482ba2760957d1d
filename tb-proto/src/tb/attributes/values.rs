use alloc::collections::BTreeMap;
use alloc::string::String;

use serde_json::Value;

use super::AttributeMap;
use crate::tb::{UnexpectedPayload, protobuf};

/// The answer to an attribute request.
///
/// Only attributes that exist are in it (C-069, C-072): one that is missing was either never set or
/// never asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeValues {
    /// Client attributes: what the device itself has sent.
    pub client: AttributeMap,
    /// Shared attributes: what was set on the server.
    pub shared: AttributeMap,
}

impl AttributeValues {
    /// Reads the answer to the request that we numbered `request`, be it JSON or a protobuf message.
    pub(crate) fn read(payload: &[u8], request: i32) -> Result<Self, UnexpectedPayload> {
        Self::parse(payload).or_else(|not_json| {
            protobuf::read_attribute_values(payload, request).map_err(|_| not_json)
        })
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self, UnexpectedPayload> {
        let mut scopes: BTreeMap<String, Value> = serde_json::from_slice(payload)?;
        let mut scope = |name| match scopes.remove(name) {
            Some(Value::Object(values)) => Ok(values.into_iter().collect()),
            // A scope in which nothing was found is left out (C-071).
            None => Ok(AttributeMap::default()),
            Some(_) => Err(UnexpectedPayload::new(
                "a scope of attributes is not an object",
            )),
        };
        Ok(Self {
            client: scope("client")?,
            shared: scope("shared")?,
        })
    }
}

#[cfg(test)]
mod tests;

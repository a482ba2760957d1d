use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Number, Value as Json};

use super::field::{Fields, Malformed, Value};
use super::write::delimited;
use crate::tb::{AttributeUpdate, AttributeValues, UnexpectedPayload};

/// `AttributesRequest`. The keys stand in lists separated by commas, as in JSON; without any, the
/// request is for all attributes.
pub(crate) fn attributes_request(client: &[String], shared: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    delimited(&mut out, 1, client.join(",").as_bytes());
    delimited(&mut out, 2, shared.join(",").as_bytes());
    out
}

/// `GetAttributeResponseMsg`: the answer to the request that we numbered `request`.
pub(crate) fn read_attribute_values(
    message: &[u8],
    request: i32,
) -> Result<AttributeValues, UnexpectedPayload> {
    let mut fields = Fields::of(message);
    let (mut number, mut error) = (0, "");
    let (mut client, mut shared) = (BTreeMap::new(), BTreeMap::new());
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, value) => number = value.integer().unwrap_or(number),
            (2, Value::Delimited(entry)) => add(&mut client, entry)?,
            (3, Value::Delimited(entry)) => add(&mut shared, entry)?,
            (5, value) => error = value.text()?.unwrap_or(error),
            _ => {}
        }
    }
    if !error.is_empty() {
        return Err(UnexpectedPayload::new(error));
    }
    if number != i64::from(request) {
        return Err(UnexpectedPayload::new(
            "the answer has another number than its topic",
        ));
    }
    Ok(AttributeValues {
        client: client.into(),
        shared: shared.into(),
    })
}

/// `AttributeUpdateNotificationMsg`. One that says nothing is not sent by the server, and bytes that
/// are something else may read like it: it is refused.
pub(crate) fn read_attribute_update(message: &[u8]) -> Result<AttributeUpdate, UnexpectedPayload> {
    let mut fields = Fields::of(message);
    let (mut updated, mut deleted) = (BTreeMap::new(), BTreeSet::new());
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, Value::Delimited(entry)) => add(&mut updated, entry)?,
            (2, value) => deleted.extend(value.text()?),
            _ => {}
        }
    }
    if updated.is_empty() && deleted.is_empty() {
        return Err(UnexpectedPayload::new("the update says nothing"));
    }
    let gone = |key: &&str| !updated.contains_key(*key);
    Ok(AttributeUpdate {
        deleted: deleted.into_iter().filter(gone).map(String::from).collect(),
        updated: updated.into(),
    })
}

/// Adds a `TsKvProto`. When the value was set is not kept: JSON does not say so either.
fn add(values: &mut BTreeMap<String, Json>, entry: &[u8]) -> Result<(), UnexpectedPayload> {
    let mut fields = Fields::of(entry);
    let mut key_value = KeyValue::default();
    while let Some((field, value)) = fields.next()? {
        if let (2, Value::Delimited(message)) = (field, value) {
            key_value.merge(message)?;
        }
    }
    values.insert(key_value.key.to_owned(), key_value.value()?);
    Ok(())
}

/// `KeyValueProto`: the type says which of the values counts.
#[derive(Default)]
struct KeyValue<'a> {
    key: &'a str,
    kind: i64,
    boolean: bool,
    long: i64,
    double: f64,
    text: &'a str,
    json: &'a str,
}

impl<'a> KeyValue<'a> {
    /// A message that is there twice is one whose fields are those of both.
    fn merge(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        let mut fields = Fields::of(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => self.key = value.text()?.unwrap_or(self.key),
                2 => self.kind = value.integer().unwrap_or(self.kind),
                3 => self.boolean = value.integer().map_or(self.boolean, |value| value != 0),
                4 => self.long = value.integer().unwrap_or(self.long),
                5 => {
                    if let Value::Fixed64(bytes) = value {
                        self.double = f64::from_le_bytes(bytes);
                    }
                }
                6 => self.text = value.text()?.unwrap_or(self.text),
                7 => self.json = value.text()?.unwrap_or(self.json),
                _ => {}
            }
        }
        Ok(())
    }

    /// The value as JSON would have it. A double that JSON cannot say is null.
    fn value(&self) -> Result<Json, UnexpectedPayload> {
        Ok(match self.kind {
            0 => Json::Bool(self.boolean),
            1 => Json::Number(self.long.into()),
            2 => Number::from_f64(self.double).map_or(Json::Null, Json::Number),
            3 => Json::String(self.text.into()),
            4 => serde_json::from_str(self.json)?,
            _ => return Err(UnexpectedPayload::new("an attribute is of an unknown type")),
        })
    }
}

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::tb::UnexpectedPayload;
use crate::tb::protobuf::ParamsField;

/// The parameters of a call: a JSON value, read when asked.
///
/// On a connection that speaks protobuf they come as the field `params` of the profile's RPC request
/// schema. By default that is a string, and what was no string when the server was called has become
/// text: [`parse`](Self::parse) takes text for the JSON that it is, and otherwise for a string. Of other
/// schemas, with `method`, `requestId` and `params` under the numbers 1 to 3 as in the default, numbers
/// and booleans are read too, and messages with [`as_protobuf`](Self::as_protobuf).
#[derive(Clone, PartialEq)]
pub struct Params(Form);

#[derive(Clone, PartialEq)]
enum Form {
    /// A JSON value, found by the scanner.
    Json(Bytes),
    /// A string, bytes or a message.
    Delimited(Bytes),
    /// An integer, boolean or enum.
    Varint(u64),
    Double(f64),
    Float(f32),
}

impl Params {
    /// What a call without parameters has.
    pub const NULL: Self = Self(Form::Json(Bytes::from_static(b"null")));

    pub(crate) const fn from_json(value: Bytes) -> Self {
        Self(Form::Json(value))
    }

    pub(crate) fn from_field(field: ParamsField) -> Self {
        Self(match field {
            ParamsField::Delimited(bytes) => Form::Delimited(bytes),
            ParamsField::Varint(value) => Form::Varint(value),
            ParamsField::Double(value) => Form::Double(value),
            ParamsField::Float(value) => Form::Float(value),
        })
    }

    /// The parameters as JSON text: as it came, or what a protobuf field amounts to. A message of the
    /// profile that is no text is `null`.
    pub fn as_json(&self) -> Cow<'_, str> {
        match &self.0 {
            // The scanner works on text, so this does not fail.
            Form::Json(value) => Cow::Borrowed(core::str::from_utf8(value).unwrap_or("null")),
            Form::Delimited(bytes) => match core::str::from_utf8(bytes) {
                Ok(text) if is_json(text) => Cow::Borrowed(text),
                Ok(text) => Cow::Owned(quoted(text)),
                Err(_) => Cow::Borrowed("null"),
            },
            Form::Varint(value) => Cow::Owned(value.cast_signed().to_string()),
            Form::Double(value) => Cow::Owned(number(*value)),
            Form::Float(value) => Cow::Owned(number(f64::from(*value))),
        }
    }

    /// The parameters as a `T`.
    ///
    /// # Errors
    ///
    /// They are of another type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, UnexpectedPayload> {
        let parsed = serde_json::from_str(&self.as_json());
        parsed.or_else(|error| {
            // What is read otherwise than as the JSON it looks like: `12` that is wanted as a string, 1
            // that is wanted as a boolean.
            let otherwise = match &self.0 {
                Form::Delimited(bytes) => core::str::from_utf8(bytes).ok().map(quoted),
                Form::Varint(value @ (0 | 1)) => Some((*value == 1).to_string()),
                _ => None,
            };
            let otherwise = otherwise.and_then(|text| serde_json::from_str(&text).ok());
            Ok(otherwise.ok_or(error)?)
        })
    }

    /// On a connection that speaks protobuf, the bytes of a `params` that is a string or a message, as
    /// they came; otherwise `None`.
    pub fn as_protobuf(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Delimited(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The parameters as a message of the `prost` crate, of the profile's RPC request schema.
    ///
    /// # Errors
    ///
    /// They are no such message, or came as JSON.
    #[cfg(feature = "prost")]
    pub fn message<M: prost::Message + Default>(&self) -> Result<M, UnexpectedPayload> {
        let bytes = self
            .as_protobuf()
            .ok_or_else(|| UnexpectedPayload::new("the parameters are no protobuf message"))?;
        M::decode(bytes).map_err(|error| UnexpectedPayload::new(&error.to_string()))
    }

    /// Whether there are none: missing or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.0, Form::Json(value) if &**value == b"null")
    }

    /// The JSON text, sharing the memory it came in where it can. See [`as_json`](Self::as_json).
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Form::Json(value) => value,
            Form::Delimited(bytes) if core::str::from_utf8(&bytes).is_ok_and(is_json) => bytes,
            form => Self(form).as_json().into_owned().into(),
        }
    }
}

/// Whether a text is one JSON value.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A double that JSON cannot say is `null`.
fn number(value: f64) -> String {
    serde_json::Value::from(value).to_string()
}

impl Default for Params {
    fn default() -> Self {
        Self::NULL
    }
}

/// Tells the size, not the content: it belongs into no log.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match &self.0 {
            Form::Json(bytes) | Form::Delimited(bytes) => bytes.len(),
            Form::Varint(_) | Form::Double(_) => 8,
            Form::Float(_) => 4,
        };
        write!(f, "Params({bytes} bytes)")
    }
}

#[cfg(test)]
mod tests;

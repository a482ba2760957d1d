use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::tb::invalid::bounded;
use crate::tb::json::write_text;
use crate::tb::{InvalidPayload, PayloadFormat, protobuf};

/// What the device answers to a call of the server.
///
/// Any value that serialises to JSON can be passed by reference where a reply is taken. It is
/// serialised at once; what is wrong with it is reported when it is sent.
///
/// On a connection that speaks protobuf it is put into the message that profiles have for replies
/// unless they are changed: `RpcResponseMsg` with the field `optional string payload = 1`. A string
/// stands there as its text, every other value as JSON text, and whoever called gets the whole message:
/// `{"payload": "…"}`. For another schema there is [`protobuf`](Self::protobuf).
#[derive(Clone, PartialEq)]
pub struct RpcReply {
    payload: Result<Payload, InvalidPayload>,
}

#[derive(Clone, PartialEq)]
enum Payload {
    /// JSON, or what was given for it.
    Text(Bytes),
    /// A message of the profile's schema.
    Message(Bytes),
}

impl RpcReply {
    /// Answers with `value` as JSON.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Self {
        Self {
            payload: plain_json(value).map(|text| Payload::Text(text.into())),
        }
    }

    /// Answers with this text as it is. Whoever called gets an error if it is not JSON; an empty
    /// text is an empty answer.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self {
            // A buffer of the application may run its code when it is dropped; a driver drops what is
            // settled where no such code may run.
            payload: Ok(Payload::Text(Bytes::copy_from_slice(text.as_ref()))),
        }
    }

    /// Answers `{"error": message}`.
    ///
    /// This is a convention: ThingsBoard has no other way to say that a call failed, and to the
    /// server it is an answer like any other.
    pub fn error(message: impl AsRef<str>) -> Self {
        let mut payload = b"{\"error\":".to_vec();
        write_text(&mut payload, message.as_ref());
        payload.push(b'}');
        Self {
            payload: Ok(Payload::Text(payload.into())),
        }
    }

    /// Answers with the bytes of a message of the profile's RPC response schema, on a connection that
    /// speaks protobuf. Whoever called gets it as JSON.
    pub fn protobuf(message: impl Into<Vec<u8>>) -> Self {
        Self {
            payload: Ok(Payload::Message(message.into().into())),
        }
    }

    /// As [`protobuf`](Self::protobuf), from a message of the `prost` crate.
    #[cfg(feature = "prost")]
    pub fn message(message: &impl prost::Message) -> Self {
        Self::protobuf(message.encode_to_vec())
    }

    /// What is sent on a connection that speaks `format`.
    pub(crate) fn payload(&self, format: PayloadFormat) -> Result<Bytes, InvalidPayload> {
        match (self.payload.as_ref().map_err(Clone::clone)?, format) {
            (Payload::Text(text), PayloadFormat::Json) => Ok(text.clone()),
            (Payload::Message(message), PayloadFormat::Protobuf { .. }) => Ok(message.clone()),
            (Payload::Message(_), PayloadFormat::Json) => Err(InvalidPayload::ProtobufOnJson),
            (Payload::Text(text), PayloadFormat::Protobuf { .. }) => {
                let text = core::str::from_utf8(text).map_err(|error| InvalidPayload::Syntax {
                    offset: error.valid_up_to(),
                })?;
                let string = serde_json::from_str::<String>(text);
                let text = string.as_deref().unwrap_or(text);
                Ok(protobuf::rpc_reply(text.as_bytes()).into())
            }
        }
    }

    fn len(&self) -> Result<usize, &InvalidPayload> {
        self.payload.as_ref().map(|payload| match payload {
            Payload::Text(bytes) | Payload::Message(bytes) => bytes.len(),
        })
    }
}

/// So that a value can be passed as it is.
impl<T: Serialize + ?Sized> From<&T> for RpcReply {
    fn from(value: &T) -> Self {
        Self::new(value)
    }
}

/// Tells the size, not the content: it belongs into no log.
impl fmt::Debug for RpcReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcReply")
            .field("bytes", &self.len())
            .finish()
    }
}

/// JSON by the rules of `serde_json`: nothing of it is stored as telemetry.
pub(super) fn plain_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, InvalidPayload> {
    serde_json::to_vec(value).map_err(|error| InvalidPayload::Custom {
        message: bounded(&error.to_string()),
    })
}

#[cfg(test)]
mod tests;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::tb::InvalidPayload;
use crate::tb::invalid::bounded;
use crate::tb::json::write_text;

/// What the device answers to a call of the server.
///
/// Any value that serialises to JSON can be passed by reference where a reply is taken. It is
/// serialised at once; what is wrong with it is reported when it is sent.
#[derive(Clone, PartialEq)]
pub struct RpcReply {
    payload: Result<Bytes, InvalidPayload>,
}

impl RpcReply {
    /// Answers with `value` as JSON.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Self {
        Self {
            payload: plain_json(value).map(Bytes::from),
        }
    }

    /// Answers with this text as it is. Whoever called gets an error if it is not JSON; an empty
    /// text is an empty answer.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self {
            // A buffer of the application may run its code when it is dropped; a driver drops what is
            // settled where no such code may run.
            payload: Ok(Bytes::copy_from_slice(text.as_ref())),
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
            payload: Ok(payload.into()),
        }
    }

    /// Whether it can be sent, and how long it is in bytes.
    pub(crate) fn check(&self) -> Result<usize, InvalidPayload> {
        self.payload.as_ref().map(Bytes::len).map_err(Clone::clone)
    }

    pub(crate) fn into_payload(self) -> Result<Bytes, InvalidPayload> {
        self.payload
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
            .field("bytes", &self.payload.as_ref().map(Bytes::len))
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

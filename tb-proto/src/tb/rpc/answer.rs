use alloc::string::ToString;
use core::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tb::invalid::bounded;
use crate::tb::json::scan::{BadJson, Kind, Scanner};
use crate::tb::json::unescaped;
use crate::tb::{UnexpectedPayload, protobuf};

/// What became of a client-side call.
pub(crate) type RpcAnswer = Result<RpcResponse, RpcError>;

/// Reads the answer to the call that we numbered `request`.
///
/// Whether it is JSON or a protobuf message shows: a message begins with a control character, the tag
/// of its number, or of its payload where that is 0.
pub(crate) fn read_rpc_answer(payload: &Bytes, request: i32) -> RpcAnswer {
    match protobuf::read_rpc_answer(payload, request) {
        Ok(Ok(answer)) => parse_rpc_answer(&answer),
        Ok(Err(text)) if text == "timeout" => Err(RpcError::Timeout),
        Ok(Err(text)) => Err(RpcError::Answered {
            error: Value::String(text),
        }),
        Err(_) => parse_rpc_answer(payload),
    }
}

/// Tells an answer from an error: an object whose only member is `error` (C-098).
pub(crate) fn parse_rpc_answer(payload: &Bytes) -> RpcAnswer {
    match core::str::from_utf8(payload)
        .ok()
        .and_then(|text| error(text).ok().flatten())
    {
        Some(error) => Err(error),
        None => Ok(RpcResponse(payload.clone())),
    }
}

fn error(text: &str) -> Result<Option<RpcError>, BadJson> {
    let mut scanner = Scanner::new(text);
    if scanner.peek()? != Kind::Object {
        return Ok(None);
    }
    scanner.enter(b'{')?;
    let Some(key) = scanner.member(true)? else {
        return Ok(None);
    };
    if unescaped(scanner.slice(&key)).as_deref() != Some("error") {
        return Ok(None);
    }
    let value = scanner.value()?;
    if scanner.member(false)?.is_some() {
        return Ok(None);
    }
    scanner.end()?;
    // What the scanner takes and serde_json does not (half a surrogate pair) is kept as text.
    let value = scanner.slice(&value.range);
    let error = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
    Ok(Some(match error {
        Value::String(text) if text == "timeout" => RpcError::Timeout,
        error => RpcError::Answered { error },
    }))
}

/// The answer to a client-side call, parsed when asked.
#[derive(Clone, PartialEq, Eq)]
pub struct RpcResponse(Bytes);

impl RpcResponse {
    /// The answer as a `T`.
    ///
    /// # Errors
    ///
    /// It is of another type, or no JSON.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, UnexpectedPayload> {
        Ok(serde_json::from_slice(&self.0)?)
    }

    /// The answer as it came, usually JSON text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The answer as it came, sharing the memory.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// Tells the size, not the content: it belongs into no log.
impl fmt::Debug for RpcResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcResponse({} bytes)", self.0.len())
    }
}

/// The server answered a client-side call with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcError {
    /// No rule chain answered within the server's own limit of 60 s.
    Timeout,
    /// `{"error": …}` by the rule chain.
    Answered {
        /// The value of `error`, usually text.
        error: Value,
    },
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str(
                "no rule chain of the server answered the call; check that one replies to this method",
            ),
            Self::Answered { error } => {
                let text = error.as_str().map_or_else(|| error.to_string(), ToString::to_string);
                write!(f, "the server answered the call with an error: {}", bounded(&text))
            }
        }
    }
}

impl core::error::Error for RpcError {}

#[cfg(test)]
mod tests;

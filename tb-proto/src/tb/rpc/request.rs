use alloc::string::{String, ToString};
use core::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::tb::UnexpectedPayload;
use crate::tb::json::scan::{BadJson, Kind, Scanner};
use crate::tb::json::unescaped;

/// A call of the server: `{"method": …, "params": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcRequestBody {
    pub(crate) method: String,
    pub(crate) params: Params,
}

impl RpcRequestBody {
    /// Finds method and parameters without building anything of the parameters.
    pub(crate) fn parse(payload: &Bytes) -> Result<Self, UnexpectedPayload> {
        let text = core::str::from_utf8(payload)
            .map_err(|_| UnexpectedPayload::new("the RPC request is not UTF-8"))?;
        let (method, params) = members(text).map_err(|bad| {
            UnexpectedPayload::new(match bad {
                BadJson::TooDeep => "the RPC request is nested too deep",
                BadJson::Syntax { .. } => "the RPC request is not a JSON object",
            })
        })?;
        let method =
            method.ok_or_else(|| UnexpectedPayload::new("the RPC request has no method"))?;
        let params = params.map_or(Params::NULL, |range| Params(payload.slice(range)));
        Ok(Self { method, params })
    }
}

type Members = (Option<String>, Option<core::ops::Range<usize>>);

fn members(text: &str) -> Result<Members, BadJson> {
    let mut scanner = Scanner::new(text);
    let (mut first, mut method, mut params) = (true, None, None);
    scanner.enter(b'{')?;
    while let Some(key) = scanner.member(first)? {
        first = false;
        let value = scanner.value()?;
        match unescaped(scanner.slice(&key)).as_deref() {
            Some("method") if value.kind == Kind::Text => {
                method = unescaped(scanner.slice(&value.range)).map(|method| method.to_string());
            }
            Some("method") => method = None,
            Some("params") => params = Some(value.range),
            _ => {}
        }
    }
    scanner.end()?;
    Ok((method, params))
}

/// The parameters of a call: JSON text, parsed when asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Params(
    /// A JSON value, found by the scanner.
    Bytes,
);

impl Params {
    /// What a call without parameters has.
    pub const NULL: Self = Self(Bytes::from_static(b"null"));

    /// The parameters as the JSON text that came.
    pub fn as_json(&self) -> &str {
        // The scanner works on text, so this does not fail.
        core::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// The parameters as a `T`.
    ///
    /// # Errors
    ///
    /// They are of another type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, UnexpectedPayload> {
        Ok(serde_json::from_slice(&self.0)?)
    }

    /// Whether there are none: missing or `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == b"null"
    }

    /// The JSON text, sharing the memory it came in.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::NULL
    }
}

/// Tells the size, not the content: it belongs into no log.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;

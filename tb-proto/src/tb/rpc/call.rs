use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Serialize;

use super::reply::plain_json;
use crate::tb::json::write_text;
use crate::tb::{InvalidPayload, PayloadFormat, protobuf};

/// A call that the device makes to the server.
///
/// The parameters are serialised when they are given; what is wrong with them is reported when the
/// call is sent.
///
/// ```
/// # use tb_proto::RpcCall;
/// let call = RpcCall::new("readTariff").params(&["zone", "4"]).idempotent();
/// ```
#[derive(Clone, PartialEq)]
pub struct RpcCall {
    method: String,
    params: Option<Result<Vec<u8>, InvalidPayload>>,
    timeout: Duration,
    idempotent: bool,
}

/// A call as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcCallParts {
    pub(crate) payload: Vec<u8>,
    pub(crate) timeout: Duration,
    /// Whether it may be made again when the connection was lost before the answer.
    pub(crate) idempotent: bool,
}

impl RpcCall {
    /// How long an answer is waited for unless [`timeout`](Self::timeout) says otherwise: a little
    /// longer than the server's own 60 s, so that its word comes first.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(65);

    /// A call of `method` without parameters.
    pub fn new(method: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            params: None,
            timeout: Self::DEFAULT_TIMEOUT,
            idempotent: false,
        }
    }

    /// Passes these parameters: anything that serialises to JSON.
    pub fn params<T: Serialize + ?Sized>(mut self, params: &T) -> Self {
        self.params = Some(plain_json(params));
        self
    }

    /// Waits so long for the answer, counted from the call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Allows the call to be made again when the connection is lost before its answer came.
    ///
    /// Without this it then ends with the message that it may have run.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) fn into_parts(self, format: PayloadFormat) -> Result<RpcCallParts, InvalidPayload> {
        let params = self.params.transpose()?;
        let payload = match format {
            PayloadFormat::Json => json(&self.method, params.as_deref()),
            PayloadFormat::Protobuf { .. } => {
                // Parameters are JSON text there too, and no text is no JSON.
                protobuf::rpc_request(&self.method, params.as_deref().unwrap_or(b"null"))
            }
        };
        Ok(RpcCallParts {
            payload,
            timeout: self.timeout,
            idempotent: self.idempotent,
        })
    }
}

fn json(method: &str, params: Option<&[u8]>) -> Vec<u8> {
    let mut payload = b"{\"method\":".to_vec();
    write_text(&mut payload, method);
    if let Some(params) = params {
        payload.extend_from_slice(b",\"params\":");
        payload.extend_from_slice(params);
    }
    payload.push(b'}');
    payload
}

/// A call without parameters can be named by its method.
impl From<&str> for RpcCall {
    fn from(method: &str) -> Self {
        Self::new(method)
    }
}

/// Tells the size of the parameters, not their content: it belongs into no log.
impl fmt::Debug for RpcCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcCall")
            .field("method", &self.method)
            .field(
                "params_bytes",
                &self
                    .params
                    .as_ref()
                    .map(|params| params.as_ref().map(Vec::len)),
            )
            .field("timeout", &self.timeout)
            .field("idempotent", &self.idempotent)
            .finish()
    }
}

#[cfg(test)]
mod tests;

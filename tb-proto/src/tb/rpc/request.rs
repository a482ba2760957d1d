use alloc::string::{String, ToString};

use bytes::Bytes;

use super::Params;
use crate::tb::json::scan::{BadJson, Kind, Scanner};
use crate::tb::json::unescaped;
use crate::tb::protobuf::RpcRequestMessage;
use crate::tb::{UnexpectedPayload, protobuf};

/// A call of the server: `{"method": …, "params": …}`, or the same as a protobuf message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcRequestBody {
    pub(crate) method: String,
    pub(crate) params: Params,
}

impl RpcRequestBody {
    /// Reads the call that the topic numbers `request`, be it JSON or a protobuf message.
    pub(crate) fn read(payload: &Bytes, request: i32) -> Result<Self, UnexpectedPayload> {
        Self::parse(payload).or_else(|not_json| {
            let RpcRequestMessage { method, params } =
                protobuf::read_rpc_request(payload, request).map_err(|_| not_json)?;
            Ok(Self {
                method,
                params: params.map_or(Params::NULL, Params::from_field),
            })
        })
    }

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
        let params = params.map_or(Params::NULL, |range| {
            Params::from_json(payload.slice(range))
        });
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

#[cfg(test)]
mod tests;

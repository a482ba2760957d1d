use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::field::{Fields, Value};
use super::write::delimited;
use crate::tb::UnexpectedPayload;

/// `RpcRequest`: a call of ours. `params` is JSON text, empty if there are none.
pub(crate) fn rpc_request(method: &str, params: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    delimited(&mut out, 1, method.as_bytes());
    delimited(&mut out, 2, params);
    out
}

/// `RpcResponseMsg`, the schema that profiles have for replies unless they are changed.
pub(crate) fn rpc_reply(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    delimited(&mut out, 1, payload);
    out
}

/// `ToServerRpcResponseMsg`: the answer to the call that we numbered `request`.
///
/// `Ok(Ok(payload))` is an answer, `Ok(Err(text))` an error that the server itself reports.
pub(crate) fn read_rpc_answer(
    message: &Bytes,
    request: i32,
) -> Result<Result<Bytes, String>, UnexpectedPayload> {
    let mut fields = Fields::of(message);
    let (mut number, mut payload, mut error) = (0, "", "");
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => number = value.integer().unwrap_or(number),
            2 => payload = value.text()?.unwrap_or(payload),
            3 => error = value.text()?.unwrap_or(error),
            _ => {}
        }
    }
    if number != i64::from(request) {
        return Err(UnexpectedPayload::new(
            "the answer has another number than its topic",
        ));
    }
    Ok(if error.is_empty() {
        // A part of `message`, whose memory it shares.
        Ok(message.slice_ref(payload.as_bytes()))
    } else {
        Err(String::from(error))
    })
}

/// A call of the server by `RpcRequestMsg`, the schema that profiles have for requests unless they
/// are changed. The numbers of its fields are those of the default, `params` may be of any type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcRequestMessage {
    pub(crate) method: String,
    pub(crate) params: Option<ParamsField>,
}

/// The field `params` as it stands on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ParamsField {
    /// A string, bytes or a message of the profile.
    Delimited(Bytes),
    /// An integer, boolean or enum.
    Varint(u64),
    /// A double.
    Double(f64),
    /// A float.
    Float(f32),
}

/// Reads the call that the topic numbers `request`.
pub(crate) fn read_rpc_request(
    message: &Bytes,
    request: i32,
) -> Result<RpcRequestMessage, UnexpectedPayload> {
    let mut fields = Fields::of(message);
    let (mut method, mut number, mut params) = ("", 0, None);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => method = value.text()?.unwrap_or(method),
            2 => number = value.integer().unwrap_or(number),
            3 => params = Some(params_field(message, value)),
            _ => {}
        }
    }
    if method.is_empty() || number != i64::from(request) {
        return Err(UnexpectedPayload::new(
            "the RPC request is not of the schema that profiles have by default",
        ));
    }
    Ok(RpcRequestMessage {
        method: method.into(),
        params,
    })
}

fn params_field(message: &Bytes, value: Value<'_>) -> ParamsField {
    match value {
        // A part of `message`, whose memory it shares.
        Value::Delimited(bytes) => ParamsField::Delimited(message.slice_ref(bytes)),
        Value::Varint(value) => ParamsField::Varint(value),
        Value::Fixed64(bytes) => ParamsField::Double(f64::from_le_bytes(bytes)),
        Value::Fixed32(bytes) => ParamsField::Float(f32::from_le_bytes(bytes)),
    }
}

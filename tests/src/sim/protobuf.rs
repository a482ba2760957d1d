//! The fixed protobuf messages that a session on JSON topics can meet (reference §11.5).
//!
//! Schemas of device profiles are not read: their uplinks are class A here.

use super::stored::TypedValue;

/// A client-side RPC in protobuf: method and parameters, which are JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RpcRequest {
    pub(super) method: String,
    pub(super) params: String,
}

/// Bytes that are no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotProtobuf;

impl RpcRequest {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotProtobuf> {
        let mut request = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let tag = varint(&mut rest)?;
            match tag & 7 {
                0 => {
                    varint(&mut rest)?;
                }
                1 => {
                    rest = rest.get(8..).ok_or(NotProtobuf)?;
                }
                2 => {
                    let length = usize::try_from(varint(&mut rest)?).map_err(|_| NotProtobuf)?;
                    let (field, after) = rest.split_at_checked(length).ok_or(NotProtobuf)?;
                    rest = after;
                    let text = || String::from_utf8(field.to_vec()).map_err(|_| NotProtobuf);
                    match tag >> 3 {
                        1 => request.method = text()?,
                        2 => request.params = text()?,
                        _ => {}
                    }
                }
                5 => {
                    rest = rest.get(4..).ok_or(NotProtobuf)?;
                }
                _ => return Err(NotProtobuf),
            }
        }
        Ok(request)
    }
}

/// `ToServerRpcResponseMsg`.
pub(super) fn rpc_response(request: i32, payload: &str) -> Vec<u8> {
    let mut out = Vec::new();
    number_field(&mut out, 1, i64::from(request).cast_unsigned());
    bytes_field(&mut out, 2, payload.as_bytes());
    out
}

/// `AttributeUpdateNotificationMsg` with new values.
pub(super) fn attributes_updated(unix_ms: i64, values: &[(String, TypedValue)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in values {
        let mut entry = Vec::new();
        number_field(&mut entry, 1, unix_ms.cast_unsigned());
        bytes_field(&mut entry, 2, &key_value(key, value));
        bytes_field(&mut out, 1, &entry);
    }
    out
}

/// `AttributeUpdateNotificationMsg` with deleted keys.
pub(super) fn attributes_deleted(keys: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for key in keys {
        tag(&mut out, 2, 2);
        write_varint(&mut out, key.len() as u64);
        out.extend_from_slice(key.as_bytes());
    }
    out
}

fn key_value(key: &str, value: &TypedValue) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_field(&mut out, 1, key.as_bytes());
    match value {
        TypedValue::Boolean(value) => number_field(&mut out, 3, u64::from(*value)),
        TypedValue::Long(value) => {
            number_field(&mut out, 2, 1);
            number_field(&mut out, 4, value.cast_unsigned());
        }
        TypedValue::Double(value) => {
            number_field(&mut out, 2, 2);
            tag(&mut out, 5, 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        TypedValue::String(text) => {
            number_field(&mut out, 2, 3);
            bytes_field(&mut out, 6, text.as_bytes());
        }
        TypedValue::Json(text) => {
            number_field(&mut out, 2, 4);
            bytes_field(&mut out, 7, text.as_bytes());
        }
    }
    out
}

/// Fields at their default are not written.
fn number_field(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        tag(out, field, 0);
        write_varint(out, value);
    }
}

fn bytes_field(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        tag(out, field, 2);
        write_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

fn tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    write_varint(out, field << 3 | wire_type);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(bytes: &mut &[u8]) -> Result<u64, NotProtobuf> {
    let mut value = 0_u64;
    for position in 0..10 {
        let (&byte, rest) = bytes.split_first().ok_or(NotProtobuf)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotProtobuf)
}

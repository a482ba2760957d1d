//! What a device on a protobuf profile sends, and the schemas that its profile has for it.

use crate::sim::{PayloadType, ProfileSetup, TransportType};

/// The field of a reading that holds its time.
pub const TS_FIELD: u32 = 1;

const TELEMETRY: &str = "syntax = \"proto3\"; \
    message Values { optional int64 n = 1; optional string text = 2; } \
    message Reading { optional int64 ts = 1; Values values = 2; }";

const ATTRIBUTES: &str = "syntax = \"proto3\"; \
    message Attributes { optional int64 a0 = 1; optional int64 a1 = 2; optional int64 a2 = 3; }";

const RPC_REQUEST: &str = "syntax = \"proto3\"; message RpcRequestMsg { \
    optional string method = 1; optional int32 requestId = 2; optional string params = 3; }";

const RPC_RESPONSE: &str =
    "syntax = \"proto3\"; message RpcResponseMsg { optional string payload = 1; }";

/// The profile of a device that speaks protobuf.
#[must_use]
pub fn protobuf_profile() -> ProfileSetup {
    ProfileSetup {
        name: "protobuf".to_owned(),
        transport: TransportType::Mqtt,
        payload: PayloadType::Protobuf,
        telemetry_proto: Some(TELEMETRY.to_owned()),
        attributes_proto: Some(ATTRIBUTES.to_owned()),
        rpc_request_proto: Some(RPC_REQUEST.to_owned()),
        rpc_response_proto: Some(RPC_RESPONSE.to_owned()),
        ..ProfileSetup::default()
    }
}

/// The reading with this number, without its time.
pub(super) fn reading(number: u64, padding: usize) -> Vec<u8> {
    let mut values = vec![0x08];
    varint(&mut values, number);
    if padding > 0 {
        values.push(0x12);
        varint(&mut values, padding as u64);
        values.extend(core::iter::repeat_n(b'x', padding));
    }
    let mut message = vec![0x12];
    varint(&mut message, values.len() as u64);
    message.extend(values);
    message
}

/// The attribute `a` with this index, of those that the schema has.
pub(super) fn attribute(index: u8, number: u64) -> Vec<u8> {
    assert!(index < 3, "the schema has no a{index}");
    let mut message = vec![(index + 1) << 3];
    varint(&mut message, number);
    message
}

/// The number of a reading that may have its time in front.
pub(super) fn number(payload: &[u8]) -> Option<u64> {
    let mut rest = payload;
    if rest.first() == Some(&0x08) {
        rest = &rest[1..];
        read_varint(&mut rest)?;
    }
    rest = rest.strip_prefix(&[0x12])?;
    read_varint(&mut rest)?;
    rest = rest.strip_prefix(&[0x08])?;
    read_varint(&mut rest)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

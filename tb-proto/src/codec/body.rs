//! The bodies of the packets other than PUBLISH.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use mqttbytes::v5;

use super::incoming::{ConnAck, ConnAckProperties, Incoming};
use super::properties::{self, Allowed};
use super::{Malformed, PacketIdentifier, ProtocolVersion};

/// User properties of a packet whose properties are read as a whole. Each takes ten times its bytes
/// once it is two strings, so a packet full of empty ones would outgrow every limit.
const MAX_USER_PROPERTIES: usize = 64;

/// Reads CONNACK: acknowledge flags, return code, properties.
pub(super) fn connack(body: &[u8], version: ProtocolVersion) -> Result<Incoming, Malformed> {
    let ([flags, code], rest) = body.split_first_chunk().ok_or(Malformed::CutShort)?;
    if *flags > 1 {
        return Err(Malformed::ConnAckFlags(*flags));
    }
    // Who does not speak MQTT 5 refuses it in the shape of MQTT 3.1.1.
    let old_refusal = rest.is_empty() && *code != 0;
    let properties = if version == ProtocolVersion::V3_1_1 || old_refusal {
        ConnAckProperties::default()
    } else {
        connack_properties(rest)?
    };
    Ok(Incoming::ConnAck(Box::new(ConnAck {
        session_present: *flags == 1,
        code: *code,
        properties,
    })))
}

fn connack_properties(bytes: &[u8]) -> Result<ConnAckProperties, Malformed> {
    only_properties(bytes, Allowed::CONNACK)?;
    let Some(read) = v5::ConnAckProperties::extract(&mut Bytes::copy_from_slice(bytes))
        .map_err(|_| Malformed::CutShort)?
    else {
        return Ok(ConnAckProperties::default());
    };
    Ok(ConnAckProperties {
        receive_maximum: read.receive_max,
        maximum_packet_size: read.max_packet_size,
        maximum_qos: read.max_qos,
        server_keep_alive: read.server_keep_alive,
        assigned_client_identifier: read.assigned_client_identifier,
        reason_string: read.reason_string,
    })
}

/// Reads PUBACK, PUBREC, PUBREL or PUBCOMP: the packet identifier and the reason code, which is 0
/// when it was left out.
pub(super) fn acknowledgement(body: &[u8]) -> Result<(PacketIdentifier, u8), Malformed> {
    let (id, rest) = packet_identifier(body)?;
    let Some((reason, properties)) = rest.split_first() else {
        return Ok((id, 0));
    };
    // The property length can be left out too.
    if !properties.is_empty() {
        only_properties(properties, Allowed::ACKNOWLEDGEMENT)?;
    }
    Ok((id, *reason))
}

/// Reads SUBACK: one code for each filter. ThingsBoard answers a SUBSCRIBE without filters with no
/// code at all, so that is for the caller to judge, who knows what was asked.
///
/// Not by `mqttbytes`: on MQTT 3.1.1 it knows no refusal but 0x80, and ThingsBoard sends 0x87.
pub(super) fn suback(body: &[u8], version: ProtocolVersion) -> Result<Incoming, Malformed> {
    let (id, codes) = identifier_and_codes(body, version)?;
    // [MQTT-3.9.3-2]: what is reserved between the grants and the refusals is neither.
    match codes.iter().find(|&&code| (3..0x80).contains(&code)) {
        Some(&code) => Err(Malformed::SubAckCode(code)),
        None => Ok(Incoming::SubAck { id, codes }),
    }
}

/// Reads UNSUBACK: one code for each filter on MQTT 5.
pub(super) fn unsuback(body: &[u8], version: ProtocolVersion) -> Result<Incoming, Malformed> {
    let (id, codes) = match version {
        ProtocolVersion::V3_1_1 => (packet_identifier(body)?.0, Vec::new()),
        ProtocolVersion::V5 => identifier_and_codes(body, version)?,
    };
    Ok(Incoming::UnsubAck { id, codes })
}

/// Reads DISCONNECT, of which everything can be left out.
pub(super) fn disconnect(body: &[u8]) -> Result<Incoming, Malformed> {
    let (reason, properties) = reason_and_properties(body, Allowed::DISCONNECT)?;
    Ok(Incoming::Disconnect {
        reason,
        reason_string: match properties {
            Some(properties) => reason_string(properties)?,
            None => None,
        },
    })
}

fn reason_string(properties: &[u8]) -> Result<Option<String>, Malformed> {
    let read = v5::DisconnectProperties::extract(&mut Bytes::copy_from_slice(properties))
        .map_err(|_| Malformed::CutShort)?;
    Ok(read.and_then(|properties| properties.reason_string))
}

/// Checks AUTH, of which nothing is used.
pub(super) fn auth(body: &[u8]) -> Result<Incoming, Malformed> {
    reason_and_properties(body, Allowed::AUTH)?;
    Ok(Incoming::Auth)
}

/// A reason code, 0 when it was left out, and the properties with their length, if there are any.
fn reason_and_properties(body: &[u8], allowed: Allowed) -> Result<(u8, Option<&[u8]>), Malformed> {
    let Some((reason, properties)) = body.split_first() else {
        return Ok((0, None));
    };
    if properties.is_empty() {
        return Ok((*reason, None));
    }
    only_properties(properties, allowed)?;
    Ok((*reason, Some(properties)))
}

/// Checks that `bytes` is a property length, these properties, and nothing else.
fn only_properties(bytes: &[u8], allowed: Allowed) -> Result<(), Malformed> {
    let (block, rest) = properties::split(bytes)?;
    if !rest.is_empty() {
        return Err(Malformed::TrailingBytes);
    }
    if allowed.check(block)? > MAX_USER_PROPERTIES {
        return Err(Malformed::TooManyUserProperties);
    }
    Ok(())
}

fn identifier_and_codes(
    body: &[u8],
    version: ProtocolVersion,
) -> Result<(PacketIdentifier, Vec<u8>), Malformed> {
    let (id, rest) = packet_identifier(body)?;
    let codes = match version {
        ProtocolVersion::V3_1_1 => rest,
        ProtocolVersion::V5 => {
            let (block, codes) = properties::split(rest)?;
            Allowed::ACKNOWLEDGEMENT.check(block)?;
            codes
        }
    };
    Ok((id, codes.to_vec()))
}

fn packet_identifier(body: &[u8]) -> Result<(PacketIdentifier, &[u8]), Malformed> {
    let (id, rest) = body.split_first_chunk::<2>().ok_or(Malformed::CutShort)?;
    let id = PacketIdentifier::new(u16::from_be_bytes(*id));
    Ok((id.ok_or(Malformed::PacketIdentifierZero)?, rest))
}

//! The packets of a server, made without the encoder under test.

use alloc::vec::Vec;

use super::wire::Terms;
use crate::ProtocolVersion;

pub(super) fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = alloc::vec![first];
    let mut rest = body.len();
    while rest >= 0x80 {
        out.push((rest % 0x80) as u8 | 0x80);
        rest /= 0x80;
    }
    out.push(rest as u8);
    out.extend(body);
    out
}

/// CONNACK, and what it promises; no promise if it refuses.
pub(super) fn connack(version: ProtocolVersion, choice: u8) -> (Vec<u8>, Option<Terms>) {
    let refusals = match version {
        ProtocolVersion::V3_1_1 => [1, 2, 3, 5],
        ProtocolVersion::V5 => [0x84, 0x87, 0x88, 0x97],
    };
    let mut terms = Terms {
        receive_maximum: 65_535,
        maximum_packet_size: usize::MAX,
        takes_qos_1: true,
    };
    let choice = choice % 12;
    if let Some(&code) = usize::from(choice)
        .checked_sub(8)
        .and_then(|at| refusals.get(at))
    {
        let body: &[u8] = if version == ProtocolVersion::V5 {
            &[0, code, 0]
        } else {
            &[0, code]
        };
        return (packet(0x20, &[body]), None);
    }
    if version == ProtocolVersion::V3_1_1 {
        return (packet(0x20, &[&[choice & 1, 0]]), Some(terms));
    }
    let mut properties: Vec<u8> = Vec::new();
    if choice & 1 != 0 {
        terms.receive_maximum = 2;
        properties.extend([0x21, 0, 2]);
    }
    if choice & 2 != 0 {
        terms.maximum_packet_size = 256;
        properties.extend([0x27, 0, 0, 1, 0]);
    }
    if choice & 4 != 0 {
        terms.takes_qos_1 = false;
        // With it a server that wants to hear every five seconds.
        properties.extend([0x24, 0, 0x13, 0, 5]);
    }
    let body = packet(0, &[&properties]);
    (packet(0x20, &[&[0, 0], &body[1..]]), Some(terms))
}

/// An acknowledgement with `code` where the version and the kind of packet have one.
pub(super) fn puback(version: ProtocolVersion, id: u16, code: u8) -> Vec<u8> {
    let id = id.to_be_bytes();
    match version {
        ProtocolVersion::V5 if code != 0 => packet(0x40, &[&id, &[code]]),
        _ => packet(0x40, &[&id]),
    }
}

/// SUBACK with the same code for every filter.
pub(super) fn suback(version: ProtocolVersion, id: u16, filters: usize, code: u8) -> Vec<u8> {
    let properties: &[u8] = if version == ProtocolVersion::V5 {
        &[0]
    } else {
        &[]
    };
    packet(
        0x90,
        &[&id.to_be_bytes(), properties, &alloc::vec![code; filters]],
    )
}

pub(super) fn unsuback(version: ProtocolVersion, id: u16, filters: usize) -> Vec<u8> {
    match version {
        ProtocolVersion::V3_1_1 => packet(0xB0, &[&id.to_be_bytes()]),
        ProtocolVersion::V5 => packet(0xB0, &[&id.to_be_bytes(), &[0], &alloc::vec![0; filters]]),
    }
}

/// PUBLISH, at QoS 1 if there is a packet identifier.
pub(super) fn publish(
    version: ProtocolVersion,
    topic: &str,
    id: Option<u16>,
    payload: &[u8],
) -> Vec<u8> {
    let properties: &[u8] = if version == ProtocolVersion::V5 {
        &[0]
    } else {
        &[]
    };
    let id = id.map(u16::to_be_bytes);
    let id: &[u8] = id.as_ref().map_or(&[], |id| id);
    let len = (topic.len() as u16).to_be_bytes();
    let first = if id.is_empty() { 0x30 } else { 0x32 };
    packet(first, &[&len, topic.as_bytes(), id, properties, payload])
}

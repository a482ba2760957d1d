//! Every packet that the server writes, as bytes written by hand.
//!
//! A general encoder would refuse half of them: CONNACK claims a session that does not exist (C-010),
//! PUBLISH may carry packet identifier 0 (C-043), SUBACK may be empty, and success codes are left out
//! where a client's decoder had better not insist on them (reference §13.1).

use super::packets::Version;

pub(super) const PINGRESP: [u8; 2] = [0xD0, 0x00];

/// The answer to a client's DISCONNECT on MQTT 5 (C-021): code 0 in its shortest form.
pub(super) const DISCONNECT_ECHO: [u8; 2] = [0xE0, 0x00];

pub(super) fn connack(out: &mut Vec<u8>, version: Version, session_present: bool, code: u8) {
    let flags = u8::from(session_present);
    match version {
        Version::V3 => out.extend_from_slice(&[0x20, 2, flags, code]),
        Version::V5 => out.extend_from_slice(&[0x20, 3, flags, code, 0]),
    }
}

/// Success has the short form; 3.1.1 knows no other.
pub(super) fn puback(out: &mut Vec<u8>, version: Version, packet_id: u16, code: u8) {
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V3 || code == 0 {
        out.extend_from_slice(&[0x40, 2, high, low]);
    } else {
        out.extend_from_slice(&[0x40, 4, high, low, code, 0]);
    }
}

/// One code per filter: none if there was no filter.
pub(super) fn suback(out: &mut Vec<u8>, version: Version, packet_id: u16, codes: &[u8]) {
    acknowledgement_with_codes(out, 0x90, version, packet_id, codes);
}

/// Codes exist on MQTT 5 only.
pub(super) fn unsuback(out: &mut Vec<u8>, version: Version, packet_id: u16, codes: &[u8]) {
    let codes = if version == Version::V5 { codes } else { &[] };
    acknowledgement_with_codes(out, 0xB0, version, packet_id, codes);
}

pub(super) fn disconnect(out: &mut Vec<u8>, code: u8) {
    out.extend_from_slice(&[0xE0, 2, code, 0]);
}

/// A PUBLISH with DUP and RETAIN 0 (C-041). `packet_id` is `None` at QoS 0.
pub(super) fn publish(
    out: &mut Vec<u8>,
    version: Version,
    topic: &str,
    packet_id: Option<u16>,
    payload: &[u8],
) {
    let properties = usize::from(version == Version::V5);
    let identifier = if packet_id.is_some() { 2 } else { 0 };
    let length = 2 + topic.len() + identifier + properties + payload.len();
    out.push(if packet_id.is_some() { 0x32 } else { 0x30 });
    variable_length(out, length);
    out.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    if let Some(packet_id) = packet_id {
        out.extend_from_slice(&packet_id.to_be_bytes());
    }
    if version == Version::V5 {
        out.push(0);
    }
    out.extend_from_slice(payload);
}

fn acknowledgement_with_codes(
    out: &mut Vec<u8>,
    first: u8,
    version: Version,
    packet_id: u16,
    codes: &[u8],
) {
    let properties = usize::from(version == Version::V5);
    out.push(first);
    variable_length(out, 2 + properties + codes.len());
    out.extend_from_slice(&packet_id.to_be_bytes());
    if version == Version::V5 {
        out.push(0);
    }
    out.extend_from_slice(codes);
}

fn variable_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7F) as u8;
        length >>= 7;
        if length == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

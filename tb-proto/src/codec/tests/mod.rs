//! Tests of the whole codec.

mod chunks;
mod encoding;
mod memory;
mod oracle;
mod oversized;
mod properties;
mod regressions;

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::*;

const BOTH: [ProtocolVersion; 2] = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];

/// What a connection brought: the packets, and what ended it if it broke the rules.
type Received = (Vec<Incoming>, Option<Malformed>);

/// Everything that comes out of a connection that brings `chunks`.
fn receive<'a>(
    version: ProtocolVersion,
    limit: usize,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Received {
    let mut decoder = Decoder::new(version, limit);
    let mut packets = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        loop {
            match decoder.poll() {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(why) => return (packets, Some(why)),
            }
        }
    }
    (packets, None)
}

/// The packets in `bytes`, which are known to be good.
fn packets(version: ProtocolVersion, bytes: &[u8]) -> Vec<Incoming> {
    let (packets, end) = receive(version, 1 << 20, [bytes]);
    assert_eq!(end, None, "{bytes:02x?}");
    packets
}

/// The one packet that `bytes` are.
fn packet(version: ProtocolVersion, bytes: &[u8]) -> Incoming {
    let mut packets = packets(version, bytes);
    assert_eq!(packets.len(), 1, "{bytes:02x?} gave {packets:?}");
    packets.remove(0)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b' ')
        .map(|byte| (byte as char).to_digit(16).expect("hexadecimal") as u8)
        .collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    assert!(odd.is_empty(), "half a byte in {text}");
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

fn id(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).expect("not zero")
}

fn message(topic: &str, payload: &[u8], qos: QoS, packet_id: u16) -> Incoming {
    Incoming::Publish(Publish {
        topic: ReceivedTopic::checked(topic),
        payload: bytes::Bytes::copy_from_slice(payload),
        qos,
        packet_id,
        retain: false,
        dup: false,
    })
}

fn connack(session_present: bool, code: u8) -> Incoming {
    Incoming::ConnAck(Box::new(ConnAck {
        session_present,
        code,
        properties: ConnAckProperties::default(),
    }))
}

fn disconnect(reason: u8) -> Incoming {
    Incoming::Disconnect {
        reason,
        reason_string: None,
    }
}

//! Bytes from the network into packets.

use alloc::vec::Vec;

use super::input::Input;
use crate::codec::{Decoder, Incoming, Malformed, ProtocolVersion, Topic};

/// What an empty decoder may keep beside an incomplete packet and the last chunk: its retained buffer.
const SLACK: usize = 4 * 1024 + 64;

/// A stream of a server, read as either version of MQTT, whole and cut in several ways.
///
/// The first byte chooses the limit for incoming packets, the second how the stream is cut.
pub fn decode(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = match input.byte() % 5 {
        0 => 1 << 20,
        1 => 200,
        2 => 64,
        3 => 8,
        _ => 0,
    };
    let cut = usize::from(input.byte()) + 1;
    let stream = input.rest();
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let whole = receive(version, limit, [stream]);
        assert_eq!(
            receive(version, limit, stream.chunks(cut)),
            whole,
            "cut every {cut} bytes"
        );
        assert_eq!(
            receive(version, limit, growing(stream)),
            whole,
            "cut in growing pieces"
        );
        for packet in &whole.0 {
            check(packet, limit);
        }
    }
}

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
            let held = decoder.buffered();
            assert!(
                held <= limit + chunk.len() + SLACK,
                "{held} bytes held, the limit is {limit}"
            );
            match decoder.poll() {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(why) => {
                    assert_eq!(decoder.poll(), Err(why), "a broken stream stays broken");
                    assert_eq!(decoder.buffered(), 0, "a broken stream is not kept");
                    return (packets, Some(why));
                }
            }
        }
    }
    (packets, None)
}

/// Pieces of 1, 2, 3, … bytes.
fn growing(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut len = 0;
    core::iter::from_fn(move || {
        len += 1;
        let (piece, rest) = stream.split_at(len.min(stream.len()));
        stream = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What the layers above rely on.
fn check(packet: &Incoming, limit: usize) {
    match packet {
        Incoming::Publish(publish) => {
            assert!(
                Topic::new(&publish.topic).is_ok(),
                "topic {:?}",
                publish.topic
            );
            assert!(
                publish.payload.len() < limit,
                "a payload over the limit was delivered"
            );
        }
        Incoming::OversizedPublish { topic, len, .. } => {
            assert!(*len > limit, "{len} bytes are within the limit of {limit}");
            assert!(topic.as_ref().is_none_or(|topic| Topic::new(topic).is_ok()));
        }
        Incoming::ConnAck(connack) => {
            assert_ne!(connack.properties.receive_maximum, Some(0));
            assert_ne!(connack.properties.maximum_packet_size, Some(0));
            assert!(connack.properties.maximum_qos.is_none_or(|qos| qos < 2));
        }
        Incoming::SubAck { codes, .. } => {
            assert!(
                codes.iter().all(|code| !(3..0x80).contains(code)),
                "{codes:x?}"
            );
        }
        Incoming::PubAck { .. }
        | Incoming::Qos2 { .. }
        | Incoming::UnsubAck { .. }
        | Incoming::PingResp
        | Incoming::Disconnect { .. }
        | Incoming::Auth => {}
    }
}

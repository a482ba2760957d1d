//! Tests of the whole codec.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::*;

/// Everything that comes out of a connection that brings these bytes.
fn decode(version: ProtocolVersion, bytes: &[u8]) -> Result<Vec<Incoming>, Malformed> {
    let mut decoder = Decoder::new(version, 1 << 20);
    decoder.push(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = decoder.poll()? {
        packets.push(packet);
    }
    Ok(packets)
}

#[test]
fn a_published_message_can_be_decoded() {
    for version in [ProtocolVersion::V3_1_1, ProtocolVersion::V5] {
        let mut out = BytesMut::new();
        let topic = Topic::numbered("v1/devices/me/rpc/response/", 4_294_967_295);
        let id = PacketIdentifier::new(7);
        let written = encode::publish(version, &topic, id, &[b"{", b"}"], &mut out).unwrap();
        assert_eq!(written, out.len());
        let packets = decode(version, &out).unwrap();
        let [Incoming::Publish(publish)] = &packets[..] else {
            panic!("{packets:?}");
        };
        assert_eq!(
            publish.topic.as_str(),
            "v1/devices/me/rpc/response/4294967295"
        );
        assert_eq!(&publish.payload[..], b"{}");
        assert_eq!(publish.packet_id, 7);
    }
}

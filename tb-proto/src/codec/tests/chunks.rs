//! How the bytes of a connection are cut changes nothing, and no bytes do harm.

use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Packets of a server, good and bad, and pieces of them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => select(&[
            "20020000", "2003000000", "200b00000821000a2700001000", "20020105", "40020001",
            "4004000a8000", "9004000a0001", "9003000a01", "b002000b", "b004000b0011", "d000", "e000",
            "e00187", "62020001", "3003000161", "3004000161 00", "3204000161", "32060001610001 00",
            "320700016100010078", "300d000161060b050b060b07706179", "e00a87081f00056761746521",
            "f000", "34050001610001",
        ][..])
        .prop_map(hex),
        2 => (any::<bool>(), 1u8..40, vec(any::<u8>(), 0..300)).prop_map(|(qos1, topic, payload)| {
            let mut out = BytesMut::new();
            let topic = Topic::new(&"t".repeat(topic.into())).expect("a topic");
            let id = qos1.then(|| id(9));
            encode::publish(ProtocolVersion::V5, &topic, id, &[&payload], &mut out).expect("fits");
            out.to_vec()
        }),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// `bytes` in pieces of the given lengths, the rest as the last one.
fn cut<'a>(mut bytes: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for &len in lens {
        let (head, rest) = bytes.split_at(len.min(bytes.len()));
        chunks.push(head);
        bytes = rest;
    }
    chunks.push(bytes);
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn packets_do_not_depend_on_where_the_stream_was_cut(
        bytes in stream(),
        lens in vec(0usize..40, 0..40),
        limit in select(&[8usize, 64, 200, 1 << 20][..]),
        version in select(&BOTH[..]),
    ) {
        let whole = receive(version, limit, [&bytes[..]]);
        prop_assert_eq!(&receive(version, limit, cut(&bytes, &lens)), &whole);
        prop_assert_eq!(&receive(version, limit, bytes.chunks(1)), &whole);
    }

    #[test]
    fn packets_do_not_depend_on_how_many_chunks_came_before_the_first_poll(
        bytes in stream(),
        lens in vec(0usize..40, 0..40),
        version in select(&BOTH[..]),
    ) {
        let whole = receive(version, 200, [&bytes[..]]);
        let mut decoder = Decoder::new(version, 200);
        for chunk in cut(&bytes, &lens) {
            decoder.push(chunk);
        }
        let mut packets = Vec::new();
        let end = loop {
            match decoder.poll() {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        prop_assert_eq!((packets, end), whole);
    }

    #[test]
    fn any_bytes_at_all_are_read_without_harm(
        bytes in vec(any::<u8>(), 0..400),
        first in any::<u8>(),
        limit in 0usize..300,
        version in select(&BOTH[..]),
    ) {
        // Behind a plausible start more of the reader is reached.
        let mut framed = hex("00");
        framed[0] = first;
        framed.push((bytes.len() & 0x7F) as u8);
        framed.extend_from_slice(&bytes);
        receive(version, limit, [&bytes[..]]);
        receive(version, limit, [&framed[..]]);
    }
}

#[test]
fn a_broken_stream_stays_broken() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, 100);
    decoder.push(&hex("d000 d100 d000"));
    assert_eq!(decoder.poll(), Ok(Some(Incoming::PingResp)));
    assert_eq!(decoder.poll(), Err(Malformed::Flags(0xD1)));
    assert_eq!(decoder.poll(), Err(Malformed::Flags(0xD1)));
    decoder.push(&hex("d000"));
    assert_eq!(decoder.poll(), Err(Malformed::Flags(0xD1)));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn what_can_never_become_a_packet_is_told_before_its_body_is_there() {
    for (start, why) in [
        ("00", Malformed::PacketType(0)),
        ("d1", Malformed::Flags(0xD1)),
        ("34", Malformed::QoS2),
        ("30808080 80", Malformed::VariableByteInteger),
        ("d001", Malformed::BodyLength(13)),
    ] {
        let bytes = hex(start);
        for version in BOTH {
            let (packets, end) = receive(version, 1 << 20, [&bytes[..]]);
            assert_eq!((packets.len(), end), (0, Some(why)), "{start}");
        }
    }
}

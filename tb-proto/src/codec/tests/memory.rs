//! What the decoder holds, and for how long.

use alloc::vec;

use super::*;

const LIMIT: usize = 1 << 20;

fn publish(payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let topic = Topic::from_static("v1/devices/me/attributes");
    encode::publish(ProtocolVersion::V5, &topic, None, &[payload], &mut out).expect("fits");
    out.to_vec()
}

fn payload_of(incoming: Option<Incoming>) -> bytes::Bytes {
    match incoming {
        Some(Incoming::Publish(publish)) => publish.payload,
        other => panic!("no message but {other:?}"),
    }
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, 1 << 28);
    decoder.push(&hex("30ffffff7f 0001 61 00 00"));
    assert_eq!(decoder.poll(), Ok(None));
    assert!(decoder.buffered() < 100, "{}", decoder.buffered());
}

#[test]
fn memory_stays_below_the_limit_and_one_chunk() {
    let chunk = 16 * 1024;
    let mut stream = publish(&vec![b'x'; LIMIT - 60]);
    for payload in [10, 5_000, 300_000, 1_000_000, 0, LIMIT - 100] {
        stream.extend(publish(&vec![b'y'; payload]));
    }
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    let mut messages = 0;
    for data in stream.chunks(chunk) {
        decoder.push(data);
        assert!(
            decoder.buffered() <= LIMIT + chunk,
            "{}",
            decoder.buffered()
        );
        while decoder.poll().expect("good packets").is_some() {
            messages += 1;
        }
        assert!(
            decoder.buffered() <= LIMIT + chunk,
            "{}",
            decoder.buffered()
        );
    }
    assert_eq!(messages, 7);
}

#[test]
fn an_idle_connection_holds_little_after_a_large_message() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    for data in publish(&vec![b'x'; 500_000]).chunks(1_000) {
        decoder.push(data);
        decoder.poll().expect("good packets");
    }
    decoder.push(&vec![0xD0, 0].repeat(10_000));
    while decoder.poll().expect("good packets").is_some() {}
    assert!(decoder.buffered() <= 4_096, "{}", decoder.buffered());
}

#[test]
fn a_message_over_the_limit_is_never_held() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, 1_000);
    let stream = publish(&vec![b'x'; 3_000_000]);
    let mut reports = 0;
    for data in stream.chunks(500) {
        decoder.push(data);
        assert!(decoder.buffered() <= 1_500, "{}", decoder.buffered());
        reports += usize::from(decoder.poll().expect("a good packet").is_some());
    }
    assert_eq!(reports, 1);
}

#[test]
fn a_small_payload_keeps_nothing_else_alive() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    let mut chunk = publish(&[b'a'; 100]);
    chunk.extend(publish(&vec![b'b'; 60_000]));
    decoder.push(&chunk);
    let small = payload_of(decoder.poll().expect("a good packet"));
    let held = chunk.as_ptr_range();
    assert!(!held.contains(&small.as_ptr()));
    assert_eq!(
        small.try_into_mut().expect("the only owner").capacity(),
        100
    );
}

#[test]
fn a_payload_that_fills_the_buffer_is_handed_out_without_a_copy() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    let mut chunk = publish(&vec![b'b'; 60_000]);
    chunk.extend(publish(b"next"));
    decoder.push(&chunk);
    let before = decoder.buffered();
    let large = payload_of(decoder.poll().expect("a good packet"));
    assert_eq!(large, vec![b'b'; 60_000]);
    assert!(
        decoder.buffered() < before / 100,
        "the buffer went with the payload"
    );
    assert_eq!(payload_of(decoder.poll().expect("a good packet")), "next");
}

#[test]
fn user_properties_cannot_multiply_into_memory() {
    // Five bytes each on the wire, two strings each when read.
    let mut properties = hex("2600000000").repeat(65);
    let mut packet = hex("20 00 0000");
    packet.extend([0xC5, 0x02]);
    packet.append(&mut properties);
    let body = packet.len() - 2;
    packet.splice(1..2, [(body & 0x7F) as u8 | 0x80, (body >> 7) as u8]);
    let (packets, end) = receive(ProtocolVersion::V5, LIMIT, [&packet[..]]);
    assert_eq!(
        (packets.len(), end),
        (0, Some(Malformed::TooManyUserProperties))
    );
}

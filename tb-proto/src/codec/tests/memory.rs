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
fn a_stream_that_never_pauses_between_two_packets_takes_no_more_than_one_of_them() {
    let one = publish(&[b'x'; 100]);
    let stream = one.repeat(2_000);
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    let mut messages = 0;
    // 97 bytes at a time: hardly ever does a chunk end where a packet ends.
    for data in stream.chunks(97) {
        decoder.push(data);
        while decoder.poll().expect("good packets").is_some() {
            messages += 1;
        }
        assert!(decoder.buffered() <= 512, "{}", decoder.buffered());
    }
    assert_eq!(messages, 2_000);
}

#[test]
fn an_idle_connection_holds_little_after_a_large_message() {
    let mut decoder = Decoder::new(ProtocolVersion::V5, LIMIT);
    for data in publish(&vec![b'x'; 500_000]).chunks(1_000) {
        decoder.push(data);
        decoder.poll().expect("good packets");
    }
    decoder.push(&[0xD0, 0].repeat(10_000));
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

/// A packet whose properties are `count` empty user properties: five bytes each on the wire, two
/// strings each once they are read.
fn with_user_properties(first: u8, before: &str, count: usize) -> Vec<u8> {
    let properties = hex("2600000000").repeat(count);
    let two_bytes = |len: usize| [len as u8 | 0x80, (len >> 7) as u8];
    let mut body = hex(before);
    body.extend(two_bytes(properties.len()));
    body.extend(properties);
    let mut packet = vec![first];
    packet.extend(two_bytes(body.len()));
    packet.extend(body);
    packet
}

#[test]
fn user_properties_cannot_multiply_into_memory() {
    let connack = with_user_properties(0x20, "0000", 64);
    assert_eq!(packets(ProtocolVersion::V5, &connack).len(), 1);
    let connack = with_user_properties(0x20, "0000", 65);
    let received = receive(ProtocolVersion::V5, LIMIT, [&connack[..]]);
    assert_eq!(received, (vec![], Some(Malformed::TooManyUserProperties)));
}

#[test]
fn user_properties_of_a_message_are_passed_over_however_many_they_are() {
    let message = with_user_properties(0x30, "000161", 1_000);
    assert_eq!(packets(ProtocolVersion::V5, &message).len(), 1);
}

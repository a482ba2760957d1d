//! A message over the limit must not end the link, or one large attribute would end it for ever.

use alloc::vec;

use super::*;

fn publish(version: ProtocolVersion, topic: &str, id: Option<u16>, payload: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    let topic = Topic::new(topic).expect("a topic");
    let id = id.and_then(PacketIdentifier::new);
    let payload = vec![b'x'; payload];
    encode::publish(version, &topic, id, &[&payload], &mut out).expect("fits");
    out.to_vec()
}

fn report(topic: Option<&str>, packet_id: Option<u16>, len: usize) -> Incoming {
    Incoming::OversizedPublish {
        topic: topic.map(ReceivedTopic::checked),
        packet_id,
        qos: match packet_id {
            Some(_) => QoS::AtLeastOnce,
            None => QoS::AtMostOnce,
        },
        len,
    }
}

#[test]
fn it_is_skipped_and_reported_wherever_the_stream_is_cut() {
    for version in BOTH {
        for packet_id in [None, Some(513)] {
            let large = publish(version, "v1/devices/me/attributes", packet_id, 200);
            let expected = vec![
                Incoming::PingResp,
                report(Some("v1/devices/me/attributes"), packet_id, large.len()),
                Incoming::PingResp,
            ];
            let stream = [&hex("d000"), &large[..], &hex("d000")].concat();
            for split in 0..=stream.len() {
                let (head, tail) = stream.split_at(split);
                let received = receive(version, 64, [head, tail]);
                assert_eq!(received, (expected.clone(), None), "cut at {split}");
            }
            let received = receive(version, 64, stream.chunks(1));
            assert_eq!(received, (expected, None));
        }
    }
}

#[test]
fn the_limit_counts_the_whole_packet() {
    for version in BOTH {
        let bytes = publish(version, "topic", Some(1), 100);
        let (fits, _) = receive(version, bytes.len(), [&bytes[..]]);
        assert!(matches!(fits[..], [Incoming::Publish(_)]), "{fits:?}");
        let (over, _) = receive(version, bytes.len() - 1, [&bytes[..]]);
        assert_eq!(over, [report(Some("topic"), Some(1), bytes.len())]);
    }
}

#[test]
fn it_is_acknowledged_even_if_its_topic_alone_is_over_the_limit() {
    let topic = "t".repeat(300);
    for version in BOTH {
        let bytes = publish(version, &topic, Some(77), 50);
        let expected = (vec![report(None, Some(77), bytes.len())], None);
        for split in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(split);
            assert_eq!(receive(version, 100, [head, tail]), expected);
        }
    }
}

#[test]
fn nothing_is_reported_before_all_of_it_has_passed() {
    let bytes = publish(ProtocolVersion::V5, "topic", Some(1), 5_000);
    let (_, most) = bytes.split_last().expect("not empty");
    let received = receive(ProtocolVersion::V5, 100, [most]);
    assert_eq!(received, (vec![], None));
}

#[test]
fn its_topic_obeys_the_rules_of_every_topic() {
    for (text, why) in [
        ("30c801 0002 612b", Malformed::Topic(InvalidTopic::Wildcard)),
        ("30c801 0000", Malformed::Topic(InvalidTopic::Empty)),
        ("30c801 0002 c328", Malformed::Text),
        ("30c801 00c7", Malformed::CutShort),
        ("32c801 00c5", Malformed::CutShort),
    ] {
        for version in BOTH {
            let (packets, end) = receive(version, 100, [&hex(text)[..]]);
            assert_eq!((packets.len(), end), (0, Some(why)), "{text}");
        }
    }
}

#[test]
fn any_other_packet_over_the_limit_ends_the_stream() {
    for version in BOTH {
        let (packets, end) = receive(version, 100, [&hex("90c801")[..]]);
        assert_eq!((packets.len(), end), (0, Some(Malformed::TooLarge(203))));
    }
}

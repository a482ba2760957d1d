//! Inputs that `mqttbytes` 0.6.0 alone reads wrongly, refuses or takes although they are forbidden,
//! and the packets of ThingsBoard that no strict reader takes.

use alloc::vec;

use super::*;

use Malformed::*;
use ProtocolVersion::{V3_1_1, V5};
use QoS::{AtLeastOnce, AtMostOnce};

type Outcome = Result<Incoming, Malformed>;

/// Each row: the bytes, what they are on MQTT 3.1.1, what they are on MQTT 5.
fn expect(rows: impl IntoIterator<Item = (&'static str, Outcome, Outcome)>) {
    for (text, old, new) in rows {
        for (version, expected) in [(V3_1_1, old), (V5, new)] {
            let (mut packets, end) = receive(version, 1 << 20, [&hex(text)[..]]);
            let outcome = match end {
                Some(why) => Err(why),
                None => Ok(packets.pop().expect("a packet")),
            };
            assert_eq!(outcome, expected, "{text} on {version}");
            assert!(packets.is_empty(), "more than one packet in {text}");
        }
    }
}

/// A row whose outcome does not depend on the version.
fn both(text: &'static str, outcome: Outcome) -> (&'static str, Outcome, Outcome) {
    (text, outcome.clone(), outcome)
}

fn suback(codes: &[u8]) -> Outcome {
    Ok(Incoming::SubAck {
        id: id(1),
        codes: codes.to_vec(),
    })
}

fn at_qos_0(topic: &str, payload: &str) -> Outcome {
    Ok(message(topic, &hex(payload), AtMostOnce, 0))
}

#[test]
fn packets_that_no_server_sends_end_the_stream() {
    expect([
        both("0000", Err(PacketType(0))),
        both("100c00044d5154540403000a0000", Err(PacketType(1))),
        both("82020001", Err(PacketType(8))),
        both("a2000001", Err(PacketType(10))),
        both("a2050001000401010101", Err(PacketType(10))),
        both("c000", Err(PacketType(12))),
    ]);
}

#[test]
fn reserved_flag_bits_must_be_what_the_packet_type_prescribes() {
    expect([
        both("60020001", Err(Flags(0x60))),
        both("4f020001", Err(Flags(0x4F))),
        both("9f03000100", Err(Flags(0x9F))),
        both("d100", Err(Flags(0xD1))),
        (
            "62020001",
            Ok(Incoming::Qos2 {
                kind: Qos2::Release,
                id: id(1),
            }),
            Ok(Incoming::Qos2 {
                kind: Qos2::Release,
                id: id(1),
            }),
        ),
    ]);
}

#[test]
fn lengths_are_written_in_the_shortest_form_of_at_most_four_bytes() {
    expect([
        both("4082000001", Err(VariableByteInteger)),
        both("408280 80000001", Err(VariableByteInteger)),
        both("40828000", Err(VariableByteInteger)),
        both("30ffffffff", Err(VariableByteInteger)),
        both("30ffffffff01", Err(VariableByteInteger)),
        ("2003000080", Err(BodyLength(2)), Err(CutShort)),
        ("200400008000", Err(BodyLength(2)), Err(VariableByteInteger)),
    ]);
}

#[test]
fn nothing_follows_the_last_field() {
    expect([
        both("d003aabbcc", Err(BodyLength(13))),
        ("40060001aabbccdd", Err(BodyLength(4)), Err(CutShort)),
        ("40050001000000", Err(BodyLength(4)), Err(TrailingBytes)),
        ("20040000aabb", Err(BodyLength(2)), Err(CutShort)),
        ("200400000000", Err(BodyLength(2)), Err(TrailingBytes)),
        ("e003000000", Err(PacketType(14)), Err(TrailingBytes)),
        ("f003180000", Err(PacketType(15)), Err(TrailingBytes)),
        ("b0030001aa", Err(BodyLength(11)), Err(CutShort)),
    ]);
}

#[test]
fn a_body_that_is_too_short_is_malformed_and_does_not_wait_for_more() {
    expect([
        ("20020000", Ok(connack(false, 0)), Err(CutShort)),
        ("3003000161", at_qos_0("a", ""), Err(BodyLength(3))),
        (
            "32050001610001",
            Ok(message("a", b"", AtLeastOnce, 1)),
            Err(BodyLength(3)),
        ),
        ("300400016180", at_qos_0("a", "80"), Err(CutShort)),
        ("3006000161020b80", at_qos_0("a", "020b80"), Err(CutShort)),
        ("400400010080", Err(BodyLength(4)), Err(CutShort)),
        ("90020001", suback(&[]), Err(BodyLength(9))),
        (
            "b0020001",
            Ok(Incoming::UnsubAck {
                id: id(1),
                codes: vec![],
            }),
            Err(BodyLength(11)),
        ),
        ("3003000561", Err(CutShort), Err(BodyLength(3))),
        ("300400056178", Err(CutShort), Err(CutShort)),
        both("2000", Err(BodyLength(2))),
        both("400100", Err(BodyLength(4))),
        both("900100", Err(BodyLength(9))),
    ]);
}

#[test]
fn a_message_has_a_qos_that_was_subscribed_and_repeats_only_with_an_identifier() {
    expect([
        both("34050001610001", Err(QoS2)),
        both("36050001610001", Err(QoS3)),
        both("3803000161", Err(DupAtQoS0)),
    ]);
}

#[test]
fn a_message_has_a_topic_that_a_message_can_have() {
    expect([
        both("30020000", Err(BodyLength(3))),
        both("300400007878", Err(Topic(InvalidTopic::Empty))),
        both("300400012378", Err(Topic(InvalidTopic::Wildcard))),
        both("300400012b78", Err(Topic(InvalidTopic::Wildcard))),
        both("300400010078", Err(Topic(InvalidTopic::Null))),
        both("30050002c32878", Err(Text)),
        both("300600 03eda080 78", Err(Text)),
        both("300700000323000078", Err(Topic(InvalidTopic::Empty))),
        ("30040002c3a9", at_qos_0("é", ""), Err(CutShort)),
        ("30050003e6b8a9", at_qos_0("温", ""), Err(CutShort)),
        ("30050002c3a900", at_qos_0("é", "00"), at_qos_0("é", "")),
    ]);
}

#[test]
fn acknowledgements_are_for_an_identifier_that_exists() {
    expect([
        both("40020000", Err(PacketIdentifierZero)),
        both("50020000", Err(PacketIdentifierZero)),
        both("62020000", Err(PacketIdentifierZero)),
        both("9003000000", Err(PacketIdentifierZero)),
        ("b0020000", Err(PacketIdentifierZero), Err(BodyLength(11))),
    ]);
}

#[test]
fn connack_says_what_it_can_say() {
    expect([
        both("2002fe00", Err(ConnAckFlags(0xFE))),
        both("20020006", Ok(connack(false, 6))),
        (
            "200900000621000a21000b",
            Err(BodyLength(2)),
            Err(RepeatedProperty(0x21)),
        ),
        (
            "2006000003210000",
            Err(BodyLength(2)),
            Err(PropertyValue(0x21)),
        ),
        (
            "20080000052700000000",
            Err(BodyLength(2)),
            Err(PropertyValue(0x27)),
        ),
        (
            "20050000022402",
            Err(BodyLength(2)),
            Err(PropertyValue(0x24)),
        ),
        ("2006000003230001", Err(BodyLength(2)), Err(Property(0x23))),
        ("20050000027f00", Err(BodyLength(2)), Err(Property(0x7F))),
        ("2005000002ff00", Err(BodyLength(2)), Err(Property(0xFF))),
    ]);
}

#[test]
fn subscription_identifiers_take_nothing_from_the_payload() {
    expect([
        (
            "300d000161060b050b060b07706179",
            at_qos_0("a", "060b050b060b07706179"),
            at_qos_0("a", "706179"),
        ),
        (
            "300f000161080b050b060b070b08706179",
            at_qos_0("a", "080b050b060b070b08706179"),
            at_qos_0("a", "706179"),
        ),
        (
            "300d000161060b050b060101706179",
            at_qos_0("a", "060b050b060101706179"),
            at_qos_0("a", "706179"),
        ),
        (
            "3006000161020b00",
            at_qos_0("a", "020b00"),
            Err(PropertyValue(0x0B)),
        ),
    ]);
}

#[test]
fn a_property_stays_inside_the_properties() {
    expect([
        (
            "300b0001610208000461626364",
            at_qos_0("a", "0208000461626364"),
            Err(CutShort),
        ),
        (
            "900b0001021f00046162636400",
            Err(SubAckCode(0x1F)),
            Err(CutShort),
        ),
    ]);
}

#[test]
fn a_response_topic_has_no_wildcard_and_a_topic_alias_was_never_allowed() {
    expect([
        (
            "3008000161040800012b",
            at_qos_0("a", "040800012b"),
            Err(PropertyValue(0x08)),
        ),
        (
            "30070001610323000a",
            at_qos_0("a", "0323000a"),
            Err(TopicAlias),
        ),
    ]);
}

#[test]
fn suback_grants_or_refuses() {
    expect([
        ("9003000103", Err(SubAckCode(3)), Err(CutShort)),
        both("900400010003", Err(SubAckCode(3))),
        both("90040001007f", Err(SubAckCode(0x7F))),
        ("9003000102", suback(&[2]), Err(CutShort)),
        ("9004000100ff", suback(&[0, 0xFF]), suback(&[0xFF])),
    ]);
}

#[test]
fn disconnect_may_leave_everything_out() {
    expect([
        ("e000", Err(PacketType(14)), Ok(disconnect(0))),
        ("e00100", Err(PacketType(14)), Ok(disconnect(0))),
        ("e00182", Err(PacketType(14)), Ok(disconnect(0x82))),
        ("e0018b", Err(PacketType(14)), Ok(disconnect(0x8B))),
        ("e0028c00", Err(PacketType(14)), Ok(disconnect(0x8C))),
        (
            "e00a87081f00056761746521",
            Err(PacketType(14)),
            Ok(Incoming::Disconnect {
                reason: 0x87,
                reason_string: Some("gate!".into()),
            }),
        ),
    ]);
}

#[test]
fn auth_is_recognised_so_that_the_client_can_refuse_it() {
    expect([
        ("f000", Err(PacketType(15)), Ok(Incoming::Auth)),
        ("f0021800", Err(PacketType(15)), Ok(Incoming::Auth)),
    ]);
}

#[test]
fn thingsboard_sends_what_a_strict_reader_refuses() {
    expect([
        // Session present with a refusal.
        both("20020105", Ok(connack(true, 5))),
        // A server of MQTT 3.1.1 refuses MQTT 5.
        both("20020001", Ok(connack(false, 1))),
        // SUBSCRIBE before authentication.
        ("9003000187", suback(&[0x87]), Err(CutShort)),
        ("900400010087", suback(&[0, 0x87]), suback(&[0x87])),
        // The 65,536th message of a connection (C-043).
        (
            "3206000161000078",
            Ok(message("a", b"x", AtLeastOnce, 0)),
            Err(CutShort),
        ),
        (
            "320700016100000078",
            Ok(message("a", b"\0x", AtLeastOnce, 0)),
            Ok(message("a", b"x", AtLeastOnce, 0)),
        ),
        // SUBSCRIBE without filters.
        ("90020001", suback(&[]), Err(BodyLength(9))),
        ("9003000100", suback(&[0]), suback(&[])),
    ]);
}

use super::*;
use crate::codec::ReasonCode;

#[test]
fn a_message_is_acknowledged_by_its_own_puback_and_no_other() {
    let mut table = Table::online(ProtocolVersion::V5);
    let first = table.publish("first");
    let second = table.publish("second");
    let packets = table.sent();
    table.acknowledge(&packets[1], 0);
    assert_eq!(table.outcomes(), [(second, ACKNOWLEDGED_V5)]);
    table.acknowledge(&packets[1], 0);
    table.receive(&[0x40, 2, 0x12, 0x34]);
    assert_eq!(table.outcomes(), []);
    assert_eq!(table.mqtt.counters().unexpected_acknowledgements, 2);
    table.acknowledge(&packets[0], 0);
    assert_eq!(table.outcomes(), [(first, ACKNOWLEDGED_V5)]);
}

#[test]
fn acknowledgements_that_come_in_one_chunk_are_told_one_by_one() {
    let mut table = Table::online(ProtocolVersion::V5);
    let published = ["a", "b", "c"].map(|text| table.publish(text));
    let pubacks: Vec<u8> = table
        .sent()
        .iter()
        .flat_map(|packet| [&[0x40, 2][..], &packet_id(packet)].concat())
        .collect();
    table
        .mqtt
        .handle_input(table.now, table.link.unwrap(), &pubacks);
    for id in published {
        assert_eq!(table.outcomes(), []);
        assert_eq!(table.mqtt.handle_next_packet(), Progress::Packet);
        table.collect();
        assert_eq!(table.outcomes(), [(id, ACKNOWLEDGED_V5)]);
    }
    assert_eq!(table.mqtt.handle_next_packet(), Progress::Done);
}

#[test]
fn a_qos_0_message_is_sent_when_it_leaves_the_machine_on_a_live_connection() {
    let mut table = Table::new(None);
    let id = table.publish_as("x", |publication| publication.qos = QoS::AtMostOnce);
    table.wait(Duration::from_secs(1));
    assert_eq!(table.outcomes(), []);
    table.accept();
    assert!(carries(&table.sent()[0], "x"));
    assert_eq!(
        table.outcomes(),
        [(id, Outcome::Delivered(Delivered::Sent))]
    );
}

#[test]
fn a_refusal_by_reason_code_ends_the_message_with_that_code() {
    let mut table = Table::online(ProtocolVersion::V5);
    let id = table.publish("bad");
    let packets = table.sent();
    table.acknowledge(&packets[0], 0x99);
    let reason = ReasonCode::PAYLOAD_FORMAT_INVALID;
    let rejected = UndeliveredCause::Rejected(Rejection::Reason(reason));
    assert_eq!(table.outcomes(), [(id, Outcome::Undelivered(rejected))]);
}

#[test]
fn a_lost_connection_loses_no_message_and_changes_no_order() {
    let mut table = Table::online(ProtocolVersion::V5);
    for text in ["a", "b", "c"] {
        table.publish(text);
    }
    let packets = table.sent();
    table.acknowledge(&packets[1], 0);
    table.publish("d");
    table.lose(LinkLost::Reset);
    table.publish("e");
    table.wait_for_dial();
    table.accept();
    let packets = table.sent();
    let expected = ["a", "c", "d", "e"];
    assert_eq!(packets.len(), expected.len());
    assert!(
        packets
            .iter()
            .zip(expected)
            .all(|(packet, text)| carries(packet, text))
    );
}

#[test]
fn urgent_messages_go_first_and_the_window_holds() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    for _ in 0..10 {
        table.publish("slow");
    }
    table.publish_as("fast", |publication| publication.lane = Lane::Urgent);
    table.wait(Duration::ZERO);
    table.open();
    table.sent();
    // Receive Maximum 3.
    table.receive(&[0x20, 6, 0, 0, 3, 0x21, 0, 3]);
    let packets = table.sent();
    assert_eq!(packets.len(), 3);
    assert!(carries(&packets[0], "fast"));
    table.acknowledge(&packets[0], 0);
    assert_eq!(table.sent().len(), 1);
}

#[test]
fn a_message_larger_than_the_server_takes_is_rejected_and_the_next_one_goes() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    let large = table.publish(&"x".repeat(100));
    table.publish("small");
    table.wait(Duration::ZERO);
    table.open();
    table.sent();
    // Maximum Packet Size 50.
    table.receive(&[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 50]);
    assert!(carries(&table.sent()[0], "small"));
    let outcomes = table.outcomes();
    assert!(matches!(
        outcomes[..],
        [(id, Outcome::Undelivered(UndeliveredCause::Rejected(Rejection::TooLarge { limit: 50, .. })))]
            if id == large
    ));
}

#[test]
fn what_expires_before_it_is_written_ends_on_time_and_what_is_on_its_way_is_waited_for() {
    let mut table = Table::online(ProtocolVersion::V5);
    let soon = |publication: &mut Publication<Text>| {
        publication.expires = Some(publication.accepted + Duration::from_secs(5));
    };
    table.publish_as("written", soon);
    let packets = table.sent();
    let waiting = table.publish_as("waiting", soon);
    table.wait(Duration::from_secs(5));
    assert_eq!(
        table.outcomes(),
        [(waiting, Outcome::Undelivered(UndeliveredCause::Expired))]
    );
    table.acknowledge(&packets[0], 0);
    assert!(matches!(table.outcomes()[..], [(_, ACKNOWLEDGED_V5)]));
}

#[test]
fn a_message_that_expired_on_its_way_ends_with_its_connection() {
    let mut table = Table::online(ProtocolVersion::V5);
    let id = table.publish_as("x", |publication| {
        publication.expires = Some(publication.accepted + Duration::from_secs(5));
    });
    table.sent();
    table.wait(Duration::from_secs(6));
    table.lose(LinkLost::Closed);
    assert_eq!(
        table.outcomes(),
        [(id, Outcome::Undelivered(UndeliveredCause::Expired))]
    );
}

#[test]
fn what_was_to_end_with_the_connection_does() {
    let mut table = Table::online(ProtocolVersion::V5);
    let end = |publication: &mut Publication<Text>| publication.on_link_end = OnLinkEnd::End;
    let written = table.publish_as("written", end);
    table.sent();
    let waiting = table.publish_as("waiting", end);
    table.lose(LinkLost::Closed);
    let ended = table.outcomes();
    assert_eq!(
        ended,
        [written, waiting].map(|id| (id, Outcome::LinkEnded { blamed: false }))
    );
}

#[test]
fn no_quota_means_later() {
    let mut table = Table::online(ProtocolVersion::V5);
    let id = table.publish("x");
    let packets = table.sent();
    table.acknowledge(&packets[0], 0x97);
    assert_eq!(table.sent().len(), 0);
    table.wait(Duration::from_secs(10));
    let packets = table.sent();
    table.acknowledge(&packets[0], 0);
    assert_eq!(table.outcomes(), [(id, ACKNOWLEDGED_V5)]);
}

#[test]
fn disconnecting_waits_for_outcomes_until_the_deadline_and_abandons_the_rest() {
    let mut table = Table::online(ProtocolVersion::V5);
    let first = table.publish("first");
    let second = table.publish("second");
    let packets = table.sent();
    table
        .mqtt
        .disconnect(table.now, table.now + Duration::from_secs(5));
    table.acknowledge(&packets[0], 0);
    table.wait(Duration::from_secs(5));
    assert_eq!(
        table.outcomes(),
        [
            (first, ACKNOWLEDGED_V5),
            (second, Outcome::Undelivered(UndeliveredCause::Abandoned))
        ]
    );
    assert_eq!(table.sent(), [b"\xe0\x00".to_vec()]);
    assert!(matches!(
        table.mqtt.poll_link(),
        Some(LinkRequest::Close { .. })
    ));
    assert!(table.mqtt.is_closed());
    assert_eq!(table.mqtt.poll_timeout(), None);
}

#[test]
fn disconnecting_with_nothing_left_is_immediate() {
    let mut table = Table::online(ProtocolVersion::V5);
    table
        .mqtt
        .disconnect(table.now, table.now + Duration::from_secs(5));
    assert_eq!(table.sent().len(), 1);
    assert!(table.mqtt.is_closed());
}

#[test]
fn many_messages_leave_in_one_chunk() {
    let mut table = Table::online(ProtocolVersion::V5);
    for _ in 0..100 {
        table.publish("x");
    }
    let chunk = table.mqtt.poll_transmit().unwrap();
    assert!(chunk.len() > 600);
    assert_eq!(table.mqtt.poll_transmit(), None);
}

#[test]
fn seventy_thousand_messages_with_five_hundred_never_acknowledged_reuse_no_identifier() {
    let mut table = Table::online(ProtocolVersion::V5);
    let mut stuck = alloc::collections::BTreeSet::new();
    for number in 0..70_000_u32 {
        table.publish("x");
        let packet = table.sent().pop().unwrap();
        let id = packet_id(&packet);
        assert!(!stuck.contains(&id), "{id:?} has two owners");
        if number % 140 == 0 {
            stuck.insert(id);
        } else {
            table.acknowledge(&packet, 0);
        }
        table.signals.clear();
    }
    assert_eq!(stuck.len(), 500);
    assert_eq!(table.mqtt.inflight(), 500);
}

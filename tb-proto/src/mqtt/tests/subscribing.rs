use super::*;
use crate::codec::ReasonCode;

const A: Filter = Filter::from_static("a");
const B: Filter = Filter::from_static("b");

fn answers(table: &mut Table) -> Vec<(Filter, Result<(), ReasonCode>)> {
    table.collect();
    core::mem::take(&mut table.signals)
        .into_iter()
        .filter_map(|signal| match signal {
            Signal::Subscribed { filter, granted } => Some((filter, granted)),
            _ => None,
        })
        .collect()
}

#[test]
fn all_filters_go_in_one_packet_after_every_connack() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    table.mqtt.subscribe(A);
    table.mqtt.subscribe(B);
    table.mqtt.subscribe(A);
    for _ in 0..2 {
        table.wait_for_dial();
        table.open();
        table.sent();
        // Session present is a lie (C-010): it changes nothing.
        table.receive(&[0x20, 3, 1, 0, 0]);
        let packets = table.sent();
        assert_eq!(packets.len(), 1);
        assert_eq!(packets[0][0], 0x82);
        assert!(packets[0].ends_with(b"\x00\x01a\x01\x00\x01b\x01"));
        table.lose(LinkLost::Closed);
    }
}

#[test]
fn each_filter_gets_its_own_answer() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.mqtt.subscribe(A);
    table.mqtt.subscribe(B);
    let packet = table.sent().remove(0);
    table.receive(&[0x90, 5, packet[2], packet[3], 0, 0x8F, 1]);
    assert_eq!(
        answers(&mut table),
        [(A, Err(ReasonCode::TOPIC_FILTER_INVALID)), (B, Ok(()))]
    );
}

#[test]
fn an_answer_with_too_few_codes_refuses_the_rest() {
    let mut table = Table::online(ProtocolVersion::V3_1_1);
    table.mqtt.subscribe(A);
    table.mqtt.subscribe(B);
    let packet = table.sent().remove(0);
    table.receive(&[0x90, 3, packet[2], packet[3], 1]);
    assert_eq!(
        answers(&mut table),
        [(A, Ok(())), (B, Err(ReasonCode::UNSPECIFIED_ERROR))]
    );
}

#[test]
fn an_unwanted_filter_is_unsubscribed_and_not_restored() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.mqtt.subscribe(A);
    table.sent();
    table.mqtt.unsubscribe(&A);
    let packets = table.sent();
    assert_eq!(packets[0][0], 0xA2);
    table.lose(LinkLost::Closed);
    table.wait_for_dial();
    table.accept();
    assert_eq!(table.sent().len(), 0);
}

#[test]
fn an_unanswered_subscribe_replaces_the_connection() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.mqtt.subscribe(A);
    table.sent();
    table.wait(Duration::from_secs(30));
    table.receive(&[0xD0, 0]);
    table.wait(Duration::from_secs(30));
    assert_eq!(table.last_end().0, Cause::AcknowledgementTimeout);
}

#[test]
fn an_acknowledgement_of_the_wrong_kind_is_ignored_and_counted() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.mqtt.subscribe(A);
    let subscribe = table.sent().remove(0);
    let [high, low] = [subscribe[2], subscribe[3]];
    table.receive(&[0x40, 2, high, low]);
    table.receive(&[0xB0, 4, high, low, 0, 0]);
    assert_eq!(table.mqtt.counters().unexpected_acknowledgements, 2);
    table.receive(&[0x90, 4, high, low, 0, 1]);
    assert_eq!(answers(&mut table).len(), 1);
}

#[test]
fn filters_go_in_as_many_packets_as_the_servers_maximum_packet_size_asks_for() {
    const LONG: Filter =
        Filter::from_static("a/filter/that/alone/is/longer/than/any/packet/may/be");
    let mut table = Table::new(Some(ProtocolVersion::V5));
    let filters = ["v1/a/+", "v1/b/+", "v1/c/+", "v1/d/+", "v1/e/+"].map(Filter::from_static);
    for filter in filters.iter().chain([&LONG]) {
        table.mqtt.subscribe(filter.clone());
    }
    table.wait_for_dial();
    table.open();
    table.sent();
    // Maximum Packet Size 32.
    table.receive(&[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 32]);
    let packets = table.sent();
    assert_eq!(packets.len(), 2);
    for packet in &packets {
        assert!(packet[0] == 0x82 && packet.len() <= 32, "{packet:x?}");
        let codes = (packet.len() - 5) / 9;
        let mut answer = alloc::vec![0x90, 3 + codes as u8, packet[2], packet[3], 0];
        answer.resize(5 + codes, 1);
        table.receive(&answer);
    }
    let answered = answers(&mut table);
    assert_eq!(answered[0], (LONG, Err(ReasonCode::PACKET_TOO_LARGE)));
    assert_eq!(
        answered[1..],
        filters.clone().map(|filter| (filter, Ok(())))
    );
    for filter in &filters {
        table.mqtt.unsubscribe(filter);
    }
    let packets = table.sent();
    assert_eq!(packets.len(), 2);
    assert!(
        packets
            .iter()
            .all(|packet| packet[0] == 0xA2 && packet.len() <= 32)
    );
}

use super::*;

/// A server that hangs up as soon as it sees the poison, and acknowledges everything before it.
fn serve(table: &mut Table) -> bool {
    loop {
        let packets = table.sent();
        if packets.is_empty() {
            return true;
        }
        for packet in packets.iter().filter(|packet| packet[0] & 0xF0 == 0x30) {
            if carries(packet, "poison") {
                hang_up(table);
                return false;
            }
            table.acknowledge(packet, 0);
        }
    }
}

fn hang_up(table: &mut Table) {
    match table.version() {
        ProtocolVersion::V5 => table.receive(&[0xE0, 2, 0x8B, 0]),
        ProtocolVersion::V3_1_1 => table.lose(LinkLost::Closed),
    }
}

fn reconnect(table: &mut Table) {
    table.wait_for_dial();
    table.accept();
}

#[test]
fn among_a_hundred_messages_only_the_poison_is_rejected() {
    for version in [ProtocolVersion::V5, ProtocolVersion::V3_1_1] {
        let mut table = Table::online(version);
        for number in 0..50 {
            table.publish(&alloc::format!("good {number}"));
        }
        let poison = table.publish("poison");
        for number in 50..100 {
            table.publish(&alloc::format!("good {number}"));
        }
        for _ in 0..60 {
            if serve(&mut table) {
                table.wait(Duration::from_secs(2));
                if table.mqtt.is_online() {
                    table.receive(&[0xD0, 0]);
                }
            } else {
                reconnect(&mut table);
            }
        }
        let outcomes = table.outcomes();
        assert_eq!(
            outcomes.len(),
            101,
            "{version}: every message has its outcome"
        );
        for (id, outcome) in outcomes {
            let closes = UndeliveredCause::Rejected(Rejection::ClosesConnection);
            if id == poison {
                assert_eq!(outcome, Outcome::Undelivered(closes), "{version}");
            } else {
                assert!(
                    matches!(outcome, Outcome::Delivered(_)),
                    "{version}: {outcome:?}"
                );
            }
        }
    }
}

#[test]
fn cuts_that_blame_no_packet_make_nobody_a_suspect() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("innocent");
    for code in [0x83, 0x8E, 0x98, 0xA0, 0x00] {
        table.sent();
        table.receive(&[0xE0, 2, code, 0]);
        reconnect(&mut table);
    }
    for why in [LinkLost::Closed, LinkLost::Reset, LinkLost::Local] {
        for _ in 0..5 {
            table.sent();
            table.lose(why);
            reconnect(&mut table);
        }
    }
    assert!(carries(&table.sent()[0], "innocent"));
    assert_eq!(table.outcomes(), []);
    assert_eq!(table.mqtt.outbox().count(Queue::Suspect), 0);
}

#[test]
fn a_connection_that_did_not_carry_a_message_says_nothing_of_it() {
    for version in [ProtocolVersion::V5, ProtocolVersion::V3_1_1] {
        let mut table = Table::online(version);
        table.publish("poison");
        assert!(!serve(&mut table));
        reconnect(&mut table);
        hang_up(&mut table);
        reconnect(&mut table);
        assert!(!serve(&mut table));
        assert_eq!(table.mqtt.outbox().count(Queue::Suspect), 1, "{version}");
    }
}

#[test]
fn an_end_long_after_the_write_blames_nobody() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("innocent");
    for _ in 0..6 {
        table.sent();
        table.wait(Duration::from_secs(6));
        hang_up(&mut table);
        reconnect(&mut table);
    }
    assert_eq!(table.outcomes(), []);
}

#[test]
fn without_proof_that_the_topic_works_a_suspect_is_tried_slowly_before_it_is_rejected() {
    let mut table = Table::online(ProtocolVersion::V5);
    let poison = table.publish("poison");
    let start = table.now;
    for _ in 0..40 {
        if !serve(&mut table) {
            reconnect(&mut table);
        }
        table.wait(Duration::from_secs(60));
        if table.mqtt.is_online() {
            table.receive(&[0xD0, 0]);
        }
        if table.mqtt.outbox().is_empty() {
            break;
        }
    }
    let spent = table.now.duration_since(start);
    assert!(spent > Duration::from_secs(600), "{spent:?}");
    for _ in 0..600 {
        if !serve(&mut table) {
            reconnect(&mut table);
        }
        table.wait(Duration::from_secs(10));
        if table.mqtt.is_online() {
            table.receive(&[0xD0, 0]);
        } else {
            reconnect(&mut table);
        }
    }
    let closes = UndeliveredCause::Rejected(Rejection::ClosesConnection);
    assert_eq!(table.outcomes(), [(poison, Outcome::Undelivered(closes))]);
}

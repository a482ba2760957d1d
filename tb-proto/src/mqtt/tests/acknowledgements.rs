//! Acknowledgements that do not come, or are believed late.

use super::*;

#[test]
fn missing_acknowledgements_replace_connections_less_and_less_often_if_none_comes() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("never acknowledged");
    table.sent();
    table.wait(Duration::from_secs(30));
    table.receive(&[0xD0, 0]);
    table.wait(Duration::from_secs(30));
    assert_eq!(table.last_end().0, Cause::AcknowledgementTimeout);
    for minutes in [2, 4, 5, 5] {
        table.accept();
        assert!(carries(&table.sent()[0], "never acknowledged"));
        for _ in 0..minutes {
            assert!(table.mqtt.is_online(), "{minutes}");
            table.wait(Duration::from_secs(30));
            table.receive(&[0xD0, 0]);
            table.wait(Duration::from_secs(30));
        }
        assert_eq!(table.last_end().0, Cause::AcknowledgementTimeout);
    }
}

#[test]
fn a_message_that_alone_is_never_acknowledged_is_rejected_and_keeps_its_identifier_taken() {
    let mut table = Table::online(ProtocolVersion::V5);
    let stuck = table.publish("[]");
    for _ in 0..2 {
        let packets = table.sent();
        assert!(carries(&packets[0], "[]"));
        table.publish("good");
        let good = table.sent();
        table.acknowledge(&good[0], 0);
        table.wait(Duration::from_secs(59));
        table.receive(&[0xD0, 0]);
        table.wait(Duration::from_secs(1));
        if table.mqtt.is_online() {
            let rejected = UndeliveredCause::Rejected(Rejection::NoAnswer);
            assert_eq!(
                table.outcomes().pop(),
                Some((stuck, Outcome::Undelivered(rejected)))
            );
            let late = packets[0].clone();
            table.acknowledge(&late, 0);
            assert_eq!(table.mqtt.counters().unexpected_acknowledgements, 0);
            return;
        }
        table.wait_for_dial();
        table.accept();
    }
    panic!("the message was not rejected");
}

/// The server acknowledges out of order, and each connection dies without a word before the older of two
/// messages has its turn.
#[test]
fn a_connection_that_died_without_a_word_speaks_against_no_message() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("older");
    for _ in 0..5 {
        table.publish("younger");
        let packets = table.sent();
        assert!(carries(&packets[0], "older"));
        table.acknowledge(&packets[1], 0);
        assert_eq!(table.outcomes().len(), 1, "the younger one's");
        for _ in 0..75 {
            table.wait(Duration::from_secs(1));
        }
        assert!(!table.mqtt.is_online());
        assert_eq!(table.outcomes(), []);
        table.wait_for_dial();
        table.accept();
    }
}

#[test]
fn before_a_missing_acknowledgement_is_held_against_a_message_the_server_is_asked_for_a_sign_of_life()
 {
    let mut table = Table::online(ProtocolVersion::V5);
    let stuck = table.publish("[]");
    for _ in 0..2 {
        table.publish("good");
        let packets = table.sent();
        table.acknowledge(&packets[1], 0);
        table.outcomes();
        table.wait(Duration::from_secs(44));
        assert_eq!(table.sent().len(), 0);
        table.wait(Duration::from_secs(1));
        assert_eq!(table.sent(), [[0xC0, 0].to_vec()]);
        table.receive(&[0xD0, 0]);
        table.wait(Duration::from_secs(14));
        assert_eq!(table.sent().len(), 0, "once is enough");
        // Timers are late now and then.
        table.wait(Duration::from_millis(1_050));
        if !table.mqtt.is_online() {
            table.wait_for_dial();
            table.accept();
        }
    }
    let rejected = UndeliveredCause::Rejected(Rejection::NoAnswer);
    assert_eq!(table.outcomes(), [(stuck, Outcome::Undelivered(rejected))]);
}

#[test]
fn a_sign_of_life_that_is_overdue_when_an_older_message_has_ended_is_asked_for_at_once() {
    let mut table = Table::online(ProtocolVersion::V5);
    let stuck = table.publish("[]");
    table.publish("good");
    let packets = table.sent();
    table.acknowledge(&packets[1], 0);
    table.wait(Duration::from_secs(50));
    table.receive(&[0xD0, 0]);
    table.wait(Duration::from_secs(10));
    table.wait_for_dial();
    table.accept();
    assert!(carries(&table.sent()[0], "[]"));
    table.wait(Duration::from_secs(2));
    table.publish("also stuck");
    table.publish("good");
    let packets = table.sent();
    table.acknowledge(&packets[1], 0);
    table.wait(Duration::from_secs(43));
    assert_eq!(table.sent(), [[0xC0, 0].to_vec()]);
    table.receive(&[0xD0, 0]);
    table.outcomes();
    table.wait(Duration::from_millis(14_999));
    assert_eq!(table.outcomes(), []);
    // At once in every sense: it is not due again.
    table.now = table.mqtt.poll_timeout().unwrap();
    table.mqtt.handle_timeout(table.now);
    let rejected = UndeliveredCause::Rejected(Rejection::NoAnswer);
    assert_eq!(table.outcomes(), [(stuck, Outcome::Undelivered(rejected))]);
    assert!(table.mqtt.is_online());
    let due = table.mqtt.poll_timeout().unwrap();
    assert!(due > table.now, "{due:?}");
    assert_eq!(table.sent(), [[0xC0, 0].to_vec()]);
}

#[test]
fn nobody_is_asked_for_a_sign_of_life_while_no_younger_message_is_acknowledged() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("a");
    table.sent();
    for _ in 0..59 {
        table.wait(Duration::from_secs(1));
        assert_eq!(table.sent().len(), 0);
    }
}

#[test]
fn an_acknowledgement_that_is_believed_late_is_not_missing_meanwhile() {
    let mut table = Table::online(ProtocolVersion::V3_1_1);
    let id = table.publish("of a gateway");
    let packets = table.sent();
    table.wait(Duration::from_millis(59_900));
    table.acknowledge(&packets[0], 0);
    table.wait(Duration::from_millis(249));
    assert_eq!(table.outcomes(), []);
    table.wait(Duration::from_millis(1));
    assert!(table.mqtt.is_online());
    let delivered = Delivered::Acknowledged {
        version: ProtocolVersion::V3_1_1,
    };
    assert_eq!(table.outcomes(), [(id, Outcome::Delivered(delivered))]);
}

#[test]
fn a_server_that_acknowledges_nothing_is_slow_and_loses_nothing() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("a");
    for _ in 0..5 {
        assert!(carries(&table.sent()[0], "a"));
        table.wait(Duration::from_secs(50));
        table.receive(&[0xD0, 0]);
        table.wait(Duration::from_secs(30));
        table.wait_for_dial();
        table.accept();
    }
    assert_eq!(table.outcomes(), []);
}

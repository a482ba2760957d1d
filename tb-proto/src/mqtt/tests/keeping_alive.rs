use super::*;

const PINGREQ: &[u8] = &[0xC0, 0];
const PINGRESP: &[u8] = &[0xD0, 0];

#[test]
fn a_ping_is_due_one_keep_alive_after_the_last_activity() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.wait(Duration::from_secs(40));
    table.publish("x");
    let packets = table.sent();
    table.acknowledge(&packets[0], 0);
    table.wait(Duration::from_secs(59));
    assert_eq!(table.sent().len(), 0);
    table.wait(Duration::from_secs(1));
    assert_eq!(table.sent(), [PINGREQ.to_vec()]);
}

#[test]
fn what_the_server_does_not_count_as_activity_puts_off_no_ping() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.wait(Duration::from_secs(40));
    table.publish_as("x", |publication| publication.is_activity = false);
    let packets = table.sent();
    table.acknowledge(&packets[0], 0);
    // A push at QoS 1 and its PUBACK are no activity either (TB §14.4).
    table.receive(&[0x32, 7, 0, 1, b't', 0, 9, 0, b'y']);
    assert_eq!(table.sent(), [[0x40, 2, 0, 9].to_vec()]);
    table.wait(Duration::from_secs(20));
    assert_eq!(table.sent(), [PINGREQ.to_vec()]);
}

#[test]
fn a_server_that_says_nothing_for_keep_alive_and_ping_time_out_is_dead() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.wait(Duration::from_secs(74));
    assert!(table.mqtt.is_online());
    table.wait(Duration::from_secs(1));
    assert_eq!(table.last_end().0, Cause::KeepAlive);
}

#[test]
fn qos_0_alone_does_not_hide_a_dead_server() {
    let mut table = Table::online(ProtocolVersion::V5);
    let mut pinged = false;
    for _ in 0..15 {
        table.publish_as("x", |publication| publication.qos = QoS::AtMostOnce);
        pinged |= table.sent().contains(&PINGREQ.to_vec());
        table.wait(Duration::from_secs(5));
    }
    assert!(pinged);
    assert_eq!(table.last_end().0, Cause::KeepAlive);
}

#[test]
fn an_answered_ping_keeps_the_connection_for_hours() {
    let mut table = Table::online(ProtocolVersion::V5);
    for _ in 0..240 {
        table.wait(Duration::from_secs(60));
        assert_eq!(table.sent(), [PINGREQ.to_vec()]);
        table.receive(PINGRESP);
    }
    assert!(table.mqtt.is_online());
}

#[test]
fn the_servers_keep_alive_takes_the_place_of_ours() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    table.wait(Duration::ZERO);
    table.open();
    table.sent();
    // Server Keep Alive 10.
    table.receive(&[0x20, 6, 0, 0, 3, 0x13, 0, 10]);
    table.wait(Duration::from_secs(10));
    assert_eq!(table.sent(), [PINGREQ.to_vec()]);
}

#[test]
fn after_a_sleep_the_connection_is_probed_at_once() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.wait(Duration::from_secs(10));
    table.mqtt.probe(table.now);
    assert_eq!(table.sent(), [PINGREQ.to_vec()]);
    table.wait(Duration::from_secs(14));
    assert!(table.mqtt.is_online());
    table.wait(Duration::from_secs(1));
    assert_eq!(table.last_end().0, Cause::KeepAlive);
}

#[test]
fn a_server_that_sends_and_never_reads_is_given_up_before_its_answers_fill_the_memory() {
    let mut table = Table::online(ProtocolVersion::V5);
    let push = [0x32, 7, 0, 1, b't', 0, 9, 0, b'y'].repeat(1_000);
    for _ in 0..20 {
        if !table.mqtt.is_online() {
            break;
        }
        table.receive(&push);
        table.signals.clear();
    }
    assert!(!table.mqtt.is_online());
}

use super::*;
use crate::codec::ReasonCode;

/// What the codes of CONNACK and DISCONNECT, and the ways a transport fails, lead to.
fn pause_after(version: ProtocolVersion, end: impl FnOnce(&mut Table)) -> (Cause, Duration) {
    let mut table = Table::new(Some(version));
    table.wait(Duration::ZERO);
    table.open();
    table.sent();
    end(&mut table);
    let (cause, _) = table.last_end();
    (cause, table.wait_for_dial())
}

#[test]
fn connect_carries_the_token_and_asks_for_a_clean_session() {
    let mut table = Table::new(None);
    table.wait(Duration::ZERO);
    table.open();
    let connect = table.sent().remove(0);
    // MQTT, level 5, user name and clean start, keep alive 60, no properties, no client id, "T".
    assert_eq!(
        connect,
        b"\x10\x10\x00\x04MQTT\x05\x82\x00\x3c\x00\x00\x00\x00\x01T"
    );
}

#[test]
fn nothing_but_connect_is_written_before_connack() {
    let mut table = Table::new(None);
    table.wait(Duration::ZERO);
    table.mqtt.subscribe(Filter::from_static("f"));
    table.publish("early");
    table.open();
    assert_eq!(table.sent().len(), 1);
    table.receive(ACCEPTED_V5);
    let packets = table.sent();
    assert_eq!(packets[0][0], 0x82, "SUBSCRIBE comes before messages");
    assert!(carries(&packets[1], "early"));
}

#[test]
fn refused_credentials_are_tried_again_slowly() {
    for (version, code) in [(ProtocolVersion::V3_1_1, 5), (ProtocolVersion::V3_1_1, 2)] {
        let (cause, pause) = pause_after(version, |table| table.receive(&[0x20, 2, 0, code]));
        assert_eq!(cause, Cause::Refused(Refusal::Credentials));
        assert!(pause >= Duration::from_secs(300), "{pause:?}");
    }
    for code in [0x85, 0x86, 0x87] {
        let (cause, pause) = pause_after(ProtocolVersion::V5, |table| {
            table.receive(&[0x20, 3, 1, code, 0])
        });
        assert_eq!(cause, Cause::Refused(Refusal::Credentials));
        assert!(pause >= Duration::from_secs(300), "{pause:?}");
    }
}

#[test]
fn a_rate_limit_at_connect_is_waited_for() {
    let refused = |table: &mut Table| table.receive(&[0x20, 3, 0, 0x9F, 0]);
    let (cause, pause) = pause_after(ProtocolVersion::V5, refused);
    assert_eq!(cause, Cause::Refused(Refusal::RateLimited));
    assert!(pause >= Duration::from_secs(60));
}

#[test]
fn a_busy_server_and_a_failed_dial_are_retried_with_back_off() {
    let busy = |table: &mut Table| table.receive(&[0x20, 2, 0, 3]);
    let (cause, pause) = pause_after(ProtocolVersion::V3_1_1, busy);
    assert_eq!(cause, Cause::Refused(Refusal::Unavailable));
    assert!(pause <= Duration::from_secs(1));

    let mut table = Table::new(None);
    table.wait(Duration::ZERO);
    let Some(LinkRequest::Open { link, .. }) = table.mqtt.poll_link() else {
        panic!()
    };
    table
        .mqtt
        .handle_disconnected(table.now, link, LinkLost::ConnectionRefused);
    assert_eq!(table.last_end().0, Cause::Lost(LinkLost::ConnectionRefused));
    assert!(table.wait_for_dial() <= Duration::from_secs(1));
}

#[test]
fn endpoints_take_turns_while_they_cannot_be_reached() {
    let mut table = Table::new(None);
    let mut hosts = Vec::new();
    for _ in 0..3 {
        table.wait_for_dial();
        hosts.push(table.open().host().as_bytes().to_vec());
        table.lose(LinkLost::Closed);
    }
    assert_eq!(
        hosts,
        [b"first".to_vec(), b"second".to_vec(), b"first".to_vec()]
    );
}

#[test]
fn one_deadline_covers_dialling_and_connack() {
    let mut table = Table::new(None);
    table.wait(Duration::from_secs(15));
    table.open();
    table.wait(Duration::from_secs(4));
    assert!(matches!(table.mqtt.phase(), Phase::Handshake(_)));
    table.wait(Duration::from_secs(1));
    assert_eq!(table.last_end().0, Cause::NoConnAck);
    assert!(matches!(
        table.mqtt.poll_link(),
        Some(LinkRequest::Close { .. })
    ));
}

#[test]
fn an_explicit_refusal_of_version_5_leads_to_3_1_1_at_once() {
    for refusal in [&[0x20, 2, 0, 1][..], &[0x20, 3, 0, 0x84, 0]] {
        let mut table = Table::new(None);
        table.wait(Duration::ZERO);
        table.open();
        table.receive(refusal);
        assert_eq!(table.wait_for_dial(), Duration::ZERO);
        table.open();
        assert_eq!(table.version(), ProtocolVersion::V3_1_1);
    }
}

#[test]
fn a_session_taken_over_three_times_in_ten_minutes_is_two_clients_with_one_token() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    let mut pauses = Vec::new();
    for _ in 0..3 {
        table.wait_for_dial();
        table.accept();
        table.wait(Duration::from_secs(40));
        table.receive(&[0xE0, 2, 0x8E, 0]);
        let before = table.now;
        pauses.push(table.wait_for_dial());
        table.now = table.now.max(before);
    }
    assert!(pauses[0] <= Duration::from_secs(1) && pauses[1] <= Duration::from_secs(1));
    assert!(pauses[2] >= Duration::from_secs(300), "{pauses:?}");
}

#[test]
fn a_rate_limit_close_is_waited_for_and_an_inactivity_close_is_not() {
    let closed = &[0xE0, 2, 0x83, 0];
    let mut table = Table::online(ProtocolVersion::V5);
    table.publish("x");
    table.sent();
    table.receive(closed);
    assert!(table.wait_for_dial() >= Duration::from_secs(60));
    table.accept();
    table.wait(Duration::from_secs(40));
    let sent = table.sent();
    table.acknowledge(sent.iter().find(|packet| carries(packet, "x")).unwrap(), 0);
    table.wait(Duration::from_secs(30));
    table.receive(closed);
    assert!(table.wait_for_dial() <= Duration::from_secs(1));
}

#[test]
fn malformed_input_on_three_connections_in_a_row_is_retried_slowly() {
    let mut table = Table::new(Some(ProtocolVersion::V5));
    let mut pauses = Vec::new();
    for _ in 0..3 {
        table.wait_for_dial();
        table.accept();
        table.receive(&[0x00, 0x00]);
        assert!(matches!(table.last_end().0, Cause::Malformed(_)));
        pauses.push(table.wait_for_dial());
    }
    assert!(pauses[1] <= Duration::from_secs(2) && pauses[2] >= Duration::from_secs(300));
}

#[test]
fn new_credentials_replace_the_connection_at_once() {
    let mut table = Table::online(ProtocolVersion::V5);
    table
        .mqtt
        .set_credentials(table.now, Credentials::token("NEW"));
    assert_eq!(table.sent(), [b"\xe0\x00".to_vec()], "DISCONNECT");
    assert!(matches!(
        table.mqtt.poll_link(),
        Some(LinkRequest::Close { .. })
    ));
    table.open();
    assert!(table.sent()[0].ends_with(b"NEW"));
}

#[test]
fn reports_about_a_connection_that_is_over_are_ignored_and_counted() {
    let mut table = Table::online(ProtocolVersion::V5);
    let old = table.link.unwrap();
    table.lose(LinkLost::Closed);
    table
        .mqtt
        .handle_disconnected(table.now, old, LinkLost::Reset);
    table.mqtt.handle_input(table.now, old, ACCEPTED_V5);
    table.mqtt.handle_connected(table.now, old);
    assert_eq!(table.mqtt.counters().stale_reports, 3);
    table.wait_for_dial();
    table.accept();
}

#[test]
fn the_server_says_why_it_closes_and_the_application_is_told() {
    let mut table = Table::online(ProtocolVersion::V5);
    table.receive(&[0xE0, 1, 0x98]);
    let (cause, retried) = table.last_end();
    assert_eq!(
        cause,
        Cause::ServerDisconnect(ReasonCode::ADMINISTRATIVE_ACTION)
    );
    assert!(retried);
}

#[test]
fn after_an_hour_on_3_1_1_by_silence_version_5_gets_another_chance() {
    let mut table = Table::new(None);
    for _ in 0..3 {
        table.wait_for_dial();
        table.open();
        table.lose(LinkLost::Closed);
    }
    table.wait_for_dial();
    table.accept();
    assert_eq!(table.version(), ProtocolVersion::V3_1_1);
    for _ in 0..61 {
        table.wait(Duration::from_secs(60));
        if !table.mqtt.is_online() {
            break;
        }
        table.sent();
        table.receive(&[0xD0, 0]);
    }
    table.sent();
    table.open();
    assert_eq!(table.version(), ProtocolVersion::V5);
}

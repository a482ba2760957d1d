//! Answers that no ThingsBoard of today gives to a sound request, written by hand in MQTT 5.

use alloc::format;
use alloc::vec::Vec;

use super::*;
use crate::codec::{ProtocolVersion, ReasonCode};

const NOW: Instant = Instant::from_micros(0);

/// A machine whose request was written, its connection, and the packet identifier of the request.
fn asked() -> (Provisioning, LinkId, [u8; 2]) {
    let request = ProvisionRequest::new("key", "secret").or_token("T0k3n");
    let endpoint = "mqtt://localhost".parse().unwrap();
    let version = VersionPolicy::Only(ProtocolVersion::V5);
    let mut machine = Provisioning::new(endpoint, version, request, NOW, 1).unwrap();
    machine.handle_timeout(NOW);
    let Some(LinkRequest::Open { link, .. }) = machine.poll_link() else {
        panic!("it wants to connect")
    };
    machine.handle_connected(NOW, link);
    let connect = machine.poll_transmit().unwrap();
    assert!(find(&connect, b"\0\x09provision").is_some(), "user name");
    machine.handle_input(NOW, link, &[0x20, 3, 0, 0, 0]);
    let mut written = Vec::new();
    while let Some(chunk) = machine.poll_transmit() {
        written.extend_from_slice(&chunk);
    }
    let topic = find(&written, b"\0\x12/provision/request").unwrap();
    let identifier = topic + 20;
    (
        machine,
        link,
        [written[identifier], written[identifier + 1]],
    )
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// A PUBLISH at QoS 0 on the topic of answers.
fn answer(payload: &[u8]) -> Vec<u8> {
    let topic = b"/provision/response";
    let mut packet = [0x30, (2 + topic.len() + 1 + payload.len()) as u8, 0, 19].to_vec();
    packet.extend_from_slice(topic);
    packet.push(0);
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn a_request_that_is_refused_by_a_code_is_told_with_it() {
    let (mut machine, link, [high, low]) = asked();
    machine.handle_input(NOW, link, &[0x40, 3, high, low, 0x83]);
    let refused = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
    assert_eq!(
        machine.poll_outcome(),
        Some(Err(ProvisionError::Rejected(refused)))
    );
}

#[test]
fn an_answer_that_is_none_ends_it() {
    for payload in [&b""[..], b"\x08\x02", b"{}", b"{\"status\":\"PENDING\"}"] {
        let (mut machine, link, _) = asked();
        machine.handle_input(NOW, link, &answer(payload));
        assert_eq!(
            machine.poll_outcome(),
            Some(Err(ProvisionError::Unexpected)),
            "{payload:?}"
        );
    }
}

#[test]
fn an_answer_may_come_before_the_acknowledgement_and_counts_once() {
    let (mut machine, link, [high, low]) = asked();
    let granted = answer(
        br#"{"status":"SUCCESS","credentialsType":"ACCESS_TOKEN","credentialsValue":"T0k3n"}"#,
    );
    machine.handle_input(NOW, link, &granted);
    machine.handle_input(NOW, link, &granted);
    machine.handle_input(NOW, link, &[0x40, 2, high, low]);
    assert_eq!(
        machine.poll_outcome(),
        Some(Ok(Credentials::token("T0k3n")))
    );
    assert_eq!(machine.poll_outcome(), None);
    while machine.poll_transmit().is_some() {}
    assert!(machine.is_closed());
    assert_eq!(machine.poll_link(), Some(LinkRequest::Close { link }));
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn what_comes_on_another_topic_is_no_answer() {
    let (mut machine, link, _) = asked();
    let mut stray = answer(b"{}");
    stray[5] = b'q';
    machine.handle_input(NOW, link, &stray);
    assert_eq!(machine.poll_outcome(), None);
}

#[test]
fn debug_output_shows_no_secret() {
    let (machine, ..) = asked();
    let shown = format!("{machine:?}");
    for secret in ["key\"", "secret\"", "T0k3n"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

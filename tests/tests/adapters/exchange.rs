//! What a device and its server say to each other.

use std::time::Duration;

use serde_json::json;
use tb_driver::Client;
use tb_proto::{AttributeQuery, Claim, Delivered, ProtocolVersion, RpcCall};

use tb_tests::sim::Stored;

use crate::adapter::{Adapter, start};
use crate::server::{PATIENCE, config, numbers, server, set_shared};
use crate::trouble::Trouble;

pub(crate) const ACKNOWLEDGED: Delivered = Delivered::Acknowledged {
    version: ProtocolVersion::V5,
};

pub(crate) fn a_reading_is_acknowledged_and_stored<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    assert_eq!(client.connected_wait(PATIENCE), Ok(ProtocolVersion::V5));
    let ticket = client.send_telemetry(&json!({ "n": 7 })).unwrap();
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    server.with(|simulator, _| assert!(numbers(simulator).contains(&7)));
}

pub(crate) fn a_flush_counts_what_was_accepted_before<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    for number in 0..20 {
        client.send_telemetry(&json!({ "n": number })).unwrap();
    }
    let flushed = client.flush(PATIENCE).wait_timeout(PATIENCE).unwrap();
    assert_eq!((flushed.delivered, flushed.left), (20, 0));
    assert_eq!(
        client
            .flush(PATIENCE)
            .wait_timeout(PATIENCE)
            .unwrap()
            .delivered,
        0
    );
}

pub(crate) fn attributes_are_answered_and_their_changes_told<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server), Trouble::default());
    let mut updates = client.attribute_updates();
    let mut other = client.attribute_updates_of(["other"]);
    let _running = driver();

    let asked = client
        .request_attributes(AttributeQuery::shared(["uploadFrequency"]))
        .unwrap();
    let values = asked.wait_timeout(PATIENCE).unwrap();
    assert_eq!(values.shared.get("uploadFrequency"), Ok(Some(10)));

    set_shared(&server, "uploadFrequency", json!(60));
    let update = updates.recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.updated.get("uploadFrequency"), Ok(Some(60)));
    set_shared(&server, "other", json!("x"));
    let update = other.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        update.updated.len(),
        1,
        "only what was asked for: {update:?}"
    );
}

pub(crate) fn a_call_to_the_rule_chain_is_answered<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let asked = client
        .send_rpc_call(RpcCall::new("getTime").params(&json!({})))
        .unwrap();
    let answer: serde_json::Value = asked.wait_timeout(PATIENCE).unwrap().parse().unwrap();
    assert_eq!(answer, json!({ "time": 1 }));
}

pub(crate) fn every_form_of_a_claim_arrives<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let minute = Duration::from_secs(60);
    for claim in [
        Claim::default(),
        Claim::new("tulip"),
        Claim::default().duration(minute),
        Claim::new("tulip").duration(minute),
    ] {
        let ticket = client.claim(claim).unwrap();
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    let claims = server.with(|simulator, _| {
        let claim = |fact: &Stored| match fact {
            Stored::Claim {
                secret_key,
                duration_ms,
                ..
            } => Some((secret_key.clone(), *duration_ms)),
            _ => None,
        };
        simulator
            .stored()
            .iter()
            .filter_map(claim)
            .collect::<Vec<_>>()
    });
    let expected = [("", 0), ("tulip", 0), ("", 60_000), ("tulip", 60_000)];
    assert_eq!(claims, expected.map(|(secret, ms)| (secret.to_owned(), ms)));
}

pub(crate) fn what_is_accepted_before_the_start_arrives<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server), Trouble::default());
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    let _running = driver();
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
}

pub(crate) fn thousands_of_readings_sent_without_waiting_are_all_acknowledged<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let tickets: Vec<_> = (0..5_000)
        .map(|n| client.send_telemetry(&json!({ "n": n })).unwrap())
        .collect();
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    server.with(|simulator, _| assert_eq!(numbers(simulator).len(), 5_000));
    assert_eq!(client.stats().resent, 0);
}

pub(crate) fn room_comes_to_those_who_wait_in_their_order<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server).max_queued_messages(1), Trouble::default());
    let first = client.send_telemetry(&json!({ "n": 0 })).unwrap();
    let refused = client.send_telemetry(&json!({ "n": 1 })).unwrap_err();
    let requests: Vec<_> = (1..20).map(|_| client.room(100)).collect();
    let _running = driver();
    first.wait_timeout(PATIENCE).unwrap();
    let mut message = Some(refused.into_item());
    for (n, request) in requests.into_iter().enumerate() {
        let permit = request.wait_timeout(PATIENCE).unwrap();
        let ticket = match message.take() {
            Some(message) => permit.send(message),
            None => permit.send(tb_proto::Telemetry::new(&json!({ "n": n + 1 }))),
        };
        ticket.unwrap().wait_timeout(PATIENCE).unwrap();
    }
    server.with(|simulator, _| assert_eq!(numbers(simulator), (0..20).collect()));
    assert_never_room(&client);
}

fn assert_never_room(client: &Client) {
    let too_large = client.room(usize::MAX / 2).wait_timeout(PATIENCE);
    assert!(
        matches!(too_large, Err(tb_driver::WaitError::Over(_))),
        "{too_large:?}"
    );
}

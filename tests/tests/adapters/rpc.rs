//! Calls of the server.

use std::thread;
use std::time::Instant;

use serde::{Serialize, Serializer};
use serde_json::json;
use tb_driver::Client;
use tb_proto::RefusedReason;

use crate::adapter::{Adapter, start};
use crate::server::{PATIENCE, call, config, server};
use crate::trouble::Trouble;

const CALLS: usize = 300;

pub(crate) fn calls_are_answered_while_another_taker_never_looks<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server), Trouble::default());
    let _never_looked_at = client.rpc_requests().unwrap();
    let mut calls = client.rpc_requests_of("work").unwrap();
    let _running = driver();
    client.connected_wait(PATIENCE).unwrap();

    let handler = client.clone();
    let worker = thread::spawn(move || {
        for _ in 0..CALLS {
            let call = calls.recv_timeout(PATIENCE).unwrap();
            // A handler that waits for the server while more calls come.
            let reading = handler.send_telemetry(&json!({ "handled": true })).unwrap();
            reading.wait_timeout(PATIENCE).unwrap();
            let answer = call.reply(&json!({ "done": true })).unwrap();
            answer.wait_timeout(PATIENCE).unwrap();
        }
    });
    for n in 0..CALLS {
        call(&server, &format!("other-{n}"), "other");
        let name = format!("work-{n}");
        call(&server, &name, "work");
        let result = server.wait_for_result(PATIENCE, &name).unwrap();
        assert_eq!(result.reply, Some(json!({ "done": true })));
    }
    worker.join().unwrap();
}

pub(crate) fn a_call_that_is_dropped_is_answered_with_an_error<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut calls = client.rpc_requests().unwrap();
    confirm_subscriptions(&client);
    call(&server, "dropped", "anything");
    drop(calls.recv_timeout(PATIENCE).unwrap());
    let result = server.wait_for_result(PATIENCE, "dropped").unwrap();
    assert!(result.reply.unwrap().get("error").is_some());

    // Calls that wait in a stream when it is dropped are answered as well.
    call(&server, "unread", "anything");
    // The stream has it when the machine knows of a second call.
    let deadline = Instant::now() + PATIENCE;
    while client.stats().rpc_calls < 2 {
        assert!(Instant::now() < deadline, "the call must arrive");
        thread::yield_now();
    }
    drop(calls);
    let result = server.wait_for_result(PATIENCE, "unread").unwrap();
    assert!(result.reply.unwrap().get("error").is_some());
}

pub(crate) fn a_method_has_one_taker<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let first = client.rpc_requests_of("reboot").unwrap();
    let refused = client.rpc_requests_of("reboot").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the RPC method \"reboot\" is served already"
    );
    drop(first);
    drop(client.rpc_requests_of("reboot").unwrap());
}

struct CannotBeSerialised;

impl Serialize for CannotBeSerialised {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

pub(crate) fn a_refused_answer_gives_the_call_back<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut calls = client.rpc_requests().unwrap();
    confirm_subscriptions(&client);
    call(&server, "again", "anything");
    let taken = calls.recv_timeout(PATIENCE).unwrap();
    let refused = taken.reply(&CannotBeSerialised).unwrap_err();
    assert!(
        matches!(refused.reason, RefusedReason::Payload(_)),
        "{refused}"
    );
    refused
        .into_item()
        .reply(&json!(1))
        .unwrap()
        .wait_timeout(PATIENCE)
        .unwrap();
    let result = server.wait_for_result(PATIENCE, "again").unwrap();
    assert_eq!(result.reply, Some(json!(1)));
}

/// The server handles the packets of a connection in order: once a reading is acknowledged, it knows
/// what was subscribed before.
fn confirm_subscriptions(client: &Client) {
    let ticket = client.send_telemetry(&json!({ "n": 0 })).unwrap();
    ticket.wait_timeout(PATIENCE).unwrap();
}

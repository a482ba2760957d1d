//! Calls of the server.

use std::thread;

use serde_json::json;
use tb_tests::sim::Stored;

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
    client.connected_wait(PATIENCE).unwrap();
    server.wait_until(PATIENCE, |simulator| {
        !simulator.open_connections().is_empty()
    });
    call(&server, "dropped", "anything");
    drop(calls.recv_timeout(PATIENCE).unwrap());
    let result = server.wait_for_result(PATIENCE, "dropped").unwrap();
    assert!(result.reply.unwrap().get("error").is_some());

    // Calls that wait in a stream when it is dropped are answered as well.
    call(&server, "unread", "anything");
    let waits = server.wait_until(PATIENCE, |simulator| {
        simulator
            .stored()
            .iter()
            .any(|fact| matches!(fact, Stored::RpcDeliveryStatus { .. }))
    });
    assert!(waits || client.stats().rpc_calls > 0);
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
    client.rpc_requests_of("reboot").unwrap();
}

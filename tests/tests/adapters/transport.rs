//! Transports that behave as badly as they may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::json;
use tb_driver::{Client, Delivery};

use crate::adapter::{Adapter, start, start_in_trouble};
use crate::exchange::ACKNOWLEDGED;
use crate::server::{PATIENCE, call, config, numbers, server, set_shared};
use crate::trouble::Trouble;

fn readings(client: &Client, numbers: std::ops::Range<i64>) -> Vec<Delivery> {
    numbers
        .map(|n| client.send_telemetry(&json!({ "n": n })).unwrap())
        .collect()
}

fn all_acknowledged(tickets: Vec<Delivery>) {
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
}

pub(crate) fn streams_that_give_and_take_one_byte_at_a_time_are_enough<A: Adapter>() {
    let server = server();
    let trouble = Trouble {
        read: 1,
        write: 1,
        hesitant: true,
        ..Trouble::default()
    };
    let (client, _running) = start_in_trouble::<A>(config(&server), trouble);
    all_acknowledged(readings(&client, 0..100));
    server.with(|simulator, _| assert_eq!(numbers(simulator), (0..100).collect()));
    assert_eq!(client.stats().connects, 1);
}

pub(crate) fn a_stream_that_sends_nothing_before_it_is_flushed_is_flushed<A: Adapter>() {
    let server = server();
    let trouble = Trouble {
        write: 7,
        hesitant: true,
        buffered: true,
        ..Trouble::default()
    };
    let (client, _running) = start_in_trouble::<A>(config(&server), trouble);
    all_acknowledged(readings(&client, 0..10));
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
    assert!(
        crate::server::all_gone(&server),
        "the goodbye was flushed and the stream closed"
    );
}

pub(crate) fn a_stream_that_takes_no_bytes_any_more_is_replaced<A: Adapter>() {
    let server = server();
    let jammed = Arc::new(AtomicBool::new(false));
    let trouble = Trouble {
        jammed: Some(Arc::clone(&jammed)),
        ..Trouble::default()
    };
    let (client, _running) = start_in_trouble::<A>(config(&server), trouble);
    client.connected_wait(PATIENCE).unwrap();
    jammed.store(true, Ordering::Relaxed);
    all_acknowledged(readings(&client, 0..10));
    assert_eq!(client.stats().connects, 2);
}

pub(crate) fn every_reading_survives_connections_cut_while_sending<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut tickets = Vec::new();
    for round in 0..5 {
        client.connected_wait(PATIENCE).unwrap();
        tickets.extend(readings(&client, round * 200..(round + 1) * 200));
        server.drop_connections();
    }
    all_acknowledged(tickets);
    server.with(|simulator, _| assert_eq!(numbers(simulator), (0..1_000).collect()));
    assert!(client.stats().connects > 1);
}

pub(crate) fn subscriptions_and_takers_survive_a_reconnect<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server), Trouble::default());
    let mut updates = client.attribute_updates();
    let mut calls = client.rpc_requests().unwrap();
    let _running = driver();
    all_acknowledged(readings(&client, 0..1));
    server.drop_connections();
    let deadline = Instant::now() + PATIENCE;
    while client.stats().connects < 2 {
        assert!(Instant::now() < deadline, "it must connect again");
        thread::yield_now();
    }
    all_acknowledged(readings(&client, 1..2));

    set_shared(&server, "uploadFrequency", json!(60));
    let update = updates.recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.updated.get("uploadFrequency"), Ok(Some(60)));
    call(&server, "after", "anything");
    let taken = calls.recv_timeout(PATIENCE).unwrap();
    taken
        .reply(&json!(1))
        .unwrap()
        .wait_timeout(PATIENCE)
        .unwrap();
    assert_eq!(
        server.wait_for_result(PATIENCE, "after").unwrap().reply,
        Some(json!(1))
    );
}

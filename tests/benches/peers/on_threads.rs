//! Our client on plain threads: the application is one, the connection has its own.

use core::hint::black_box;
use std::io;
use std::time::Instant;

use tb_driver::{Client, Delivery};
use tb_proto::{QoS, Telemetry};
use tb_tests::bench::{Measurement, Meter, Order, Reading, Workload};

use crate::ours::{PATIENCE, ROOM, config, counter, value};

pub(crate) fn run(order: &Order) -> io::Result<Measurement> {
    match order.workload {
        Workload::Acknowledged => published(order, &connect(order)?, QoS::AtLeastOnce),
        Workload::Unacknowledged => published(order, &connect(order)?, QoS::AtMostOnce),
        Workload::Received => received(order, &connect(order)?),
        Workload::RoundTrip => round_trips(order, &connect(order)?),
        Workload::Idle => idle(order),
    }
}

fn published(order: &Order, client: &Client, qos: QoS) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    for number in 1..order.messages {
        drop(send(client, number, qos)?);
    }
    // The minimal peer acknowledges in order: with the last all others are.
    let last = send(client, order.messages, QoS::AtLeastOnce)?;
    last.wait().map_err(io::Error::other)?;
    meter.stop(order.messages, Vec::new())
}

fn received(order: &Order, client: &Client) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    let mut updates = client.attribute_updates();
    while let Ok(update) = updates.recv_wait() {
        // Updates that wait are merged per key: what counts is how far the newest is.
        if counter(&black_box(value(update))) + 1 >= order.messages {
            break;
        }
    }
    meter.stop(order.messages, Vec::new())
}

fn round_trips(order: &Order, client: &Client) -> io::Result<Measurement> {
    let mut latencies = Vec::new();
    let meter = Meter::start()?;
    for number in 0..order.messages {
        let from = Instant::now();
        send(client, number, QoS::AtLeastOnce)?
            .wait()
            .map_err(io::Error::other)?;
        latencies.push(from.elapsed());
    }
    meter.stop(order.messages, latencies)
}

fn idle(order: &Order) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    let mut clients = Vec::new();
    for _ in 0..order.messages {
        clients.push(connect(order)?);
    }
    meter.stop_idle(order.messages)
}

fn connect(order: &Order) -> io::Result<Client> {
    let client = tb_blocking::start(config(order)?).map_err(io::Error::other)?;
    client.connected_wait(PATIENCE).map_err(io::Error::other)?;
    Ok(client)
}

/// Sends at once if there is room, else when there is.
fn send(client: &Client, number: u64, qos: QoS) -> io::Result<Delivery> {
    let telemetry = Telemetry::new(&Reading::numbered(number)).qos(qos);
    match client.send_telemetry(telemetry) {
        Ok(delivery) => Ok(delivery),
        Err(refused) => {
            let permit = client.room_wait(ROOM).map_err(io::Error::other)?;
            permit.send(refused.into_item()).map_err(io::Error::other)
        }
    }
}

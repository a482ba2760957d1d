//! Our client on tokio, on one thread: the application is one task, the driver another.

use core::hint::black_box;
use std::io;
use std::time::Instant;

use tb_driver::{Client, Delivery};
use tb_proto::{QoS, Telemetry};
use tb_tests::bench::{Measurement, Meter, Order, Reading, Workload};

use crate::ours::{config, counter, value};

pub(crate) fn run(order: &Order) -> io::Result<Measurement> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match order.workload {
            Workload::Acknowledged => {
                published(order, &connect(order).await?, QoS::AtLeastOnce).await
            }
            Workload::Unacknowledged => {
                published(order, &connect(order).await?, QoS::AtMostOnce).await
            }
            Workload::Received => received(order, &connect(order).await?).await,
            Workload::RoundTrip => round_trips(order, &connect(order).await?).await,
            Workload::Idle => idle(order).await,
        }
    })
}

async fn published(order: &Order, client: &Client, qos: QoS) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    for number in 1..order.messages {
        drop(send(client, number, qos).await?);
    }
    // The minimal peer acknowledges in order: with the last all others are.
    let last = send(client, order.messages, QoS::AtLeastOnce).await?;
    last.await.map_err(io::Error::other)?;
    meter.stop(order.messages, Vec::new())
}

async fn received(order: &Order, client: &Client) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    let mut updates = client.attribute_updates();
    while let Some(update) = updates.recv().await {
        // Updates that wait are merged per key: what counts is how far the newest is.
        if counter(&black_box(value(update))) + 1 >= order.messages {
            break;
        }
    }
    meter.stop(order.messages, Vec::new())
}

async fn round_trips(order: &Order, client: &Client) -> io::Result<Measurement> {
    let mut latencies = Vec::new();
    let meter = Meter::start()?;
    for number in 0..order.messages {
        let from = Instant::now();
        send(client, number, QoS::AtLeastOnce)
            .await?
            .await
            .map_err(io::Error::other)?;
        latencies.push(from.elapsed());
    }
    meter.stop(order.messages, latencies)
}

async fn idle(order: &Order) -> io::Result<Measurement> {
    let meter = Meter::start()?;
    let mut clients = Vec::new();
    for _ in 0..order.messages {
        clients.push(connect(order).await?);
    }
    meter.stop_idle(order.messages)
}

async fn connect(order: &Order) -> io::Result<Client> {
    let client = tb_tokio::start(config(order)?).map_err(io::Error::other)?;
    client.connected().await.map_err(io::Error::other)?;
    Ok(client)
}

/// Sends at once if there is room, else when there is.
async fn send(client: &Client, number: u64, qos: QoS) -> io::Result<Delivery> {
    let telemetry = Telemetry::new(&Reading::numbered(number)).qos(qos);
    match client.send_telemetry(telemetry) {
        Ok(delivery) => Ok(delivery),
        Err(refused) => {
            let permit = client
                .room(crate::ours::ROOM)
                .await
                .map_err(io::Error::other)?;
            permit.send(refused.into_item()).map_err(io::Error::other)
        }
    }
}

//! rumqttc's blocking client: a thread that publishes, the main thread runs the connection.

use std::error::Error;
use std::thread;
use std::time::Instant;

use rumqttc::{Client, Connection, Event, Packet, QoS};
use serde_json::Value;

use crate::measure::{Measurement, Meter};
use crate::options;
use crate::order::{ATTRIBUTES, Order, Reading, TELEMETRY, Workload};

type Outcome = Result<Measurement, Box<dyn Error>>;

pub fn run(order: &Order) -> Outcome {
    match order.workload {
        Workload::Acknowledged => published(order, QoS::AtLeastOnce),
        Workload::Unacknowledged => published(order, QoS::AtMostOnce),
        Workload::Received => received(order),
        Workload::RoundTrip => round_trips(order),
        Workload::Idle => idle(order),
    }
}

fn published(order: &Order, qos: QoS) -> Outcome {
    let (client, mut connection) = connect(order)?;
    let messages = order.messages;
    let meter = Meter::start()?;
    thread::spawn(move || {
        for number in 1..messages {
            publish(&client, number, qos).ok()?;
        }
        publish(&client, messages, QoS::AtLeastOnce).ok()
    });
    let mut expected = if qos == QoS::AtLeastOnce { messages } else { 1 };
    until(&mut connection, |packet| {
        expected -= u64::from(matches!(packet, Packet::PubAck(_)));
        expected == 0
    })?;
    Ok(meter.stop(messages, Vec::new())?)
}

fn received(order: &Order) -> Outcome {
    let (client, mut connection) = connect(order)?;
    let meter = Meter::start()?;
    client.subscribe(ATTRIBUTES, QoS::AtLeastOnce)?;
    let mut missing = order.messages;
    until(&mut connection, |packet| {
        if let Packet::Publish(publish) = packet {
            let parsed: Option<Value> = serde_json::from_slice(&publish.payload).ok();
            missing -= u64::from(std::hint::black_box(parsed).is_some());
        }
        missing == 0
    })?;
    Ok(meter.stop(order.messages, Vec::new())?)
}

fn round_trips(order: &Order) -> Outcome {
    let (client, mut connection) = connect(order)?;
    let mut latencies = Vec::new();
    let meter = Meter::start()?;
    for number in 0..order.messages {
        let from = Instant::now();
        publish(&client, number, QoS::AtLeastOnce)?;
        until(&mut connection, |packet| {
            matches!(packet, Packet::PubAck(_))
        })?;
        latencies.push(from.elapsed());
    }
    Ok(meter.stop(order.messages, latencies)?)
}

fn idle(order: &Order) -> Outcome {
    let meter = Meter::start()?;
    let mut clients = Vec::new();
    for _ in 0..order.messages {
        let (client, mut connection) = connect(order)?;
        clients.push(client);
        thread::spawn(move || until(&mut connection, |_| false).is_ok());
    }
    Ok(meter.stop_idle(order.messages)?)
}

fn connect(order: &Order) -> Result<(Client, Connection), Box<dyn Error>> {
    let (client, mut connection) = Client::new(options(order), usize::from(order.window));
    until(&mut connection, |packet| {
        matches!(packet, Packet::ConnAck(_))
    })?;
    Ok((client, connection))
}

fn publish(client: &Client, number: u64, qos: QoS) -> Result<(), Box<dyn Error>> {
    let payload = serde_json::to_vec(&Reading::numbered(number))?;
    Ok(client.publish(TELEMETRY, qos, false, payload)?)
}

/// Runs the connection until an incoming packet says so.
fn until(
    connection: &mut Connection,
    mut done: impl FnMut(&Packet) -> bool,
) -> Result<(), Box<dyn Error>> {
    for event in connection.iter() {
        if let Event::Incoming(packet) = event?
            && done(&packet)
        {
            return Ok(());
        }
    }
    Err("the connection ended".into())
}

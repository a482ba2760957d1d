//! rumqttc's asynchronous client, on one thread: a task that publishes, a task that runs the event loop.

use std::error::Error;
use std::time::Instant;

use rumqttc::{AsyncClient, Event, EventLoop, Packet, QoS};
use serde_json::Value;

use crate::measure::{Measurement, Meter};
use crate::options;
use crate::order::{ATTRIBUTES, Order, Reading, TELEMETRY, Workload};

type Outcome = Result<Measurement, Box<dyn Error>>;

pub fn run(order: &Order) -> Outcome {
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match order.workload {
            Workload::Acknowledged => published(order, QoS::AtLeastOnce).await,
            Workload::Unacknowledged => published(order, QoS::AtMostOnce).await,
            Workload::Received => received(order).await,
            Workload::RoundTrip => round_trips(order).await,
            Workload::Idle => idle(order).await,
        }
    })
}

async fn published(order: &Order, qos: QoS) -> Outcome {
    let (client, mut events) = connect(order).await?;
    let messages = order.messages;
    let meter = Meter::start()?;
    ::tokio::spawn(async move {
        for number in 1..messages {
            publish(&client, number, qos).await.ok()?;
        }
        publish(&client, messages, QoS::AtLeastOnce).await.ok()
    });
    let mut expected = if qos == QoS::AtLeastOnce { messages } else { 1 };
    until(&mut events, |packet| {
        expected -= u64::from(matches!(packet, Packet::PubAck(_)));
        expected == 0
    })
    .await?;
    Ok(meter.stop(messages, Vec::new())?)
}

async fn received(order: &Order) -> Outcome {
    let (client, mut events) = connect(order).await?;
    let meter = Meter::start()?;
    client.subscribe(ATTRIBUTES, QoS::AtLeastOnce).await?;
    let mut missing = order.messages;
    until(&mut events, |packet| {
        if let Packet::Publish(publish) = packet {
            let parsed: Option<Value> = serde_json::from_slice(&publish.payload).ok();
            missing -= u64::from(std::hint::black_box(parsed).is_some());
        }
        missing == 0
    })
    .await?;
    Ok(meter.stop(order.messages, Vec::new())?)
}

async fn round_trips(order: &Order) -> Outcome {
    let (client, mut events) = connect(order).await?;
    let mut latencies = Vec::new();
    let meter = Meter::start()?;
    for number in 0..order.messages {
        let from = Instant::now();
        publish(&client, number, QoS::AtLeastOnce).await?;
        until(&mut events, |packet| matches!(packet, Packet::PubAck(_))).await?;
        latencies.push(from.elapsed());
    }
    Ok(meter.stop(order.messages, latencies)?)
}

async fn idle(order: &Order) -> Outcome {
    let meter = Meter::start()?;
    let mut clients = Vec::new();
    for _ in 0..order.messages {
        let (client, mut events) = connect(order).await?;
        clients.push(client);
        ::tokio::spawn(async move { until(&mut events, |_| false).await.is_ok() });
    }
    Ok(meter.stop_idle(order.messages)?)
}

async fn connect(order: &Order) -> Result<(AsyncClient, EventLoop), Box<dyn Error>> {
    let (client, mut events) = AsyncClient::new(options(order), usize::from(order.window));
    until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
    Ok((client, events))
}

async fn publish(client: &AsyncClient, number: u64, qos: QoS) -> Result<(), Box<dyn Error>> {
    let payload = serde_json::to_vec(&Reading::numbered(number))?;
    Ok(client.publish(TELEMETRY, qos, false, payload).await?)
}

/// Runs the event loop until an incoming packet says so.
async fn until(
    events: &mut EventLoop,
    mut done: impl FnMut(&Packet) -> bool,
) -> Result<(), Box<dyn Error>> {
    loop {
        if let Event::Incoming(packet) = events.poll().await?
            && done(&packet)
        {
            return Ok(());
        }
    }
}

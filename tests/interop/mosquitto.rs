//! Our clients publish to mosquitto, directly and through a proxy that cuts them off; `mosquitto_sub` says
//! what arrived.

#[expect(dead_code, reason = "other tests use the rest of it")]
mod broker;
#[expect(dead_code, reason = "other tests use the rest of it")]
mod openssl;
mod subscriber;
mod tls;

use core::ops::Range;
use core::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tb_driver::{Client, Setup};
use tb_proto::{Config, Credentials, Delivered, ProtocolVersion, QoS, Telemetry, VersionPolicy};
use tb_tests::proxy::{Cut, CuttingProxy};

use broker::Mosquitto;
use subscriber::Subscriber;

const MESSAGES: u32 = 2_000;
const CUTS: u64 = 20;
/// Twenty of these are less than 2,000 messages weigh: all cuts come before the last message.
const BYTES_BETWEEN_CUTS: Range<u64> = 500..9_000;
/// Few stalls: each takes a keep alive to be noticed.
const KINDS: [Cut; 5] = [Cut::Fin, Cut::Reset, Cut::Fin, Cut::Reset, Cut::Stall];
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Reading {
    number: u32,
}

#[test]
fn tokio_loses_nothing_over_twenty_cuts_on_mqtt_5() {
    on_tokio(|start| nothing_is_lost(start, ProtocolVersion::V5));
}

#[test]
fn tokio_loses_nothing_over_twenty_cuts_on_mqtt_3_1_1() {
    on_tokio(|start| nothing_is_lost(start, ProtocolVersion::V3_1_1));
}

#[test]
fn threads_lose_nothing_over_twenty_cuts_on_mqtt_5() {
    nothing_is_lost(&on_threads, ProtocolVersion::V5);
}

#[test]
fn threads_lose_nothing_over_twenty_cuts_on_mqtt_3_1_1() {
    nothing_is_lost(&on_threads, ProtocolVersion::V3_1_1);
}

#[test]
fn qos_0_arrives_once_and_in_order_on_an_unharmed_connection() {
    for version in [ProtocolVersion::V5, ProtocolVersion::V3_1_1] {
        on_tokio(|start| everything_arrives_at_qos_0(start, version));
        everything_arrives_at_qos_0(&on_threads, version);
    }
}

#[test]
fn an_attribute_published_by_others_arrives() {
    for version in [ProtocolVersion::V5, ProtocolVersion::V3_1_1] {
        on_tokio(|start| a_retained_attribute_arrives(start, version));
        a_retained_attribute_arrives(&on_threads, version);
    }
}

type Start<'a> = &'a dyn Fn(Setup) -> Client;

fn on_threads(setup: Setup) -> Client {
    tb_blocking::start(setup).unwrap()
}

/// The tests wait like threads; the runtime needs one of its own to drive the client.
fn on_tokio(test: impl FnOnce(Start<'_>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    test(&|setup| {
        let _inside = runtime.enter();
        tb_tokio::start(setup).unwrap()
    });
}

fn nothing_is_lost(start: Start<'_>, version: ProtocolVersion) {
    let broker = Mosquitto::start().unwrap();
    let subscriber = Subscriber::start(broker.address(), "v1/devices/me/telemetry").unwrap();
    let proxy = CuttingProxy::start(broker.address(), 0x7b).unwrap();
    proxy.cut_at_random(CUTS, BYTES_BETWEEN_CUTS, &KINDS);

    let client = start(
        config(&proxy.address().to_string(), version)
            // A silent cut is noticed by time alone.
            .connect_timeout(Duration::from_secs(1))
            .keep_alive(Duration::from_secs(5))
            .ping_timeout(Duration::from_millis(500))
            .backoff(Duration::from_millis(5), Duration::from_millis(50))
            // On MQTT 3.1.1 a bare close behind a burst may be a rate limit; mosquitto has none.
            .rate_limit_pause(Duration::from_millis(50))
            .into(),
    );
    let tickets: Vec<_> = (0..MESSAGES)
        .map(|number| client.send_telemetry(&Reading { number }).unwrap())
        .collect();
    for ticket in tickets {
        assert_eq!(
            ticket.wait_timeout(PATIENCE).unwrap(),
            Delivered::Acknowledged { version }
        );
    }
    assert_eq!(proxy.cuts(), CUTS);

    let mut arrived = vec![false; MESSAGES as usize];
    while arrived.contains(&false) {
        let payload = subscriber.next_payload(PATIENCE).unwrap_or_else(|| {
            let missing: Vec<usize> = (0..)
                .zip(&arrived)
                .filter(|(_, came)| !**came)
                .map(|(n, _)| n)
                .collect();
            panic!("acknowledged, but never came: {missing:?}")
        });
        // A second one of the same number is the price of QoS 1.
        arrived[number(&payload)] = true;
    }
}

fn everything_arrives_at_qos_0(start: Start<'_>, version: ProtocolVersion) {
    let broker = Mosquitto::start().unwrap();
    let subscriber = Subscriber::start(broker.address(), "v1/devices/me/telemetry").unwrap();
    let client = start(config(&broker.address().to_string(), version).into());
    let tickets: Vec<_> = (0..MESSAGES)
        .map(|number| Telemetry::new(&Reading { number }).qos(QoS::AtMostOnce))
        .map(|telemetry| client.send_telemetry(telemetry).unwrap())
        .collect();
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), Delivered::Sent);
    }
    let arrived: Vec<usize> = (0..MESSAGES)
        .map_while(|_| subscriber.next_payload(PATIENCE))
        .map(|payload| number(&payload))
        .collect();
    assert_eq!(arrived, (0..MESSAGES as usize).collect::<Vec<_>>());
}

/// Retained, so that it does not matter whether the message or the subscription comes first.
fn a_retained_attribute_arrives(start: Start<'_>, version: ProtocolVersion) {
    let broker = Mosquitto::start().unwrap();
    broker
        .retain("v1/devices/me/attributes", r#"{"uploadFrequency":5}"#)
        .unwrap();
    let client = start(config(&broker.address().to_string(), version).into());
    let update = client.attribute_updates().recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.updated.get("uploadFrequency"), Ok(Some(5)));
}

fn config(server: &str, version: ProtocolVersion) -> Config {
    let endpoint = format!("mqtt://{server}").parse().unwrap();
    Config::new(endpoint, Credentials::token("ANY")).version(VersionPolicy::Only(version))
}

/// Of `{"ts":…,"values":{"number":…}}`, as our clients stamp what carries no time.
fn number(payload: &str) -> usize {
    let reading: Value = serde_json::from_str(payload).unwrap();
    reading["values"]["number"]
        .as_u64()
        .and_then(|number| usize::try_from(number).ok())
        .unwrap()
}

//! A gateway and its children.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tb_driver::{Child, ChildEvent, Client, Gateway};
use tb_proto::{
    AttributeQuery, ChildRefusal, Claim, Combining, Config, GatewayConfig, InvalidChild,
};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Control, Setup, Stored};

use crate::adapter::{Adapter, start};
use crate::exchange::ACKNOWLEDGED;
use crate::protection;
use crate::server::{PATIENCE, TOKEN, config, nowhere};
use crate::trouble::Trouble;

/// ThingsBoard with a gateway that has no children yet.
fn server() -> SimulatorServer {
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0].gateway = true;
    protection::serve(setup)
}

fn gateway_config(server: &SimulatorServer) -> Config {
    Gateway::config(config(server))
}

fn meter(gateway: &Gateway, name: &str) -> Child {
    gateway.child(name).profile("meter").unwrap()
}

fn set_shared(server: &SimulatorServer, device: &str, key: &str, value: Value) {
    server.control(Control::SetShared {
        device: device.to_owned(),
        values: std::iter::once((key.to_owned(), value)).collect(),
    });
}

fn call(server: &SimulatorServer, name: &str, device: &str, method: &str) {
    server.control(Control::Rpc {
        call: name.to_owned(),
        device: device.to_owned(),
        method: method.to_owned(),
        params: Some(json!({ "name": name })),
        raw_params: None,
        oneway: false,
        timeout_ms: Some(30_000),
        persisted: false,
        request_id: None,
    });
}

/// What arrived of `n` in the telemetry of a device, in the order of arrival.
fn numbers_of(server: &SimulatorServer, name: &str) -> Vec<i64> {
    let number = |fact: Stored| match fact {
        Stored::Telemetry {
            device, key, value, ..
        } if device == name && key == "n" => value.to_json().as_i64(),
        _ => None,
    };
    server.stored().into_iter().filter_map(number).collect()
}

/// The children are announced: what is sent for one of them is acknowledged.
fn confirm(children: &[Child]) {
    for child in children {
        let ticket = child.send_attributes(&json!({ "there": true })).unwrap();
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
        assert!(child.is_announced());
    }
}

fn reconnect(server: &SimulatorServer, client: &Client) {
    let before = client.stats().connects;
    server.drop_connections();
    let deadline = Instant::now() + PATIENCE;
    while client.stats().connects <= before {
        assert!(Instant::now() < deadline, "it must connect again");
        thread::yield_now();
    }
}

pub(crate) fn readings_of_children_arrive_under_their_names_and_in_order<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(gateway_config(&server), Trouble::default());
    let gateway = Gateway::new(client);
    let children: Vec<_> = (0..20)
        .map(|n| meter(&gateway, &format!("meter {n}")))
        .collect();
    let mut tickets = Vec::new();
    // Some before the start, and the device itself among them.
    for n in 0..10 {
        for child in &children {
            tickets.push(child.send_telemetry(&json!({ "n": n })).unwrap());
        }
        tickets.push(gateway.send_telemetry(&json!({ "n": n })).unwrap());
    }
    let _running = driver();
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    for child in &children {
        assert_eq!(
            numbers_of(&server, &child.name()),
            (0..10).collect::<Vec<_>>()
        );
    }
    assert_eq!(numbers_of(&server, "dev1"), (0..10).collect::<Vec<_>>());
    let claim = children[0].claim(Claim::new("tulip")).unwrap();
    assert_eq!(claim.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    let claimed =
        |fact: &Stored| matches!(fact, Stored::Claim { device, .. } if device == "meter 0");
    assert!(server.stored().iter().any(claimed));
}

pub(crate) fn attributes_of_children_are_answered_and_their_changes_told<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let [one, two] = ["one", "two"].map(|name| meter(&gateway, name));
    let mut of_one = one.attribute_updates_of(["interval"]);
    let mut of_all = gateway.child_attribute_updates();
    confirm(&[one.clone(), two]);

    set_shared(&server, "one", "interval", json!(30));
    let update = of_one.recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.updated.get("interval"), Ok(Some(30)));
    let update = of_all.recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.child, "one");
    set_shared(&server, "two", "interval", json!(40));
    let update = of_all.recv_timeout(PATIENCE).unwrap();
    assert_eq!(update.child, "two");
    assert_eq!(update.update.updated.get("interval"), Ok(Some(40)));
    set_shared(&server, "one", "other", json!(1));
    of_all.recv_timeout(PATIENCE).unwrap();
    assert_eq!(of_one.try_recv(), None);

    let asked = one.request_attributes(AttributeQuery::shared(["interval", "other"]));
    let values = asked.unwrap().wait_timeout(PATIENCE).unwrap();
    assert_eq!(values.shared.get("interval"), Ok(Some(30)));
    let asked = one.request_attributes(AttributeQuery::client(["there"]));
    let values = asked.unwrap().wait_timeout(PATIENCE).unwrap();
    assert_eq!(values.client.get("there"), Ok(Some(true)));
}

pub(crate) fn calls_to_children_reach_the_nearest_taker_and_are_answered<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let [one, two] = ["one", "two"].map(|name| meter(&gateway, name));
    let mut of_one = one.rpc_requests_of("reset").unwrap();
    let mut of_all = gateway.child_rpc_requests().unwrap();
    let mut of_the_device = gateway.rpc_requests().unwrap();
    gateway.child_rpc_requests().unwrap_err();
    confirm(&[one, two]);

    let takers = [&mut of_one, &mut of_all, &mut of_the_device];
    for (device, method, taker) in [
        ("one", "reset", 0),
        ("one", "read", 1),
        ("two", "reset", 1),
        ("dev1", "reset", 2),
    ] {
        let name = format!("{device} {method}");
        call(&server, &name, device, method);
        let taken = takers[taker].recv_timeout(PATIENCE).unwrap();
        assert_eq!(taken.child(), Some(device).filter(|&it| it != "dev1"));
        assert_eq!(taken.method(), method);
        taken.reply(&json!({ "to": name })).unwrap();
        let result = server.wait_for_result(PATIENCE, &name).unwrap();
        assert_eq!(result.reply, Some(json!({ "to": name })));
    }
    // Dropping it gives the method back to those who take it for all.
    drop(of_one);
    call(&server, "later", "one", "reset");
    drop(of_all.recv_timeout(PATIENCE).unwrap());
    let result = server.wait_for_result(PATIENCE, "later").unwrap();
    assert!(result.reply.unwrap().get("error").is_some());
}

pub(crate) fn children_survive_reconnects_and_the_loss_of_their_handles<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let mut updates = gateway.child_attribute_updates();
    let mut calls = gateway.child_rpc_requests().unwrap();
    confirm(&["one", "two"].map(|name| meter(&gateway, name)));
    assert_eq!(gateway.children(), 2);

    for round in 0..3 {
        let two = gateway.find("two").unwrap();
        let tickets: Vec<_> = (0..50)
            .map(|n| two.send_telemetry(&json!({ "n": round * 50 + n })).unwrap())
            .collect();
        drop(two);
        reconnect(&server, &gateway);
        for ticket in tickets {
            assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
        }
        confirm(&[gateway.find("one").unwrap()]);
        set_shared(&server, "one", "round", json!(round));
        let update = updates.recv_timeout(PATIENCE).unwrap();
        assert_eq!(update.child, "one");
        let name = format!("round {round}");
        call(&server, &name, "one", "read");
        let taken = calls.recv_timeout(PATIENCE).unwrap();
        taken.reply(&json!(round)).unwrap();
        let result = server.wait_for_result(PATIENCE, &name).unwrap();
        assert_eq!(result.reply, Some(json!(round)));
    }
    let mut arrived = numbers_of(&server, "two");
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived, (0..150).collect::<Vec<_>>());
}

pub(crate) fn a_child_that_was_disconnected_stays_away_until_something_is_sent_for_it<
    A: Adapter,
>() {
    let server = server();
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let [one, two] = ["one", "two"].map(|name| meter(&gateway, name));
    confirm(&[one.clone(), two.clone()]);
    let left = one.disconnect().unwrap();
    assert_eq!(left.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    reconnect(&server, &gateway);
    confirm(&[two]);
    assert!(!one.is_announced());
    confirm(&[one]);
}

/// The driver wakes up for what waits for others, and each ticket ends by itself.
pub(crate) fn readings_of_several_children_share_their_way_and_end_one_by_one<A: Adapter>() {
    let server = server();
    let combining = Combining::new().max_delay(Duration::from_millis(20));
    let config = config(&server).gateway(GatewayConfig::new().combine(combining));
    let (client, _running) = start::<A>(config);
    let gateway = Gateway::new(client);
    let children: Vec<_> = (0..20)
        .map(|n| meter(&gateway, &format!("meter {n}")))
        .collect();
    confirm(&children);
    let mut tickets = Vec::new();
    for n in 0..10 {
        for child in &children {
            tickets.push(child.send_telemetry(&json!({ "n": n })).unwrap());
        }
    }
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    for child in &children {
        assert_eq!(
            numbers_of(&server, &child.name()),
            (0..10).collect::<Vec<_>>()
        );
    }
}

pub(crate) fn what_no_child_can_be_is_refused<A: Adapter>() {
    let server = server();
    let limited = config(&server).gateway(GatewayConfig::new().max_children(2));
    let (client, _running) = start::<A>(limited);
    let gateway = Gateway::new(client);
    let one = meter(&gateway, "one");
    assert_eq!(meter(&gateway, "one").id(), one.id());
    assert_eq!(gateway.get(one.id()).unwrap().name(), "one");
    let other = gateway.child("one").default_profile().unwrap_err();
    assert!(matches!(other, InvalidChild::OtherProfile { .. }));
    let blank = gateway.child(" ").default_profile().unwrap_err();
    assert!(matches!(blank, InvalidChild::Name(_)));
    gateway.child("two").default_profile().unwrap();
    let many = gateway.child("three").default_profile().unwrap_err();
    assert_eq!(many, InvalidChild::TooMany { limit: 2 });
    assert!(gateway.find("three").is_none());
    confirm(&[one]);

    let (device, _running) = start::<A>(nowhere());
    let refused = Gateway::new(device).child("one").default_profile();
    assert_eq!(refused.unwrap_err(), InvalidChild::NotAGateway);
}

pub(crate) fn a_child_that_the_server_does_not_take_is_told<A: Adapter>() {
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0].gateway = true;
    setup.max_devices = Some(2);
    let server = protection::serve(setup);
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let mut events = gateway.child_events();
    confirm(&[meter(&gateway, "one")]);
    let two = meter(&gateway, "two");
    let waits = two.send_telemetry(&json!({ "n": 1 })).unwrap();
    let told = events.recv_timeout(PATIENCE).unwrap();
    let expected = ChildEvent::Refused {
        child: "two".to_owned(),
        reason: ChildRefusal::DeviceLimit,
    };
    assert_eq!(told, expected);
    // The others go on, and its messages are kept.
    confirm(&[meter(&gateway, "one")]);
    assert_eq!(two.queued_messages(), 1);
    assert!(waits.cancel());
}

pub(crate) fn a_child_is_a_handle_of_its_gateway<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(gateway_config(&server));
    let gateway = Gateway::new(client);
    let child = meter(&gateway, "one");
    drop(gateway);
    confirm(std::slice::from_ref(&child));
    let mut updates = child.attribute_updates();
    let mut calls = child.rpc_requests().unwrap();
    let last = child.send_telemetry(&json!({ "n": 1 })).unwrap();
    drop(child);
    // The last handle is gone: what was accepted is delivered, and the streams end.
    assert_eq!(last.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    updates.recv_timeout(PATIENCE).unwrap_err();
    calls.recv_timeout(PATIENCE).unwrap_err();
    assert!(crate::server::all_gone(&server));
}

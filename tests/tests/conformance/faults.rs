//! The ways in which the simulator hurts its clients on purpose.

use serde_json::json;
use tb_tests::sim::{ConnectRefusal, Mqtt5Support, Setup, Simulator, Time};

use crate::wire::{self, Connect, Version, connack, puback, publish};
use crate::world::{TOKEN, World};

const TELEMETRY: &str = "v1/devices/me/telemetry";

fn reading(packet_id: u16) -> Vec<u8> {
    publish(Version::V5, TELEMETRY, packet_id, "{\"a\":1}")
}

#[test]
fn delayed_pubacks_overtake_each_other_and_none_is_lost() {
    let mut world = World::new();
    world.simulator.faults_mut().puback_delay_us = 50_000;
    let peer = world.connected(Version::V5);
    world.send(peer, &(1..=20).flat_map(reading).collect::<Vec<_>>());
    world.pass_ms(60);
    let received = world.take(peer);
    let in_order: Vec<_> = (1..=20).flat_map(puback).collect();
    assert_ne!(received, in_order);
    let mut acknowledged: Vec<_> = received.chunks(4).map(<[u8]>::to_vec).collect();
    acknowledged.sort();
    assert_eq!(acknowledged.concat(), in_order);
}

#[test]
fn every_third_puback_is_withheld() {
    let mut world = World::new();
    world.simulator.faults_mut().withhold_puback_every = 3;
    let peer = world.connected(Version::V5);
    world.send(peer, &(1..=6).flat_map(reading).collect::<Vec<_>>());
    world.expect(peer, &[1, 2, 4, 5].map(puback));
    assert_eq!(world.telemetry().len(), 6);
}

#[test]
fn connect_is_refused_with_the_ordered_code_for_a_while() {
    for version in Version::BOTH {
        let mut world = World::new();
        world.simulator.faults_mut().refuse_connect = Some(ConnectRefusal {
            v3: 0x03,
            v5: 0x9C,
            until: Some(Time::from_millis(1_000)),
        });
        let peer = world.dial(&Connect::token(version, TOKEN).bytes());
        let mut answer = vec![connack(version, false, version.code(0x03, 0x9C))];
        if version.is_v5() {
            answer.push(wire::disconnect(0x9C));
        }
        world.expect_closed(peer, &answer);
        world.pass_ms(1_000);
        world.connected(version);
    }
}

#[test]
fn a_server_of_3_1_1_only_turns_mqtt_5_away() {
    for (support, answer) in [
        (Mqtt5Support::ClosedSilently, vec![]),
        (Mqtt5Support::Refused, vec![0x20, 3, 0, 0x84, 0]),
        (Mqtt5Support::RefusedAsV3, vec![0x20, 2, 0, 0x01]),
    ] {
        let mut world = World::new();
        world.simulator.faults_mut().mqtt5 = support;
        let peer = world.dial(&Connect::token(Version::V5, TOKEN).bytes());
        world.expect_closed(peer, &[answer]);
        world.connected(Version::V311);
    }
}

#[test]
fn a_silent_server_answers_nothing_until_it_speaks_again() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    world.simulator.faults_mut().silent = true;
    world.send(peer, &reading(1));
    world.expect_nothing(peer);
    assert_eq!(world.telemetry(), [""; 0]);
    world.simulator.faults_mut().silent = false;
    world.send(peer, &reading(2));
    world.expect(peer, &[puback(1), puback(2)]);
}

#[test]
fn a_port_that_refuses_closes_at_once() {
    let mut world = World::new();
    world.simulator.faults_mut().refuse_tcp = true;
    let peer = world.dial(&Connect::token(Version::V5, TOKEN).bytes());
    world.expect_closed(peer, &[]);
}

#[test]
fn a_ghost_throws_out_as_many_connections_as_ordered() {
    let mut world = World::new();
    world.simulator.faults_mut().ghosts = 1;
    let peer = world.connected(Version::V5);
    world.pass_ms(100);
    world.expect_end(peer, Version::V5, 0x8E);
    let peer = world.connected(Version::V5);
    world.pass_ms(1_000);
    world.expect_alive(peer);
}

#[test]
fn dropped_connections_end_without_a_word() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    let now = world.now;
    world.simulator.drop_connections(now);
    world.expect_closed(peer, &[]);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut setup = Setup::one_device(TOKEN);
        setup.seed = seed;
        setup.faults.puback_delay_us = 50_000;
        let mut simulator = Simulator::new(setup);
        let peer = simulator.open(Time(0), None);
        let mut bytes = Connect::token(Version::V5, TOKEN).bytes();
        bytes.extend((1..=20).flat_map(reading));
        simulator.handle_input(Time(0), peer, &bytes);
        simulator.handle_timeout(Time::from_millis(100));
        core::iter::from_fn(|| simulator.poll_output()).collect::<Vec<_>>()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn facts_are_not_kept_when_nobody_wants_them() {
    let mut world = World::with(json!({"server": {"record_stored": false}}));
    let peer = world.connected(Version::V5);
    world.send(peer, &reading(1));
    world.expect(peer, &[puback(1)]);
    assert_eq!(world.telemetry(), [""; 0]);
}

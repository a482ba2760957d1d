//! The simulator notes the mistakes of clients that ThingsBoard lets pass.

use serde_json::json;
use tb_tests::sim::Violation;

use crate::wire::{Version, puback, publish};
use crate::world::World;

const TELEMETRY: &str = "v1/devices/me/telemetry";

#[test]
fn an_identifier_may_be_used_again_after_its_puback_and_not_before() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    for _ in 0..2 {
        world.send(peer, &publish(Version::V5, TELEMETRY, 1, "{\"a\":1}"));
        world.expect(peer, &[puback(1)]);
    }
    assert_eq!(world.simulator.violations(), []);

    world.control(json!({"do": "queue_callback_lost", "what": "telemetry", "count": 1}));
    for _ in 0..2 {
        world.send(peer, &publish(Version::V5, TELEMETRY, 2, "{\"a\":1}"));
    }
    let in_use = Violation::IdentifierInUse {
        connection: peer,
        packet_id: 2,
    };
    assert_eq!(world.simulator.violations(), [in_use]);
    assert_eq!(world.simulator.most_in_flight(), 1);
}

#[test]
fn a_payload_that_only_a_lenient_parser_takes_is_noted() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    world.send(peer, &publish(Version::V5, TELEMETRY, 1, "{a:1}"));
    world.expect(peer, &[puback(1)]);
    let lenient = Violation::NotStrictJson {
        connection: peer,
        topic: TELEMETRY.to_owned(),
    };
    assert_eq!(world.simulator.violations(), [lenient]);
}

#[test]
fn a_message_that_will_never_be_acknowledged_is_noted() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    let vanishing = [(TELEMETRY, "[]"), ("v1/gateway/connect", "{}")];
    for (topic, payload) in vanishing {
        world.send(peer, &publish(Version::V5, topic, 7, payload));
        world.send(peer, &publish(Version::V5, topic, 0, payload));
    }
    let noted: Vec<_> = world
        .simulator
        .violations()
        .iter()
        .filter_map(|violation| match violation {
            Violation::NeverAcknowledged { topic, .. } => Some(topic.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(noted, vanishing.map(|(topic, _)| topic));
}

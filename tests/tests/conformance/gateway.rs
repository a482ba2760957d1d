//! C-125 to C-131, C-136, C-137, C-143: children, and what a gateway sends for them.

use serde_json::json;
use tb_tests::sim::{ConnectionId, Stored, Violation};

use crate::wire::{self, Version, puback, puback_with, publish};
use crate::world::World;

pub(crate) const GATEWAY: &str = "GW_TOKEN";
pub(crate) const CONNECT: &str = "v1/gateway/connect";
pub(crate) const DISCONNECT: &str = "v1/gateway/disconnect";
pub(crate) const TELEMETRY: &str = "v1/gateway/telemetry";
pub(crate) const ATTRIBUTES: &str = "v1/gateway/attributes";

/// A world with the gateway `gw`, and its connection.
pub(crate) fn gateway(version: Version) -> (World, ConnectionId) {
    let mut world = World::with(json!({
        "devices": [{"name": "gw", "token": GATEWAY, "gateway": true}],
    }));
    let peer = world.connected_as(version, GATEWAY);
    (world, peer)
}

/// A gateway whose children of these names are connected.
pub(crate) fn gateway_of(version: Version, children: &[&str]) -> (World, ConnectionId) {
    let (mut world, peer) = gateway(version);
    for child in children {
        connect(&mut world, peer, version, child);
    }
    (world, peer)
}

pub(crate) fn connect(world: &mut World, peer: ConnectionId, version: Version, child: &str) {
    let payload = json!({"device": child, "type": "meter"}).to_string();
    world.send(peer, &publish(version, CONNECT, 99, &payload));
    world.expect(peer, &[puback(99)]);
}

/// On 3.1.1 there is no code.
pub(crate) fn refusal(version: Version, packet_id: u16, code: u8) -> Vec<u8> {
    if version.is_v5() {
        puback_with(packet_id, code)
    } else {
        puback(packet_id)
    }
}

/// Failure class G at QoS 1: acknowledged, then closed.
#[track_caller]
pub(crate) fn expect_class_g(
    world: &mut World,
    peer: ConnectionId,
    version: Version,
    packet_id: u16,
) {
    if version.is_v5() {
        let end = [puback_with(packet_id, 0x83), wire::disconnect(0x83)];
        world.expect_closed(peer, &end);
    } else {
        world.expect_closed(peer, &[puback(packet_id)]);
    }
}

/// What was stored, as `device key`.
fn stored(world: &World) -> Vec<String> {
    let facts = world.simulator.stored().iter();
    facts
        .filter_map(|fact| match fact {
            Stored::Telemetry { device, key, .. } | Stored::ClientAttribute { device, key, .. } => {
                Some(format!("{device} {key}"))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn c_125_connect_is_acknowledged_when_the_child_is_there_and_needs_no_subscribe() {
    for version in Version::ALL {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        assert_eq!(world.simulator.children_of("gw"), ["m1"]);
        assert_eq!(world.simulator.profile_name_of("m1"), Some("meter"));
        assert_eq!(world.simulator.last_gateway_of("m1"), Some("gw"));
        // Again, and with another type, which changes nothing.
        world.send(
            peer,
            &publish(version, CONNECT, 2, r#"{"device":"m1","type":"x"}"#),
        );
        world.expect(peer, &[puback(2)]);
        assert_eq!(world.simulator.profile_name_of("m1"), Some("meter"));
        world.control(json!({"do": "set_shared", "device": "m1", "values": {"k": 1}}));
        let push = r#"{"device":"m1","data":{"k":1}}"#;
        world.expect(peer, &[publish(version, ATTRIBUTES, 1, push)]);
    }
}

#[test]
fn c_126_connect_and_disconnect_without_a_name_end_the_connection() {
    for version in Version::BOTH {
        for topic in [CONNECT, DISCONNECT] {
            for payload in ["{}", r#"{"device":""}"#, r#"{"device":null}"#, "[]"] {
                let (mut world, peer) = gateway(version);
                world.send(peer, &publish(version, topic, 5, payload));
                expect_class_g(&mut world, peer, version, 5);
                let (mut world, peer) = gateway(version);
                world.send(peer, &publish(version, topic, 0, payload));
                world.expect_end(peer, version, 0x83);
            }
        }
    }
}

#[test]
fn c_127_telemetry_for_an_unknown_child_creates_it_with_the_default_type() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway(version);
        world.send(peer, &publish(version, TELEMETRY, 1, r#"{"m1":[{"a":1}]}"#));
        world.expect(peer, &[puback(1)]);
        assert_eq!(world.simulator.profile_name_of("m1"), Some("default"));
        // A connect that comes later cannot change it.
        connect(&mut world, peer, version, "m1");
        assert_eq!(world.simulator.profile_name_of("m1"), Some("default"));
        let noted = Violation::CreatedWithoutConnect {
            connection: peer,
            child: "m1".to_owned(),
        };
        assert_eq!(world.simulator.violations(), [noted]);
    }
}

#[test]
fn c_128_disconnect_is_acknowledged_whether_or_not_the_child_was_connected() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        for (packet_id, child) in [(1, "m1"), (2, "m1"), (3, "never seen")] {
            let payload = json!({"device": child}).to_string();
            world.send(peer, &publish(version, DISCONNECT, packet_id, &payload));
            world.expect(peer, &[puback(packet_id)]);
        }
        assert!(world.simulator.children_of("gw").is_empty());
        world.control(json!({"do": "set_shared", "device": "m1", "values": {"k": 1}}));
        world.expect_nothing(peer);
    }
}

#[test]
fn c_129_a_child_without_an_array_is_skipped_unless_there_is_no_other() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1", "m2"]);
        let payload = r#"{"m1":{"a":1},"m2":[{"b":1}],"m3":7}"#;
        world.send(peer, &publish(version, TELEMETRY, 1, payload));
        world.expect(peer, &[puback(1)]);
        assert_eq!(stored(&world), ["m2 b"]);
        for payload in [r#"{"m1":{"a":1}}"#, "{}", "[]"] {
            let (mut world, peer) = gateway_of(version, &["m1"]);
            world.send(peer, &publish(version, TELEMETRY, 2, payload));
            expect_class_g(&mut world, peer, version, 2);
            assert!(stored(&world).is_empty());
        }
        // What is not JSON at all is class A.
        world.send(peer, &publish(version, TELEMETRY, 3, "{"));
        world.expect_class_a(peer, version, 3);
    }
}

#[test]
fn c_130_an_invalid_element_refuses_the_message_but_the_other_children_are_stored() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1", "m2", "m3"]);
        let payload = r#"{"m1":[{"a":1}],"m2":[7],"m3":[{"c":1}]}"#;
        world.send(peer, &publish(version, TELEMETRY, 1, payload));
        world.expect_class_a(peer, version, 1);
        assert_eq!(stored(&world), ["m1 a", "m3 c"]);
    }
}

#[test]
fn c_131_an_empty_array_is_never_acknowledged() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1", "m2"]);
        world.send(peer, &publish(version, TELEMETRY, 1, r#"{"m1":[]}"#));
        let payload = r#"{"m1":[],"m2":[{"b":1}]}"#;
        world.send(peer, &publish(version, TELEMETRY, 2, payload));
        world.expect_nothing(peer);
        assert_eq!(stored(&world), ["m2 b"]);
        world.expect_alive(peer);
    }
}

#[test]
fn c_136_an_unknown_gateway_topic_is_acknowledged_and_ignored() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway(version);
        world.send(peer, &publish(version, "v1/gateway/metrics", 1, "{}"));
        world.expect(peer, &[refusal(version, 1, 0x90)]);
        world.send(peer, &publish(version, "v1/gateway/metrics", 0, "{}"));
        world.expect_nothing(peer);
        world.expect_alive(peer);
    }
}

#[test]
fn c_137_the_device_limit_costs_the_message_and_not_the_session() {
    let requests = "v1/gateway/attributes/request";
    let query = r#"{"id":1,"device":"m3","client":true,"key":"k"}"#;
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "devices": [{"name": "gw", "token": GATEWAY, "gateway": true}],
            "max_devices": 2,
        }));
        let peer = world.connected_as(version, GATEWAY);
        connect(&mut world, peer, version, "m1");
        world.send(peer, &publish(version, CONNECT, 2, r#"{"device":"m2"}"#));
        world.expect(peer, &[refusal(version, 2, 0x97)]);
        let payload = r#"{"m1":[{"a":1}],"m2":[{"b":1}]}"#;
        world.send(peer, &publish(version, TELEMETRY, 3, payload));
        world.expect(peer, &[refusal(version, 3, 0x97)]);
        assert_eq!(stored(&world), ["m1 a"]);
        // Reference §9.10: another code, for the same reason.
        world.send(peer, &publish(version, requests, 4, query));
        world.expect(peer, &[refusal(version, 4, 0x83)]);
        world.expect_alive(peer);
    }
}

#[test]
fn c_143_the_topics_of_the_gateway_itself_go_on_working() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        let own = [
            ("v1/devices/me/telemetry", "a"),
            ("v2/t", "b"),
            ("v1/devices/me/attributes", "c"),
        ];
        for (packet_id, (topic, key)) in (1..).zip(own) {
            let payload = format!("{{\"{key}\":1}}");
            world.send(peer, &publish(version, topic, packet_id, &payload));
            world.expect(peer, &[puback(packet_id)]);
        }
        assert_eq!(stored(&world), ["gw a", "gw b", "gw c"]);
    }
}

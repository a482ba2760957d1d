//! C-144 to C-147: topic filters of device profiles, and Sparkplug.

use serde_json::{Value, json};

use crate::wire::{
    self, Connect, Version, connack, puback, puback_with, publish, suback, subscribe, unsuback,
    unsubscribe,
};
use crate::world::World;

fn profile(mut profile: Value) -> World {
    profile["name"] = json!("custom");
    World::with(json!({
        "devices": [{"name": "dev1", "token": "DEV1_TOKEN", "profile": "custom"}],
        "profiles": [profile],
    }))
}

#[test]
fn c_144_a_custom_telemetry_topic_replaces_the_v1_topic_and_v2_still_works() {
    for version in Version::BOTH {
        let mut world = profile(json!({"telemetry_topic": "lab/+/telemetry"}));
        let peer = world.connected(version);
        for topic in ["lab/x/telemetry", "v2/t"] {
            world.send(peer, &publish(version, topic, 7, "{\"a\":1}"));
            world.expect(peer, &[puback(7)]);
        }
        for topic in [
            "v1/devices/me/telemetry",
            "lab//telemetry",
            "lab/x/y/telemetry",
        ] {
            world.send(peer, &publish(version, topic, 7, "{\"a\":1}"));
            let answer = if version.is_v5() {
                puback_with(7, 0x90)
            } else {
                puback(7)
            };
            world.expect(peer, &[answer]);
        }
        assert_eq!(world.telemetry(), ["a LONG 1", "a LONG 1"]);
    }
}

#[test]
fn c_145_pushes_of_a_custom_subscribe_topic_come_on_the_v1_topic() {
    for version in Version::BOTH {
        let mut world = profile(json!({"attributes_subscribe_topic": "lab/attributes"}));
        let peer = world.subscribed(version, "lab/attributes", 0);
        let push = |id| publish(version, "v1/devices/me/attributes", id, "{\"k\":1}");
        let change = json!({"do": "set_shared", "device": "dev1", "values": {"k": 1}});
        world.control(change.clone());
        world.expect(peer, &[push(1)]);
        // Unsubscribing it is refused, and pushes go on.
        world.send(peer, &unsubscribe(version, 11, &["lab/attributes"]));
        world.expect(peer, &[unsuback(version, 11, &[0x8F])]);
        world.control(change);
        world.expect(peer, &[push(2)]);
    }
}

#[test]
fn c_146_the_subscribe_filter_hash_turns_every_subscribe_into_one_to_attributes() {
    for version in Version::BOTH {
        let mut world = profile(json!({"attributes_subscribe_topic": "#"}));
        let peer = world.connected(version);
        let filters = [("v1/devices/me/rpc/request/+", 1), ("anything", 1)];
        world.send(peer, &subscribe(version, 3, &filters));
        world.expect(peer, &[suback(version, 3, &[1, 1])]);
        world.control(json!({"do": "rpc", "call": "r", "device": "dev1", "method": "m"}));
        world.expect_nothing(peer);
        world.control(json!({"do": "set_shared", "device": "dev1", "values": {"k": 1}}));
        world.expect(
            peer,
            &[publish(version, "v1/devices/me/attributes", 1, "{\"k\":1}")],
        );
    }
}

#[test]
fn c_147_an_edge_node_of_sparkplug_needs_a_death_certificate() {
    for version in Version::BOTH {
        let good = || {
            let connect = Connect::token(version, "DEV1_TOKEN")
                .will("spBv1.0/plant/NDEATH/node", "\u{8}\u{5}")
                .will_flags(1, false);
            if version.is_v5() {
                connect.session_expiry(0)
            } else {
                connect
            }
        };
        let mut wrong = vec![
            Connect::token(version, "DEV1_TOKEN"),
            good().will_flags(0, false),
            good().will_flags(1, true),
            good().will("spBv1.0/plant/NDEATH/node", ""),
            good().will("spBv1.0/plant/NDEATH/node", "text"),
            good().will("spBv1.0/plant/NDEATH", "\u{8}\u{5}"),
            good().will("spBv1.0/plant/NBIRTH/node", "\u{8}\u{5}"),
            good().keeping_the_session(),
        ];
        if version.is_v5() {
            wrong.push(good().session_expiry(1));
        }
        for connect in wrong {
            let mut world = profile(json!({"transport": "MQTT", "sparkplug": true}));
            let peer = world.dial(&connect.bytes());
            world.pass_ms(50);
            assert!(world.is_closed(peer), "{connect:?}");
            let answer = world.take(peer);
            assert_eq!(answer[3], version.code(0x03, 0x88), "{connect:?}");
            if version.is_v5() {
                assert_eq!(answer[5..], wire::disconnect(0x83));
            }
        }
        let mut world = profile(json!({"transport": "MQTT", "sparkplug": true}));
        let peer = world.dial(&good().bytes());
        world.expect(peer, &[connack(version, false, 0)]);
        // The topics of ordinary devices are not for edge nodes.
        world.send(
            peer,
            &publish(version, "v1/devices/me/telemetry", 7, "{\"a\":1}"),
        );
        world.expect_class_a(peer, version, 7);
    }
}

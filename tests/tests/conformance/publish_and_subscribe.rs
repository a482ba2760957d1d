//! C-029 to C-046: the mechanics of PUBLISH and SUBSCRIBE.

use serde_json::json;

use crate::wire::{
    self, Version, packet, puback, puback_with, publish, publish_with_id, suback, subscribe,
    unsuback, unsubscribe,
};
use crate::world::World;

const ATTRIBUTES: &str = "v1/devices/me/attributes";
const TELEMETRY: &str = "v1/devices/me/telemetry";

#[test]
fn c_029_qos_1_is_acknowledged_and_qos_0_is_not() {
    for version in Version::ALL {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 1, "{\"a\":1}"));
        world.expect(peer, &[puback(1)]);
        world.send(peer, &publish(version, TELEMETRY, 0, "{\"a\":2}"));
        world.expect_nothing(peer);
        assert_eq!(world.telemetry(), ["a LONG 1", "a LONG 2"]);
    }
}

#[test]
fn c_030_qos_2_is_processed_as_qos_1() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let mut bytes = publish(version, TELEMETRY, 9, "{\"a\":1}");
        bytes[0] = 0x34;
        world.send(peer, &bytes);
        world.expect(peer, &[puback(9)]);
        assert_eq!(world.telemetry(), ["a LONG 1"]);
    }
}

#[test]
fn c_031_an_unknown_topic_is_acknowledged_and_dropped() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        for topic in ["some/topic", "v1/devices/me", "v1/devices/me/telemetry/"] {
            world.send(peer, &publish(version, topic, 7, "{\"a\":1}"));
            let answer = if version.is_v5() {
                puback_with(7, 0x90)
            } else {
                puback(7)
            };
            world.expect(peer, &[answer]);
        }
        world.send(peer, &publish(version, "some/topic", 0, "{\"a\":1}"));
        world.expect_alive(peer);
        assert_eq!(world.telemetry(), [""; 0]);
    }
}

#[test]
fn c_032_a_gateway_topic_of_a_plain_device_is_ignored() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        for topic in [
            "v1/gateway/connect",
            "v1/gateway/telemetry",
            "v1/gatewayfoo",
        ] {
            world.send(peer, &publish(version, topic, 7, "{\"device\":\"child\"}"));
            world.expect_nothing(peer);
        }
        world.expect_alive(peer);
    }
}

#[test]
fn c_033_a_wildcard_in_a_publish_topic_closes() {
    for version in Version::BOTH {
        for topic in ["v1/devices/me/#", "v1/devices/+/telemetry"] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, topic, 7, "{}"));
            world.expect_end(peer, version, 0x81);
        }
    }
}

#[test]
fn c_034_a_remaining_length_of_65536_is_taken_and_one_more_closes() {
    for version in Version::BOTH {
        let overhead =
            2 + TELEMETRY.len() + 2 + usize::from(version.is_v5()) + "{\"s\":\"\"}".len();
        let fill = |length: usize| format!("{{\"s\":\"{}\"}}", "x".repeat(length - overhead));
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 1, &fill(65_536)));
        world.expect(peer, &[puback(1)]);
        world.send(peer, &publish(version, TELEMETRY, 2, &fill(65_537)));
        world.expect_end(peer, version, 0x81);
    }
}

#[test]
fn c_035_a_listed_filter_is_granted_at_most_qos_1() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        for (requested, granted) in [(0, 0), (1, 1), (2, 1)] {
            world.send(peer, &subscribe(version, 3, &[(ATTRIBUTES, requested)]));
            world.expect(peer, &[suback(version, 3, &[granted])]);
        }
    }
}

#[test]
fn c_036_unlisted_filters_are_refused_one_by_one() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let refused = version.code(0x80, 0x8F);
        for filter in [
            "#",
            "+",
            "v1/devices/me/#",
            "v1/devices/me/rpc/request/#",
            "v1/devices/me/rpc/request/1",
            "v1/devices/me/attributes/response/1",
            "v2/fw/response/+",
            TELEMETRY,
            "v1/gateway/connect",
            "v1/gateway/disconnect",
            "/provision/response",
            "$share/g/v1/devices/me/attributes",
        ] {
            world.send(
                peer,
                &subscribe(version, 3, &[(filter, 1), (ATTRIBUTES, 1)]),
            );
            world.expect(peer, &[suback(version, 3, &[refused, 1])]);
        }
    }
}

#[test]
fn c_037_gateway_filters_are_granted_to_a_plain_device() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let filters = [
            "v1/gateway/attributes",
            "v1/gateway/attributes/response",
            "v1/gateway/rpc",
        ];
        world.send(
            peer,
            &subscribe(version, 3, &filters.map(|filter| (filter, 1))),
        );
        world.expect(peer, &[suback(version, 3, &[1, 1, 1])]);
    }
}

#[test]
fn c_038_a_subscribe_over_the_limit_is_acknowledged_but_not_done() {
    for version in Version::BOTH {
        let mut world =
            World::with(json!({"tenant_limits": {"transportDeviceMsgRateLimit": "1:3600"}}));
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.control(json!({"do": "set_shared", "device": "dev1", "values": {"a": 1}}));
        world.expect_nothing(peer);
        world.expect_alive(peer);
    }
}

#[test]
fn c_039_unsubscribe_tells_on_mqtt_5_whether_there_was_a_subscription() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.send(
            peer,
            &unsubscribe(
                version,
                4,
                &[ATTRIBUTES, "v1/devices/me/rpc/request/+", "x/y"],
            ),
        );
        world.expect(peer, &[unsuback(version, 4, &[0x00, 0x11, 0x11])]);
        world.send(peer, &unsubscribe(version, 5, &[ATTRIBUTES]));
        world.expect(peer, &[unsuback(version, 5, &[0x11])]);

        // A filter that is no regular expression is class U.
        world.send(peer, &unsubscribe(version, 6, &["a(b"]));
        world.expect_class_u(peer, version);
    }
}

#[test]
fn c_040_responses_take_the_granted_qos_and_qos_1_without_a_subscription() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let request = publish(version, "v1/devices/me/attributes/request/1", 0, "{}");
        let response = "v1/devices/me/attributes/response/1";
        world.send(peer, &request);
        world.expect(peer, &[publish(version, response, 1, "{}")]);
        world.send(
            peer,
            &subscribe(version, 3, &[("v1/devices/me/attributes/response/+", 0)]),
        );
        world.expect(peer, &[suback(version, 3, &[0])]);
        world.send(peer, &request);
        world.expect(peer, &[publish(version, response, 0, "{}")]);
    }
}

#[test]
fn c_041_downlinks_carry_no_flags_and_are_never_sent_again() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.control(json!({"do": "set_shared", "device": "dev1", "values": {"a": 1}}));
        world.expect(peer, &[publish(version, ATTRIBUTES, 1, "{\"a\":1}")]);
        world.pass_ms(60_000);
        world.expect_nothing(peer);
    }
}

#[test]
fn c_042_downlink_identifiers_count_every_publish_of_the_connection() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 0);
        let change = json!({"do": "set_shared", "device": "dev1", "values": {"a": 1}});
        world.control(change.clone());
        world.expect(peer, &[publish(version, ATTRIBUTES, 0, "{\"a\":1}")]);
        world.send(peer, &subscribe(version, 3, &[(ATTRIBUTES, 1)]));
        world.expect(peer, &[suback(version, 3, &[1])]);
        world.control(change.clone());
        world.expect(peer, &[publish(version, ATTRIBUTES, 2, "{\"a\":1}")]);

        world.client_closes(peer);
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.control(change);
        world.expect(peer, &[publish(version, ATTRIBUTES, 1, "{\"a\":1}")]);
    }
}

#[test]
fn c_043_the_identifier_after_65535_is_0() {
    for version in Version::BOTH {
        let mut world = World::new();
        world.simulator.faults_mut().first_downlink = 65_535;
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        for expected in [65_535, 0, 1] {
            world.control(json!({"do": "set_shared", "device": "dev1", "values": {"a": 1}}));
            let push = publish_with_id(version, ATTRIBUTES, Some(expected), b"{\"a\":1}");
            world.expect(peer, &[push]);
        }
    }
}

#[test]
fn c_044_a_slow_queue_lets_the_later_publish_be_acknowledged_first() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.control(json!({
            "do": "queue_callback_delayed", "what": "telemetry", "delay_ms": 40, "count": 1,
        }));
        world.send(peer, &publish(version, TELEMETRY, 1, "{\"first\":1}"));
        world.send(peer, &publish(version, TELEMETRY, 2, "{\"second\":2}"));
        world.expect(peer, &[puback(2), puback(1)]);
        assert_eq!(world.telemetry(), ["first LONG 1", "second LONG 2"]);
    }
}

#[test]
fn c_045_retain_dup_and_properties_have_no_effect() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let mut bytes = publish(version, TELEMETRY, 1, "{\"a\":1}");
        bytes[0] |= 0b1001;
        world.send(peer, &bytes);
        world.send(peer, &bytes);
        world.expect(peer, &[puback(1), puback(1)]);
        assert_eq!(world.telemetry(), ["a LONG 1", "a LONG 1"]);
    }
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    // User property k=v, message expiry 1 s.
    let body = b"\0\x04v2/t\0\x05\x0c\x26\0\x01k\0\x01v\x02\0\0\0\x01{\"a\":1}";
    world.send(peer, &packet(0x32, body));
    world.expect(peer, &[puback(5)]);
    assert_eq!(world.telemetry(), ["a LONG 1"]);
}

#[test]
fn c_046_a_topic_alias_is_an_unknown_topic() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    let with_alias = packet(0x32, b"\0\x04v2/t\0\x01\x03\x23\0\x01{\"a\":1}");
    let alias_only = packet(0x32, b"\0\0\0\x02\x03\x23\0\x01{\"a\":2}");
    world.send(peer, &with_alias);
    world.send(peer, &alias_only);
    world.expect(peer, &[puback(1), puback_with(2, 0x90)]);
    assert_eq!(world.telemetry(), ["a LONG 1"]);
}

#[test]
fn packet_identifier_0_qos_3_and_wrong_flags_close() {
    for version in Version::BOTH {
        for bytes in [
            subscribe(version, 0, &[(ATTRIBUTES, 1)]),
            subscribe(version, 1, &[(ATTRIBUTES, 3)]),
            publish_with_id(version, TELEMETRY, Some(0), b"{}"),
            packet(0x36, &publish(version, TELEMETRY, 1, "{}")[2..]),
            packet(0x80, &subscribe(version, 1, &[(ATTRIBUTES, 1)])[2..]),
        ] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &bytes);
            world.expect_end(peer, version, 0x81);
        }
    }
}

#[test]
fn packets_that_only_a_server_sends_are_ignored() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    for bytes in [
        wire::connack(Version::V5, false, 0),
        vec![0x50, 2, 0, 5],
        vec![0x62, 2, 0, 5],
    ] {
        world.send(peer, &bytes);
    }
    world.expect_alive(peer);
}

//! C-047 to C-056, C-064 to C-067: forms of telemetry, and what is refused.

use serde_json::json;

use crate::wire::{Version, puback, publish};
use crate::world::World;

pub(crate) const TELEMETRY: &str = "v1/devices/me/telemetry";

/// Sends the payload at QoS 1 to this topic, expects success and returns what was stored.
#[track_caller]
pub(crate) fn stored_on(topic: &str, payload: &str) -> Vec<String> {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    world.send(peer, &publish(Version::V5, topic, 7, payload));
    world.expect(peer, &[puback(7)]);
    world.telemetry()
}

#[track_caller]
pub(crate) fn stored(payload: &str) -> Vec<String> {
    stored_on(TELEMETRY, payload)
}

#[track_caller]
fn expect_class_a(payload: &str) {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 7, payload));
        world.expect_class_a(peer, version, 7);

        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 0, payload));
        world.expect_end(peer, version, 0x99);
        assert_eq!(world.telemetry(), [""; 0]);
    }
}

#[test]
fn c_047_object_form_stores_one_entry_per_key_at_server_time() {
    let stored = stored("{\"temperature\":21.5,\"door\":\"open\",\"on\":true,\"count\":7}");
    assert_eq!(
        stored,
        [
            "temperature DOUBLE 21.5",
            "door STRING \"open\"",
            "on BOOLEAN true",
            "count LONG 7"
        ]
    );
}

#[test]
fn c_048_ts_and_values_store_at_the_given_time() {
    let stored = stored("{\"ts\":1767225600000,\"values\":{\"a\":1,\"b\":2},\"ignored\":3}");
    assert_eq!(
        stored,
        ["a LONG 1 @1767225600000", "b LONG 2 @1767225600000"]
    );
}

#[test]
fn c_049_an_array_may_mix_both_forms() {
    let stored = stored("[{\"ts\":1767225600000,\"values\":{\"t\":1}},{\"t\":3}]");
    assert_eq!(stored, ["t LONG 1 @1767225600000", "t LONG 3"]);
}

#[test]
fn c_050_values_or_ts_alone_are_ordinary_keys() {
    assert_eq!(stored("{\"values\":{\"a\":1}}"), ["values JSON {\"a\":1}"]);
    assert_eq!(stored("{\"ts\":5}"), ["ts LONG 5"]);
}

#[test]
fn c_051_an_empty_object_is_acknowledged_and_stores_nothing() {
    for payload in ["{}", "[{}]", "{\"ts\":1,\"values\":{}}"] {
        assert_eq!(stored(payload), [""; 0]);
    }
}

#[test]
fn c_052_an_empty_array_is_never_acknowledged_and_never_refused() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 7, "[]"));
        world.pass_ms(60_000);
        world.expect_nothing(peer);
        world.expect_alive(peer);
    }
}

#[test]
fn c_053_what_is_neither_object_nor_array_of_objects_is_class_a() {
    for payload in [
        "",
        "null",
        "5",
        "\"x\"",
        "true",
        "[1]",
        "[null]",
        "[[{\"a\":1}]]",
        "[{\"a\":1},5]",
        "{bad",
        "{\"a\":1",
        "{\"a\":1} x",
        "{\"a\":1,}",
    ] {
        expect_class_a(payload);
    }
}

#[test]
fn c_054_a_ts_that_is_no_number_is_class_u() {
    for version in Version::BOTH {
        for ts in ["null", "true", "{}", "\"abc\"", "\"12.7\""] {
            let mut world = World::new();
            let peer = world.connected(version);
            let payload = format!("{{\"ts\":{ts},\"values\":{{\"a\":1}}}}");
            world.send(peer, &publish(version, TELEMETRY, 7, &payload));
            world.expect_class_u(peer, version);
        }
    }
    // Arrays fail elsewhere, and one element passes for its content.
    expect_class_a("{\"ts\":[],\"values\":{\"a\":1}}");
    expect_class_a("{\"ts\":[1,2],\"values\":{\"a\":1}}");
    assert_eq!(stored("{\"ts\":[5],\"values\":{\"a\":1}}"), ["a LONG 1 @5"]);
}

#[test]
fn c_055_values_that_are_no_object_are_class_a() {
    for values in ["[]", "1", "null", "\"x\""] {
        expect_class_a(&format!("{{\"ts\":1767225600000,\"values\":{values}}}"));
    }
}

#[test]
fn c_056_the_range_of_ts_is_not_checked() {
    for (ts, millis) in [
        ("-5", -5),
        ("0", 0),
        ("1767225600", 1_767_225_600),
        ("9223372036854775807", i64::MAX),
        ("\"1767225600000\"", 1_767_225_600_000),
        ("1.9e3", 1_900),
        ("12.7", 12),
        ("18446744073709551617", 1),
    ] {
        let payload = format!("{{\"ts\":{ts},\"values\":{{\"a\":1}}}}");
        assert_eq!(stored(&payload), [format!("a LONG 1 @{millis}")]);
    }
}

#[test]
fn c_064_the_short_json_topics_behave_as_the_long_one() {
    for topic in ["v2/t", "v2/t/j"] {
        assert_eq!(stored_on(topic, "{\"a\":1}"), ["a LONG 1"]);
    }
}

#[test]
fn c_065_protobuf_telemetry_of_a_json_profile_is_class_a() {
    for version in Version::BOTH {
        for topic in ["v2/t/p", "v2/a/p"] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, topic, 7, "\t\0"));
            world.expect_class_a(peer, version, 7);
        }
    }
}

#[test]
fn c_066_a_queue_failure_closes_without_an_acknowledgement() {
    for version in Version::BOTH {
        for packet_id in [0, 7] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.control(json!({"do": "queue_error", "device": "dev1", "what": "telemetry"}));
            world.send(peer, &publish(version, TELEMETRY, packet_id, "{\"a\":1}"));
            world.expect_end(peer, version, 0x83);
            assert_eq!(world.telemetry(), [""; 0]);
        }
    }
}

#[test]
fn c_067_a_profile_may_acknowledge_invalid_payloads_on_3_1_1() {
    let setup = json!({
        "devices": [{"name": "dev1", "token": "DEV1_TOKEN", "profile": "lenient"}],
        "profiles": [{"name": "lenient", "send_ack_on_validation_exception": true}],
    });
    let mut world = World::with(setup.clone());
    let peer = world.connected(Version::V311);
    world.send(peer, &publish(Version::V311, TELEMETRY, 7, "{bad"));
    world.expect(peer, &[puback(7)]);
    world.send(peer, &publish(Version::V311, TELEMETRY, 0, "{bad"));
    world.expect_closed(peer, &[]);

    let mut world = World::with(setup);
    let peer = world.connected(Version::V5);
    world.send(peer, &publish(Version::V5, TELEMETRY, 7, "{bad"));
    world.expect_class_a(peer, Version::V5, 7);
}

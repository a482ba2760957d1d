//! Profiles with protobuf payloads: schemas of the profile, fixed messages, and the two switches.

use serde_json::{Value, json};
use tb_tests::sim::{ConnectionId, Stored};

use crate::wire::{Version, puback, publish, publish_with_id, suback, subscribe};
use crate::world::World;

const TELEMETRY: &str = "v1/devices/me/telemetry";
const ATTRIBUTES: &str = "v1/devices/me/attributes";
const CLAIM: &str = "v1/devices/me/claim";
const RPC_FILTER: &str = "v1/devices/me/rpc/request/+";

/// `dev1` on a protobuf profile with these additions.
fn protobuf(more: Value) -> World {
    let mut profile = json!({"name": "proto", "transport": "MQTT", "payload": "PROTOBUF"});
    for (name, value) in more.as_object().unwrap() {
        profile[name] = value.clone();
    }
    World::with(json!({
        "devices": [{
            "name": "dev1", "token": "DEV1_TOKEN", "profile": "proto",
            "shared": {"n": 42, "s": "x"}, "client": {"c": true},
        }],
        "profiles": [profile],
    }))
}

fn with_rpc_schemas() -> Value {
    json!({
        "rpc_request_proto": "syntax = \"proto3\"; message Request { optional string method = 1; \
            optional int32 requestId = 2; optional string params = 3; }",
        "rpc_response_proto": "syntax = \"proto3\"; message Response { optional string payload = 1; }",
    })
}

fn send(world: &mut World, peer: ConnectionId, version: Version, topic: &str, payload: &[u8]) {
    world.send(peer, &publish_with_id(version, topic, Some(7), payload));
}

#[test]
fn telemetry_and_attributes_are_read_by_the_schemas_of_the_profile() {
    for version in Version::BOTH {
        let mut world = protobuf(json!({
            "telemetry_proto": "syntax = \"proto3\"; message Values { double level = 1; \
                optional int64 tank_count = 2; } message Reading { optional int64 ts = 1; Values values = 2; }",
            "attributes_proto": "syntax = \"proto3\"; message A { optional string serial_number = 1; }",
        }));
        let peer = world.connected(version);
        for topic in [TELEMETRY, "v2/t", "v2/t/p"] {
            send(
                &mut world,
                peer,
                version,
                topic,
                b"\x08\x05\x12\x02\x10\x09",
            );
            world.expect(peer, &[puback(7)]);
        }
        // Without its time the message is one value, and what is unset is a zero.
        send(&mut world, peer, version, TELEMETRY, b"\x12\x00");
        world.expect(peer, &[puback(7)]);
        let expected = ["level DOUBLE 0.0 @5", "tankCount LONG 9 @5"].repeat(3);
        let stored = world.telemetry();
        assert_eq!(stored[..6], expected);
        assert_eq!(stored[6..], ["values JSON {\"level\":0.0}"]);
        send(&mut world, peer, version, ATTRIBUTES, b"\x0a\x02A7");
        world.expect(peer, &[puback(7)]);
        let Some(Stored::ClientAttribute { key, .. }) = world.simulator.stored().last() else {
            panic!("no attribute");
        };
        assert_eq!(key, "serialNumber");
    }
}

#[test]
fn json_on_a_topic_in_protobuf_is_class_a_unless_the_profile_is_compatible() {
    for version in Version::BOTH {
        for (topic, payload) in [
            (TELEMETRY, "{\"a\":1}"),
            ("v2/t", "{\"a\":1}"),
            ("v2/t/p", "{\"a\":1}"),
            (ATTRIBUTES, "{\"a\":1}"),
            (CLAIM, "{\"secretKey\":\"s\"}"),
            (
                "v1/devices/me/attributes/request/1",
                "{\"sharedKeys\":\"n\"}",
            ),
            ("v1/devices/me/rpc/request/1", "{\"method\":\"m\"}"),
        ] {
            let mut world = protobuf(json!({}));
            let peer = world.connected(version);
            world.send(peer, &publish(version, topic, 7, payload));
            world.expect_class_a(peer, version, 7);
            let mut world = protobuf(json!({"json_compat": true}));
            let peer = world.connected(version);
            world.send(peer, &publish(version, topic, 7, payload));
            if topic == "v2/t/p" {
                world.expect_class_a(peer, version, 7);
            } else {
                world.pass_ms(50);
                assert_eq!(world.take(peer)[..4], puback(7), "{topic}");
            }
        }
        // The topics that name their format have it.
        let mut world = protobuf(json!({}));
        let peer = world.connected(version);
        for topic in ["v2/t/j", "v2/a/j"] {
            world.send(peer, &publish(version, topic, 7, "{\"a\":1}"));
            world.expect(peer, &[puback(7)]);
        }
    }
}

#[test]
fn a_message_that_cannot_be_read_is_class_a_and_an_id_that_is_no_number_class_u() {
    for version in Version::BOTH {
        for topic in [
            TELEMETRY,
            ATTRIBUTES,
            CLAIM,
            "v1/devices/me/attributes/request/1",
            "v1/devices/me/rpc/request/1",
        ] {
            let mut world = protobuf(json!({}));
            let peer = world.connected(version);
            send(&mut world, peer, version, topic, b"\xFF\xFF");
            world.expect_class_a(peer, version, 7);
        }
        for topic in [
            "v1/devices/me/attributes/request/x",
            "v1/devices/me/rpc/request/x",
        ] {
            let mut world = protobuf(json!({}));
            let peer = world.connected(version);
            send(&mut world, peer, version, topic, b"\x12\x02{}");
            world.expect_class_u(peer, version);
        }
        let mut world = protobuf(with_rpc_schemas());
        let peer = world.connected(version);
        send(
            &mut world,
            peer,
            version,
            "v1/devices/me/rpc/response/x",
            b"\x0a\x01d",
        );
        world.expect_class_a(peer, version, 7);
    }
}

#[test]
fn attributes_are_answered_and_pushed_as_lists_with_times() {
    for version in Version::BOTH {
        let mut world = protobuf(json!({}));
        let peer = world.subscribed(version, ATTRIBUTES, 0);
        let topic = "v1/devices/me/attributes/request/9";
        send(&mut world, peer, version, topic, b"\x0a\x01c\x12\x03s,n");
        // Each with the time at which the simulator begins.
        let attribute = |list: u8, value: &[u8]| {
            let time = b"\x08\x80\xd0\xea\xb6\xb7\x33\x12";
            let length = |part: &[u8]| part.len() as u8;
            let timed = [&time[..], &[length(value)], value].concat();
            [&[list, length(&timed)], &timed[..]].concat()
        };
        let body = [
            b"\x08\x09".to_vec(),
            attribute(0x12, b"\x0a\x01c\x18\x01"),
            attribute(0x1A, b"\x0a\x01s\x10\x03\x32\x01x"),
            attribute(0x1A, b"\x0a\x01n\x10\x01\x20\x2a"),
            b"\x20\x01".to_vec(),
        ]
        .concat();
        let topic = "v1/devices/me/attributes/response/9";
        world.expect(
            peer,
            &[puback(7), publish_with_id(version, topic, Some(1), &body)],
        );

        world.control(json!({"do": "delete_shared", "device": "dev1", "keys": ["n", "s"]}));
        world.expect(
            peer,
            &[publish_with_id(
                version,
                ATTRIBUTES,
                None,
                b"\x12\x01n\x12\x01s",
            )],
        );
    }
}

#[test]
fn client_rpc_has_fixed_messages_and_errors_have_a_field_of_their_own() {
    for version in Version::BOTH {
        let mut world = protobuf(json!({}));
        let peer = world.connected(version);
        let response = |id, downlink, body: &[u8]| {
            let topic = format!("v1/devices/me/rpc/response/{id}");
            publish_with_id(version, &topic, Some(downlink), body)
        };
        send(
            &mut world,
            peer,
            version,
            "v1/devices/me/rpc/request/1",
            b"\x0a\x01m\x12\x011",
        );
        let echo = br#"{"method":"m","params":1}"#;
        let echo = [b"\x08\x01\x12", &[echo.len() as u8][..], echo].concat();
        world.expect(peer, &[puback(7), response(1, 1, &echo)]);
        send(
            &mut world,
            peer,
            version,
            "v1/devices/me/rpc/request/2",
            b"\x0a\x07noReply\x12\x02{}",
        );
        world.expect(peer, &[puback(7)]);
        world.pass_ms(60_000);
        world.expect(peer, &[response(2, 2, b"\x08\x02\x1a\x07timeout")]);
    }
}

#[test]
fn server_rpc_is_written_and_answered_by_the_schemas_of_the_profile() {
    for version in Version::BOTH {
        let mut world = protobuf(with_rpc_schemas());
        let peer = world.subscribed(version, RPC_FILTER, 0);
        let call = |params: Value| json!({"do": "rpc", "call": "r", "device": "dev1", "method": "m", "params": params});
        world.control(call(json!("now")));
        let topic = "v1/devices/me/rpc/request/0";
        let request = b"\x0a\x01m\x10\x00\x1a\x03now";
        world.expect(peer, &[publish_with_id(version, topic, None, request)]);
        send(
            &mut world,
            peer,
            version,
            "v1/devices/me/rpc/response/0",
            b"\x0a\x04done",
        );
        world.expect(peer, &[puback(7)]);
        let reply = world.result("r").unwrap().reply;
        assert_eq!(reply, Some(json!({"payload": "done"})));
        // An object does not fit into a string.
        world.control(call(json!({"a": 1})));
        world.expect_nothing(peer);
        let reply = world.result("r").unwrap().reply.unwrap();
        assert_eq!(reply["result"], "INVALID_ARGUMENTS");
    }
}

#[test]
fn with_both_switches_the_v1_topics_bring_json_and_the_plain_v2_topics_protobuf() {
    for version in Version::BOTH {
        for (json_compat, json_downlink, is_json) in [
            (true, true, true),
            (true, false, false),
            (false, true, false),
        ] {
            let mut world =
                protobuf(json!({"json_compat": json_compat, "json_downlink": json_downlink}));
            let peer = world.subscribed(version, ATTRIBUTES, 0);
            let deletion = json!({"do": "delete_shared", "device": "dev1", "keys": ["n"]});
            world.control(deletion.clone());
            let (json, protobuf) = (&b"{\"deleted\":[\"n\"]}"[..], &b"\x12\x01n"[..]);
            let body = if is_json { json } else { protobuf };
            world.expect(peer, &[publish_with_id(version, ATTRIBUTES, None, body)]);
            for (topic, body) in [("v2/a", protobuf), ("v2/a/j", json), ("v2/a/p", protobuf)] {
                world.send(peer, &subscribe(version, 11, &[(topic, 0)]));
                world.expect(peer, &[suback(version, 11, &[0])]);
                world.control(deletion.clone());
                world.expect(peer, &[publish_with_id(version, topic, None, body)]);
            }
        }
    }
}

#[test]
fn a_claim_has_a_fixed_message_and_may_be_empty() {
    let mut world = protobuf(json!({}));
    let peer = world.connected(Version::V5);
    for payload in [&b""[..], b"\x0a\x01k\x10\x05"] {
        send(&mut world, peer, Version::V5, CLAIM, payload);
        world.expect(peer, &[puback(7)]);
    }
    let claims: Vec<_> = (world.simulator.stored().iter())
        .map(|fact| match fact {
            Stored::Claim {
                secret_key,
                duration_ms,
                ..
            } => (secret_key.as_str(), *duration_ms),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(claims, [("", 0), ("k", 5)]);
}

#[test]
fn a_profile_whose_schema_cannot_be_read_takes_nothing() {
    for version in Version::BOTH {
        let mut world = protobuf(json!({"telemetry_proto": "import \"x.proto\"; message A {}"}));
        let peer = world.connected(version);
        send(&mut world, peer, version, TELEMETRY, b"");
        world.expect_class_a(peer, version, 7);
    }
}

#[test]
fn a_json_profile_takes_the_fixed_messages_on_the_topics_for_protobuf() {
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "devices": [{"name": "dev1", "token": "DEV1_TOKEN", "shared": {"b": false}}],
        }));
        let peer = world.connected(version);
        send(&mut world, peer, version, "v2/a/req/p/1", b"\x12\x01z");
        let response = publish_with_id(version, "v2/a/res/p/1", Some(1), b"\x08\x01");
        world.expect(peer, &[puback(7), response]);
        send(&mut world, peer, version, "v2/a/p", b"");
        world.expect_class_a(peer, version, 7);
    }
}

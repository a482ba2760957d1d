//! C-132 to C-135, C-139 to C-142: what comes back to a gateway, and when nothing does.

use serde_json::json;
use tb_tests::sim::{ChildPoison, Stored, Timestamp};

use crate::gateway::{ATTRIBUTES, CONNECT, TELEMETRY, connect, expect_class_g, gateway_of};
use crate::wire::{Version, puback, publish, suback, subscribe};
use crate::world::World;

const REQUESTS: &str = "v1/gateway/attributes/request";
const RESPONSES: &str = "v1/gateway/attributes/response";
const RPC: &str = "v1/gateway/rpc";

/// More than the time without activity and the period of the checks.
const INACTIVE_MS: u64 = 604_000;

#[test]
fn c_132_an_attribute_request_for_one_key_gets_a_value_and_for_several_gets_values() {
    let cases = [
        (r#""client":false,"key":"i""#, r#","value":30"#),
        (r#""client":"false","keys":["i"]"#, r#","value":30"#),
        (r#""client":false,"keys":["i","i"]"#, r#","value":30"#),
        (r#""client":false,"key":"none""#, ""),
        (
            r#""client":true,"keys":["s","none"]"#,
            r#","values":{"s":"W"}"#,
        ),
        (r#""client":true,"keys":["i","none"]"#, ""),
        (r#""client":true,"key":"s","keys":["i"]"#, r#","value":"W""#),
    ];
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        world.send(
            peer,
            &publish(version, ATTRIBUTES, 1, r#"{"m1":{"s":"W"}}"#),
        );
        world.expect(peer, &[puback(1)]);
        world.control(json!({"do": "set_shared", "device": "m1", "values": {"i": 30}}));
        world.pass_ms(50);
        world.take(peer);
        for (number, (query, found)) in (2..).zip(cases) {
            let request = format!("{{\"id\":-{number},\"device\":\"m1\",{query}}}");
            world.send(peer, &publish(version, REQUESTS, number, &request));
            let response = format!("{{\"id\":-{number},\"device\":\"m1\"{found}}}");
            let response = publish(version, RESPONSES, number, &response);
            world.expect(peer, &[puback(number), response]);
        }
    }
}

#[test]
fn c_133_an_attribute_request_without_its_scope_ends_the_connection() {
    let incomplete = [
        r#"{"id":1,"device":"m1","key":"i"}"#,
        r#"{"id":1,"device":"m1","client":["i"],"shared":["i"]}"#,
        r#"{"device":"m1","client":true,"key":"i"}"#,
        r#"{"id":1,"client":true,"key":"i"}"#,
        r#"{"id":1,"device":"m1","client":true}"#,
    ];
    for version in Version::BOTH {
        for request in incomplete {
            let (mut world, peer) = gateway_of(version, &["m1"]);
            world.send(peer, &publish(version, REQUESTS, 1, request));
            expect_class_g(&mut world, peer, version, 1);
        }
    }
}

#[test]
fn c_134_a_change_of_a_childs_shared_attributes_comes_with_its_name() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        world.control(json!({"do": "set_shared", "device": "m1", "values": {"i": 30}}));
        let updated = r#"{"device":"m1","data":{"i":30}}"#;
        world.expect(peer, &[publish(version, ATTRIBUTES, 1, updated)]);
        world.control(json!({"do": "delete_shared", "device": "m1", "keys": ["i"]}));
        let deleted = r#"{"device":"m1","data":{"deleted":["i"]}}"#;
        world.expect(peer, &[publish(version, ATTRIBUTES, 2, deleted)]);
    }
}

#[test]
fn c_135_rpc_of_a_child_comes_with_its_name_and_its_reply_needs_all_members() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        let call = json!({
            "do": "rpc", "call": "c", "device": "m1", "method": "reset", "params": {"hard": false},
        });
        world.control(call);
        let request = r#"{"device":"m1","data":{"id":0,"method":"reset","params":{"hard":false}}}"#;
        world.expect(peer, &[publish(version, RPC, 1, request)]);
        // Nobody waits for its PUBACK.
        world.pass_ms(1_000);
        let reply = r#"{"device":"m1","id":0,"data":{"ok":true}}"#;
        world.send(peer, &publish(version, RPC, 2, reply));
        world.expect(peer, &[puback(2)]);
        let result = world.result("c").expect("result");
        assert_eq!(result.reply, Some(json!({"ok": true})));
        for reply in [
            r#"{"id":0,"data":1}"#,
            r#"{"device":"m1","data":1}"#,
            r#"{"device":"m1","id":0}"#,
        ] {
            let (mut world, peer) = gateway_of(version, &["m1"]);
            world.send(peer, &publish(version, RPC, 3, reply));
            expect_class_g(&mut world, peer, version, 3);
        }
    }
}

#[test]
fn c_139_at_qos_0_children_are_announced_as_disconnected_although_they_are_not() {
    let payload = r#"{"m1":[{"a":1}],"m2":[{"b":1}],"m3":[{"c":1}]}"#;
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1", "m2", "m3"]);
        world.send(peer, &publish(version, TELEMETRY, 0, payload));
        let notice = |packet_id, child: &str| {
            let notice = format!("{{\"device\":\"{child}\",\"reason\":129}}");
            publish(version, "v1/gateway/disconnect", packet_id, &notice)
        };
        if version.is_v5() {
            world.expect(peer, &[notice(1, "m1"), notice(2, "m2")]);
        } else {
            world.expect_nothing(peer);
        }
        assert_eq!(world.telemetry().len(), 3);
        assert_eq!(world.simulator.children_of("gw"), ["m1", "m2", "m3"]);
        world.send(peer, &publish(version, TELEMETRY, 7, payload));
        world.expect(peer, &[puback(7)]);
    }
}

#[test]
fn c_140_a_quiet_child_is_dropped_without_a_word() {
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["quiet", "busy"]);
        for _ in 0..INACTIVE_MS / 60_000 + 1 {
            world.pass_ms(60_000 - 1_000);
            world.expect_alive(peer);
            // For the quiet one this is no activity.
            connect(&mut world, peer, version, "quiet");
            if world.simulator.children_of("gw").len() == 1 {
                break;
            }
            let payload = r#"{"busy":[{"a":1}]}"#;
            world.send(peer, &publish(version, TELEMETRY, 3, payload));
            world.expect(peer, &[puback(3)]);
        }
        let lookups = |world: &World| {
            let facts = world.simulator.stored().iter();
            facts
                .filter(
                    |fact| matches!(fact, Stored::GatewayChild { child, .. } if child == "quiet"),
                )
                .count()
        };
        // The last connect found it gone and looked it up again.
        assert_eq!(lookups(&world), 2);

        let (mut world, peer) = gateway_of(version, &["quiet"]);
        for _ in 0..12 {
            world.pass_ms(60_000);
            world.expect_alive(peer);
        }
        assert!(world.simulator.children_of("gw").is_empty());
        world.control(json!({"do": "set_shared", "device": "quiet", "values": {"i": 1}}));
        world.expect_nothing(peer);
        let query = r#"{"id":1,"device":"quiet","client":false,"key":"i"}"#;
        world.send(peer, &publish(version, REQUESTS, 4, query));
        let answer = r#"{"id":1,"device":"quiet","value":1}"#;
        let answer = publish(version, RESPONSES, 1, answer);
        world.expect(peer, &[puback(4), answer]);
        assert_eq!(world.simulator.children_of("gw"), ["quiet"]);
    }
}

#[test]
fn c_141_latencies_in_metadata_become_telemetry_of_the_gateway() {
    let element = |received: i64, published: i64| {
        json!({
            "ts": 1, "values": {"a": 1},
            "metadata": {"connector": "modbus", "receivedTs": received, "publishedTs": published},
        })
    };
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        let now = 1_767_225_600_000 + i64::try_from(world.now.as_millis()).unwrap();
        let elements = [element(now - 50, now - 20), element(now - 20, now - 10)];
        let payload = json!({ "m1": elements }).to_string();
        world.send(peer, &publish(version, TELEMETRY, 1, &payload));
        world.expect(peer, &[puback(1)]);
        let metrics = |world: &World| {
            let facts = world.simulator.stored().iter();
            let reports = facts.filter_map(|fact| match fact {
                Stored::Telemetry {
                    device,
                    key,
                    value,
                    ts: Timestamp::Server(_),
                    ..
                } if (device.as_str(), key.as_str()) == ("gw", "gatewayMetrics") => {
                    Some(value.to_json())
                }
                _ => None,
            });
            reports.collect::<Vec<_>>()
        };
        assert!(metrics(&world).is_empty());
        world.pass_ms(60_000);
        let expected = json!({"modbus": {
            "avgGwLatency": 20, "minGwLatency": 10, "maxGwLatency": 30,
            "avgTransportLatency": 15, "minTransportLatency": 10, "maxTransportLatency": 20,
        }});
        assert_eq!(metrics(&world), [expected]);
        // Nothing new, no report.
        world.pass_ms(120_000);
        assert_eq!(metrics(&world).len(), 1);

        let (mut world, peer) = gateway_of(version, &["m1"]);
        let incomplete =
            r#"{"m1":[{"ts":1,"values":{"a":1},"metadata":{"connector":"c","receivedTs":1}}]}"#;
        world.send(peer, &publish(version, TELEMETRY, 1, incomplete));
        world.expect_class_a(peer, version, 1);
        assert!(world.telemetry().is_empty());
    }
}

#[test]
fn c_142_the_gateway_hears_by_rpc_that_a_child_was_renamed_or_deleted() {
    let own = |id: i32| format!("v1/devices/me/rpc/request/{id}");
    for version in Version::BOTH {
        let (mut world, peer) = gateway_of(version, &["m1"]);
        world.control(json!({"do": "rename_device", "device": "m1", "name": "m2"}));
        world.expect_nothing(peer);
        // It waits for the subscription.
        let filter = "v1/devices/me/rpc/request/+";
        world.send(peer, &subscribe(version, 10, &[(filter, 1)]));
        let renamed = r#"{"method":"gateway_device_renamed","params":{"m1":"m2"}}"#;
        let renamed = publish(version, &own(0), 1, renamed);
        world.expect(peer, &[suback(version, 10, &[1]), renamed]);
        world.send(peer, &puback(1));

        // Until the child connects again, both ways go by its old name.
        world.control(json!({"do": "set_shared", "device": "m2", "values": {"i": 1}}));
        let push = r#"{"device":"m1","data":{"i":1}}"#;
        world.expect(peer, &[publish(version, ATTRIBUTES, 2, push)]);
        world.send(peer, &publish(version, TELEMETRY, 3, r#"{"m1":[{"a":1}]}"#));
        world.expect(peer, &[puback(3)]);
        assert!(matches!(
            world.simulator.stored().last(),
            Some(Stored::Telemetry { device, .. }) if device == "m2"
        ));
        connect(&mut world, peer, version, "m2");
        assert_eq!(world.simulator.children_of("gw"), ["m2"]);

        world.control(json!({"do": "delete_device", "device": "m2"}));
        let deleted = r#"{"method":"gateway_device_deleted","params":"m2"}"#;
        world.expect(peer, &[publish(version, &own(1), 3, deleted)]);
        assert!(world.simulator.children_of("gw").is_empty());
        // The next message creates another device of that name.
        world.send(peer, &publish(version, CONNECT, 4, r#"{"device":"m2"}"#));
        world.expect(peer, &[puback(4)]);
        assert_eq!(world.simulator.profile_name_of("m2"), Some("default"));
    }
}

#[test]
fn a_child_belongs_to_who_named_it_last_and_the_other_gateway_hears_nothing() {
    for version in Version::BOTH {
        let mut world = World::with(json!({"devices": [
            {"name": "gw", "token": "GW1", "gateway": true},
            {"name": "gw2", "token": "GW2", "gateway": true},
        ]}));
        let first = world.connected_as(version, "GW1");
        let second = world.connected_as(version, "GW2");
        connect(&mut world, first, version, "m1");
        connect(&mut world, second, version, "m1");
        assert_eq!(world.simulator.last_gateway_of("m1"), Some("gw2"));
        world.control(json!({"do": "set_shared", "device": "m1", "values": {"i": 1}}));
        let push = publish(version, ATTRIBUTES, 1, r#"{"device":"m1","data":{"i":1}}"#);
        world.expect(second, &[push]);
        world.expect_nothing(first);
        world.send(
            first,
            &publish(version, TELEMETRY, 2, r#"{"m1":[{"a":1}]}"#),
        );
        world.expect(first, &[puback(2)]);
        assert!(world.simulator.children_of("gw2").is_empty());
    }
}

#[test]
fn a_poisoned_child_ends_as_told_and_the_others_are_stored() {
    let payload = r#"{"bad":[{"a":1}],"good":[{"b":1}]}"#;
    for version in Version::BOTH {
        for poison in [
            ChildPoison::Element,
            ChildPoison::Handler,
            ChildPoison::Uncaught,
            ChildPoison::HangUp,
        ] {
            let (mut world, peer) = gateway_of(version, &["bad", "good"]);
            let poisoned = &mut world.simulator.faults_mut().poisoned_children;
            poisoned.insert("bad".to_owned(), poison);
            world.send(peer, &publish(version, TELEMETRY, 1, payload));
            match poison {
                ChildPoison::Element => world.expect_class_a(peer, version, 1),
                ChildPoison::Handler => expect_class_g(&mut world, peer, version, 1),
                ChildPoison::Uncaught => world.expect_class_u(peer, version),
                ChildPoison::HangUp => world.expect_closed(peer, &[]),
            }
            assert_eq!(world.telemetry(), ["b LONG 1"]);
        }
    }
}

//! C-068 to C-082: client attributes, attribute requests, shared attribute updates.

use serde_json::{Value, json};
use tb_tests::sim::Stored;

use crate::wire::{Version, puback, publish, suback, subscribe, unsuback, unsubscribe};
use crate::world::{TOKEN, World};

const ATTRIBUTES: &str = "v1/devices/me/attributes";
const REQUEST: &str = "v1/devices/me/attributes/request/";
const RESPONSE: &str = "v1/devices/me/attributes/response/";

/// `dev1` with two client and three shared attributes.
fn world() -> World {
    World::with(json!({"devices": [{
        "name": "dev1",
        "token": TOKEN,
        "client": {"c1": "x", "c2": 7},
        "shared": {"s1": 5.0, "s2": {"a": [1, 2]}, "s3": 1e20},
    }]}))
}

/// What comes back to a QoS 1 request with this body and identifier 1.
#[track_caller]
fn response_to(version: Version, body: &str) -> Vec<u8> {
    let mut world = world();
    let peer = world.connected(version);
    world.send(peer, &publish(version, &format!("{REQUEST}1"), 7, body));
    world.pass_ms(50);
    world.take(peer)
}

#[track_caller]
fn expect_response(body: &str, answer: &str) {
    for version in Version::BOTH {
        let expected = [
            puback(7),
            publish(version, &format!("{RESPONSE}1"), 1, answer),
        ];
        assert_eq!(response_to(version, body), expected.concat(), "{body}");
    }
}

fn set_shared(values: &Value) -> Value {
    json!({"do": "set_shared", "device": "dev1", "values": values})
}

#[test]
fn c_068_client_attributes_are_one_object() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(
            peer,
            &publish(
                version,
                ATTRIBUTES,
                7,
                "{\"fw\":3,\"n\":null,\"num\":\"0012\"}",
            ),
        );
        world.expect(peer, &[puback(7)]);
        world.send(peer, &publish(version, ATTRIBUTES, 8, "{}"));
        world.expect(peer, &[puback(8)]);
        let stored: Vec<_> = world
            .simulator
            .stored()
            .iter()
            .map(|fact| match fact {
                Stored::ClientAttribute { key, value, .. } => {
                    format!("{key} {} {}", value.type_name(), value.to_json())
                }
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(stored, ["fw LONG 3", "num LONG 12"]);

        for payload in ["[{\"a\":1}]", "5", "", "{bad"] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, ATTRIBUTES, 9, payload));
            world.expect_class_a(peer, version, 9);
        }
    }
}

#[test]
fn c_069_a_request_for_both_scopes_returns_what_was_found() {
    expect_response(
        "{\"clientKeys\":\"c1,none\",\"sharedKeys\":\"s1,s2,s3\"}",
        "{\"client\":{\"c1\":\"x\"},\"shared\":{\"s1\":5.0,\"s2\":{\"a\":[1,2]},\"s3\":1.0E20}}",
    );
    // Keys are not trimmed, and one element of an array passes for it.
    expect_response("{\"clientKeys\":\"c1, c2\"}", "{\"client\":{\"c1\":\"x\"}}");
    expect_response(
        "{\"clientKeys\":[\"c1,c2\"]}",
        "{\"client\":{\"c1\":\"x\",\"c2\":7}}",
    );
}

#[test]
fn c_070_a_request_without_lists_returns_everything() {
    let everything = "{\"client\":{\"c1\":\"x\",\"c2\":7},\"shared\":{\"s1\":5.0,\"s2\":{\"a\":[1,2]},\"s3\":1.0E20}}";
    expect_response("{}", everything);
    // A lone comma splits into no keys at all.
    expect_response("{\"sharedKeys\":\",\"}", everything);
}

#[test]
fn c_071_a_request_for_one_scope_leaves_the_other_out() {
    expect_response("{\"sharedKeys\":\"s1\"}", "{\"shared\":{\"s1\":5.0}}");
    expect_response("{\"clientKeys\":\"c2\"}", "{\"client\":{\"c2\":7}}");
}

#[test]
fn c_072_nothing_found_is_an_empty_object() {
    expect_response("{\"clientKeys\":\"x\",\"sharedKeys\":\"y\"}", "{}");
}

#[test]
fn c_073_the_response_carries_the_identifier_of_the_request() {
    for version in Version::BOTH {
        for (family, response, id, echoed) in [
            (REQUEST, RESPONSE, "0", "0"),
            (REQUEST, RESPONSE, "007", "7"),
            (REQUEST, RESPONSE, "2147483647", "2147483647"),
            ("v2/a/req/", "v2/a/res/", "5", "5"),
            ("v2/a/req/j/", "v2/a/res/j/", "5", "5"),
        ] {
            let mut world = world();
            let peer = world.connected(version);
            world.send(
                peer,
                &publish(
                    version,
                    &format!("{family}{id}"),
                    0,
                    "{\"clientKeys\":\"c2\"}",
                ),
            );
            let answer = publish(
                version,
                &format!("{response}{echoed}"),
                1,
                "{\"client\":{\"c2\":7}}",
            );
            world.expect(peer, &[answer]);
        }
    }
}

#[test]
fn c_074_a_negative_identifier_is_acknowledged_and_never_answered() {
    for version in Version::BOTH {
        let mut world = world();
        let peer = world.connected(version);
        world.send(peer, &publish(version, &format!("{REQUEST}-1"), 7, "{}"));
        world.expect(peer, &[puback(7)]);
        world.pass_ms(60_000);
        world.expect_nothing(peer);
    }
}

#[test]
fn c_075_a_bad_identifier_or_body_is_class_a() {
    for version in Version::BOTH {
        for (id, body) in [
            ("abc", "{}"),
            ("", "{}"),
            ("1/2", "{}"),
            ("2147483648", "{}"),
            ("1", ""),
            ("1", "[]"),
            ("1", "5"),
            ("1", "{bad"),
            ("1", "{\"sharedKeys\":null}"),
            ("1", "{\"sharedKeys\":[\"a\",\"b\"]}"),
        ] {
            let mut world = world();
            let peer = world.connected(version);
            world.send(peer, &publish(version, &format!("{REQUEST}{id}"), 7, body));
            world.expect_class_a(peer, version, 7);
        }
    }
}

#[test]
fn c_076_answers_go_to_the_family_that_was_used_last() {
    for version in Version::BOTH {
        let mut world = world();
        let peer = world.connected(version);
        world.send(
            peer,
            &publish(
                version,
                &format!("{REQUEST}1"),
                0,
                "{\"clientKeys\":\"c1\"}",
            ),
        );
        world.send(
            peer,
            &publish(version, "v2/a/req/j/2", 0, "{\"clientKeys\":\"c2\"}"),
        );
        world.expect(
            peer,
            &[
                publish(version, "v2/a/res/j/1", 1, "{\"client\":{\"c1\":\"x\"}}"),
                publish(version, "v2/a/res/j/2", 2, "{\"client\":{\"c2\":7}}"),
            ],
        );
    }
}

#[test]
fn c_077_a_lookup_that_fails_is_acknowledged_and_never_answered() {
    for version in Version::BOTH {
        let mut world = world();
        world.simulator.faults_mut().drop_response_every = 1;
        let peer = world.connected(version);
        world.send(peer, &publish(version, &format!("{REQUEST}1"), 7, "{}"));
        world.expect(peer, &[puback(7)]);
        world.pass_ms(60_000);
        world.expect_nothing(peer);
    }
}

#[test]
fn c_078_a_change_is_pushed_to_the_subscriber() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.control(set_shared(&json!({"interval": 60, "mode": "eco"})));
        let push = publish(version, ATTRIBUTES, 1, "{\"interval\":60,\"mode\":\"eco\"}");
        world.expect(peer, &[push]);

        // Nothing is replayed to whoever subscribes later.
        let mut world = World::new();
        world.control(set_shared(&json!({"interval": 60})));
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.expect_nothing(peer);
    }
}

#[test]
fn c_079_a_deletion_is_pushed_with_its_keys() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.control(json!({"do": "delete_shared", "device": "dev1", "keys": ["a", "never-was"]}));
        let push = publish(
            version,
            ATTRIBUTES,
            1,
            "{\"deleted\":[\"a\",\"never-was\"]}",
        );
        world.expect(peer, &[push]);
    }
}

#[test]
fn c_080_the_last_subscribe_decides_the_topic_and_there_is_one_push() {
    for version in Version::BOTH {
        for filter in ["v2/a", "v2/a/j"] {
            let mut world = World::new();
            let peer = world.subscribed(version, ATTRIBUTES, 1);
            world.send(peer, &subscribe(version, 11, &[(filter, 1)]));
            world.expect(peer, &[suback(version, 11, &[1])]);
            world.control(set_shared(&json!({"k": 1})));
            world.expect(peer, &[publish(version, filter, 1, "{\"k\":1}")]);
        }
    }
}

#[test]
fn c_081_after_unsubscribing_any_family_there_are_no_pushes() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.send(peer, &subscribe(version, 11, &[("v2/a", 1)]));
        world.send(peer, &unsubscribe(version, 12, &["v2/a"]));
        world.expect(
            peer,
            &[suback(version, 11, &[1]), unsuback(version, 12, &[0])],
        );
        world.control(set_shared(&json!({"k": 1})));
        world.expect_nothing(peer);
    }
}

#[test]
fn c_082_client_attributes_are_not_echoed() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, ATTRIBUTES, 1);
        world.send(peer, &publish(version, ATTRIBUTES, 7, "{\"a\":1}"));
        world.expect(peer, &[puback(7)]);
        world.pass_ms(1_000);
        world.expect_nothing(peer);
    }
}

//! C-083 to C-093: server-side RPC.

use serde_json::{Value, json};
use tb_tests::sim::DeliveryStatus::{Delivered, Sent, Timeout};
use tb_tests::sim::Stored;

use crate::wire::{
    Version, puback, puback_with, publish, suback, subscribe, unsuback, unsubscribe,
};
use crate::world::World;

const REQUESTS: &str = "v1/devices/me/rpc/request/+";
const RESPONSE: &str = "v1/devices/me/rpc/response/";

fn request(version: Version, id: i32, packet_id: u16, method: &str) -> Vec<u8> {
    publish(
        version,
        &format!("v1/devices/me/rpc/request/{id}"),
        packet_id,
        &format!("{{\"method\":\"{method}\",\"params\":{{\"ch\":1}}}}"),
    )
}

/// An RPC named `call` with the method of the same name.
fn rpc(call: &str, more: &Value) -> Value {
    let mut control = json!({
        "do": "rpc", "call": call, "device": "dev1", "method": call, "params": {"ch": 1},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        control[name] = value.clone();
    }
    control
}

#[test]
fn c_083_rpc_comes_on_the_family_subscribed_last_with_ids_from_0() {
    for version in Version::ALL {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("first", &json!({})));
        world.expect(peer, &[request(version, 0, 1, "first")]);
        world.send(
            peer,
            &publish(version, &format!("{RESPONSE}0"), 3, "{\"ok\":true}"),
        );
        world.expect(peer, &[puback(3)]);
        let result = world.result("first").expect("result");
        assert_eq!(
            (result.rpc_id, result.reply),
            (Some(0), Some(json!({"ok": true})))
        );

        world.send(peer, &subscribe(version, 11, &[("v2/r/req/j/+", 1)]));
        world.expect(peer, &[suback(version, 11, &[1])]);
        world.control(rpc("second", &json!({"params": null})));
        let payload = "{\"method\":\"second\",\"params\":null}";
        world.expect(peer, &[publish(version, "v2/r/req/j/1", 2, payload)]);
        // The reply may use any family.
        world.send(peer, &publish(version, "v2/r/res/1", 4, "2"));
        world.expect(peer, &[puback(4)]);
        assert_eq!(
            world.result("second").and_then(|result| result.reply),
            Some(json!(2))
        );
    }
}

#[test]
fn c_084_without_a_subscription_rpc_waits_for_subscribe() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.control(rpc("waits", &json!({})));
        world.expect_nothing(peer);
        assert!(world.simulator.is_pending("waits"));
        world.send(peer, &subscribe(version, 10, &[(REQUESTS, 1)]));
        world.expect(
            peer,
            &[suback(version, 10, &[1]), request(version, 0, 1, "waits")],
        );

        world.send(peer, &unsubscribe(version, 11, &[REQUESTS]));
        world.expect(peer, &[unsuback(version, 11, &[0])]);
        world.control(rpc("expires", &json!({"timeout_ms": 500})));
        world.expect_nothing(peer);
        world.pass_ms(500);
        let result = world.result("expires").expect("result");
        assert_eq!(result.error.as_deref(), Some("NO_ACTIVE_CONNECTION"));
    }
}

#[test]
fn c_085_any_text_is_a_reply() {
    for version in Version::BOTH {
        for text in ["", "not json", "{\"error\":\"boom\"}", "[1,2]"] {
            let mut world = World::new();
            let peer = world.subscribed(version, REQUESTS, 0);
            world.control(rpc("any", &json!({})));
            world.expect(peer, &[request(version, 0, 0, "any")]);
            world.send(peer, &publish(version, &format!("{RESPONSE}0"), 3, text));
            world.expect(peer, &[puback(3)]);
            let result = world.result("any").expect("result");
            assert_eq!(
                (result.ok, result.reply_text.as_deref()),
                (true, Some(text))
            );
        }
    }
}

#[test]
fn c_086_a_reply_to_an_unknown_or_finished_call_is_acknowledged_and_ignored() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 0);
        world.control(rpc("once", &json!({})));
        world.expect(peer, &[request(version, 0, 0, "once")]);
        for (packet_id, id) in [(3, "77"), (4, "-3"), (5, "0"), (6, "0")] {
            world.send(
                peer,
                &publish(version, &format!("{RESPONSE}{id}"), packet_id, "1"),
            );
            world.expect(peer, &[puback(packet_id)]);
        }
        let expected: Vec<_> = world
            .simulator
            .stored()
            .iter()
            .filter_map(|fact| match fact {
                Stored::RpcReply { id, expected, .. } => Some((*id, *expected)),
                _ => None,
            })
            .collect();
        assert_eq!(expected, [(77, false), (-3, false), (0, true), (0, false)]);
    }
}

#[test]
fn c_087_a_reply_without_an_integer_id_is_class_a() {
    for version in Version::BOTH {
        for topic in ["", "abc", "0/1", "2147483648"].map(|id| format!("{RESPONSE}{id}")) {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, &topic, 7, "{}"));
            world.expect_class_a(peer, version, 7);
        }
    }
}

#[test]
fn c_088_a_persistent_rpc_is_sent_then_delivered_or_timed_out() {
    for version in Version::BOTH {
        let persisted = json!({"persisted": true, "timeout_ms": 60_000});
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("acknowledged", &persisted));
        world.expect(peer, &[request(version, 0, 1, "acknowledged")]);
        assert_eq!(world.deliveries(), [(0, Sent)]);
        world.send(peer, &puback(1));
        assert_eq!(world.deliveries(), [(0, Sent), (0, Delivered)]);

        world.control(rpc("forgotten", &persisted));
        world.expect(peer, &[request(version, 1, 2, "forgotten")]);
        world.pass_ms(11_000);
        // Too late to count.
        world.send(peer, &puback(2));
        assert_eq!(world.deliveries()[2..], [(1, Sent), (1, Timeout)]);
    }
    let mut world = World::new();
    let peer = world.subscribed(Version::V5, REQUESTS, 1);
    world.control(rpc("refused", &json!({"persisted": true})));
    world.expect(peer, &[request(Version::V5, 0, 1, "refused")]);
    world.send(peer, &puback_with(1, 0x99));
    assert_eq!(world.deliveries(), [(0, Sent), (0, Delivered)]);
}

#[test]
fn c_089_at_qos_0_an_rpc_is_delivered_when_it_is_written() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 0);
        world.control(rpc("written", &json!({"persisted": true})));
        world.expect(peer, &[request(version, 0, 0, "written")]);
        assert_eq!(world.deliveries(), [(0, Delivered)]);
    }
}

#[test]
fn c_090_parameters_that_are_not_json_never_reach_the_device() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("m", &json!({"raw_params": "{bad"})));
        world.expect_nothing(peer);
        let result = world.result("m").expect("result");
        let reply = json!({
            "result": "INVALID_ARGUMENTS",
            "error": "Failed to convert device RPC command to MQTT msg: m{bad",
        });
        assert_eq!((result.ok, result.reply), (true, Some(reply)));

        // A bare word passes for a string.
        world.control(rpc("m", &json!({"raw_params": "hello"})));
        let payload = "{\"method\":\"m\",\"params\":\"hello\"}";
        world.expect(
            peer,
            &[publish(version, "v1/devices/me/rpc/request/1", 1, payload)],
        );
    }
}

#[test]
fn c_092_every_subscribe_sends_unanswered_two_way_rpc_again() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("two-way", &json!({"timeout_ms": 60_000})));
        world.control(rpc("one-way", &json!({"oneway": true})));
        world.expect(
            peer,
            &[
                request(version, 0, 1, "two-way"),
                request(version, 1, 2, "one-way"),
            ],
        );
        assert!(world.result("one-way").is_some_and(|result| result.sent));
        world.send(peer, &puback(1));

        let again = subscribe(version, 11, &[(REQUESTS, 1)]);
        world.send(peer, &again);
        world.expect(
            peer,
            &[suback(version, 11, &[1]), request(version, 0, 3, "two-way")],
        );
        world.client_closes(peer);
        let peer = world.connected(version);
        world.send(peer, &again);
        world.expect(
            peer,
            &[suback(version, 11, &[1]), request(version, 0, 1, "two-way")],
        );

        world.send(peer, &publish(version, &format!("{RESPONSE}0"), 5, "{}"));
        world.send(peer, &again);
        world.expect(peer, &[puback(5), suback(version, 11, &[1])]);
    }
}

#[test]
fn c_093_ids_start_at_0_again_after_a_server_restart() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("before", &json!({"oneway": true})));
        world.expect(peer, &[request(version, 0, 1, "before")]);
        let now = world.now;
        world.simulator.restart(now);
        world.expect_closed(peer, &[]);

        let peer = world.subscribed(version, REQUESTS, 1);
        world.control(rpc("after", &json!({"oneway": true})));
        world.expect(peer, &[request(version, 0, 1, "after")]);
    }
}

//! C-148 to C-150: what is counted, and what too much costs.

use serde_json::{Value, json};
use tb_tests::sim::{Charged, ExceededLimit, Limit, Tokens};

use crate::wire::{
    self, Connect, PINGREQ, PINGRESP, Version, connack, puback, puback_with, publish, suback,
    subscribe,
};
use crate::world::World;

const TELEMETRY: &str = "v1/devices/me/telemetry";
const CLAIM: &str = "v1/devices/me/claim";

fn limited(limits: &Value) -> World {
    World::with(json!({"tenant_limits": limits}))
}

#[test]
fn c_148_a_device_over_its_limit_is_closed_without_an_acknowledgement() {
    for version in Version::BOTH {
        for packet_id in [0, 3] {
            // CONNECT takes one of three.
            let mut world = limited(&json!({"transportDeviceMsgRateLimit": "3:3600"}));
            let peer = world.connected(version);
            world.send(peer, &publish(version, CLAIM, 1, "{}"));
            world.send(peer, &publish(version, CLAIM, 2, "{}"));
            world.expect(peer, &[puback(1), puback(2)]);
            world.send(peer, &publish(version, CLAIM, packet_id, "{}"));
            world.expect_end(peer, version, 0x83);
        }
        // The limit of the tenant is shared by its devices.
        let mut world = World::with(json!({
            "devices": [{"name": "a", "token": "A"}, {"name": "b", "token": "B"}],
            "tenant_limits": {"transportTenantTelemetryMsgRateLimit": "1:3600"},
        }));
        let a = world.connected_as(version, "A");
        let b = world.connected_as(version, "B");
        world.send(a, &publish(version, TELEMETRY, 1, "{\"x\":1}"));
        world.expect(a, &[puback(1)]);
        world.send(b, &publish(version, TELEMETRY, 1, "{\"x\":1}"));
        world.expect_end(b, version, 0x83);
    }
}

#[test]
fn c_149_entries_count_as_data_points_and_a_message_as_one() {
    let six_points = "[{\"ts\":1,\"values\":{\"a\":1,\"b\":2}},{\"ts\":2,\"values\":{\"a\":1,\"b\":2}},\
         {\"ts\":3,\"values\":{\"a\":1,\"b\":2}}]";
    for version in Version::BOTH {
        for limits in [
            json!({"transportDeviceTelemetryDataPointsRateLimit": "6:3600"}),
            json!({"transportDeviceTelemetryMsgRateLimit": "1:3600"}),
        ] {
            let mut world = limited(&limits);
            let peer = world.connected(version);
            world.send(peer, &publish(version, TELEMETRY, 1, six_points));
            world.expect(peer, &[puback(1)]);
            world.send(
                peer,
                &publish(version, "v1/devices/me/attributes", 2, "{\"x\":1}"),
            );
            world.expect_end(peer, version, 0x83);
        }
        // A message without entries is a regular one.
        let mut world = limited(&json!({"transportDeviceMsgRateLimit": "2:3600"}));
        let peer = world.connected(version);
        world.send(peer, &publish(version, TELEMETRY, 1, "{}"));
        world.expect(peer, &[puback(1)]);
        world.send(peer, &publish(version, TELEMETRY, 2, "{}"));
        world.expect_end(peer, version, 0x83);
        // Two of these four filters are counted.
        let mut world = limited(&json!({"transportDeviceMsgRateLimit": "3:3600"}));
        let peer = world.connected(version);
        let filters = [
            ("v1/devices/me/attributes", 1),
            ("v1/devices/me/rpc/request/+", 1),
            ("v1/devices/me/attributes/response/+", 1),
            ("v1/devices/me/rpc/response/+", 1),
        ];
        world.send(peer, &subscribe(version, 10, &filters));
        world.expect(peer, &[suback(version, 10, &[1, 1, 1, 1])]);
        world.send(peer, &publish(version, CLAIM, 1, "{}"));
        world.expect_end(peer, version, 0x83);
    }
}

#[test]
fn c_150_pings_and_get_session_limits_cost_nothing() {
    for version in Version::BOTH {
        let mut world = limited(&json!({"transportDeviceMsgRateLimit": "2:3600"}));
        let peer = world.connected(version);
        world.send(peer, &PINGREQ.repeat(50));
        world.expect(peer, &[PINGRESP.repeat(50)]);
        for id in 1..=50 {
            let request = "{\"method\":\"getSessionLimits\"}";
            world.send(
                peer,
                &publish(version, "v1/devices/me/rpc/request/1", id, request),
            );
        }
        world.pass_ms(50);
        world.take(peer);
        world.send(peer, &publish(version, CLAIM, 1, "{}"));
        world.expect(peer, &[puback(1)]);
    }
}

const RPC_FILTER: &str = "v1/devices/me/rpc/request/+";
const LIMITS_REQUEST: &str = "{\"method\":\"getSessionLimits\"}";

/// What was over a limit, in short.
fn exceeded(world: &World) -> Vec<(Charged, ExceededLimit)> {
    let facts = world.simulator.over_limits().iter();
    facts.map(|fact| (fact.message, fact.limit)).collect()
}

fn messages_left(world: &World) -> Option<u64> {
    world.simulator.tokens_left("dev1").unwrap().messages
}

#[test]
fn everything_that_costs_a_message_costs_exactly_one() {
    for version in Version::BOTH {
        let mut world = limited(&json!({"transportDeviceMsgRateLimit": "20:3600"}));
        let peer = world.connected(version);
        assert_eq!(messages_left(&world), Some(19), "CONNECT");
        let filters = [
            (RPC_FILTER, 1),
            ("v1/devices/me/attributes", 1),
            ("v2/fw/error", 1),
            ("no such filter", 1),
        ];
        world.send(peer, &subscribe(version, 10, &filters));
        world.pass_ms(50);
        assert_eq!(messages_left(&world), Some(17), "two filters");
        world.control(json!({"do": "rpc", "call": "r", "device": "dev1", "method": "m"}));
        world.pass_ms(50);
        assert_eq!(messages_left(&world), Some(17), "the request costs nothing");
        world.send(peer, &puback(1));
        assert_eq!(messages_left(&world), Some(16), "its PUBACK is a report");
        for (left, topic, payload) in [
            (15, "v1/devices/me/rpc/response/0", "{}"),
            (14, "v1/devices/me/rpc/request/1", "{\"method\":\"m\"}"),
            (13, "v1/devices/me/attributes/request/1", "{}"),
            (12, CLAIM, "{}"),
            // The same message once more is another one.
            (11, CLAIM, "{}"),
            (10, TELEMETRY, "{}"),
            (10, "no/such/topic", "{}"),
            (10, TELEMETRY, "{\"a\":1}"),
        ] {
            world.send(peer, &publish(version, topic, 5, payload));
            assert_eq!(messages_left(&world), Some(left), "{topic}");
        }
        world.send(
            peer,
            &wire::unsubscribe(version, 11, &[RPC_FILTER, "v2/fw/error"]),
        );
        assert_eq!(messages_left(&world), Some(9), "UNSUBSCRIBE");
        world.client_closes(peer);
        assert_eq!(messages_left(&world), Some(8), "the end of the session");
        assert_eq!(exceeded(&world), []);
    }
}

#[test]
fn at_qos_0_the_write_of_an_rpc_is_what_is_reported() {
    let mut world = limited(&json!({"transportDeviceMsgRateLimit": "9:3600"}));
    world.subscribed(Version::V5, RPC_FILTER, 0);
    assert_eq!(messages_left(&world), Some(7));
    world.control(json!({"do": "rpc", "call": "r", "device": "dev1", "method": "m"}));
    world.pass_ms(50);
    assert_eq!(messages_left(&world), Some(6));
}

#[test]
fn a_bucket_refills_continuously_up_to_its_capacity() {
    let mut world = limited(&json!({"transportDeviceTelemetryMsgRateLimit": "2:1,6:60"}));
    let left = |world: &World| world.simulator.tokens_left("dev1").unwrap();
    let peer = world.connected(Version::V5);
    let reading = |id| publish(Version::V5, TELEMETRY, id, "{\"a\":1}");
    world.send(peer, &[reading(1), reading(2)].concat());
    world.expect(peer, &[puback(1), puback(2)]);
    assert_eq!(left(&world).telemetry_messages, Some(0));
    world.pass_ms(400);
    assert_eq!(left(&world).telemetry_messages, Some(1));
    world.pass_ms(60_000);
    assert_eq!(
        left(&world),
        Tokens {
            messages: None,
            telemetry_messages: Some(2),
            data_points: None,
        }
    );
    // Six in a minute hold as well as two in a second.
    for id in 1..=6 {
        world.send(peer, &reading(id));
        world.expect(peer, &[puback(id)]);
        world.pass_ms(400);
    }
    world.send(peer, &reading(7));
    world.expect_end(peer, Version::V5, 0x83);
    let limit = ExceededLimit::Device(Limit::TelemetryMessages);
    assert_eq!(exceeded(&world), [(Charged::Telemetry, limit)]);
}

#[test]
fn what_the_device_cannot_see_is_over_the_limit_all_the_same() {
    for version in Version::BOTH {
        let mut world = limited(&json!({"transportDeviceMsgRateLimit": "1:3600"}));
        let peer = world.connected(version);
        world.send(peer, &subscribe(version, 10, &[(RPC_FILTER, 1)]));
        world.expect(peer, &[suback(version, 10, &[1])]);
        world.client_closes(peer);
        let again = world.dial(&Connect::token(version, "DEV1_TOKEN").bytes());
        let connack = connack(version, false, version.code(0x03, 0x9F));
        if version.is_v5() {
            world.expect_closed(again, &[connack, wire::disconnect(0x96)]);
        } else {
            world.expect_closed(again, &[connack]);
        }
        let limit = ExceededLimit::Device(Limit::Messages);
        assert_eq!(
            exceeded(&world),
            [
                Charged::Subscribe,
                Charged::SessionClose,
                Charged::SessionOpen
            ]
            .map(|message| (message, limit))
        );
    }
}

#[test]
fn the_tenant_is_charged_even_if_the_device_is_over_its_own_limit() {
    let mut world = limited(&json!({
        "transportTenantTelemetryMsgRateLimit": "5:3600",
        "transportDeviceTelemetryMsgRateLimit": "1:3600",
    }));
    let reading = |id| publish(Version::V5, TELEMETRY, id, "{\"a\":1}");
    let peer = world.connected(Version::V5);
    world.send(peer, &[reading(1), reading(2)].concat());
    world.pass_ms(50);
    assert!(world.is_closed(peer));
    let left = world.simulator.tenant_tokens_left();
    assert_eq!(left.telemetry_messages, Some(3));
}

#[test]
fn data_points_over_the_limit_cost_a_telemetry_message() {
    let mut world = limited(&json!({
        "transportDeviceTelemetryMsgRateLimit": "5:3600",
        "transportDeviceTelemetryDataPointsRateLimit": "2:3600",
    }));
    let peer = world.connected(Version::V5);
    let three = "{\"a\":1,\"b\":2,\"c\":3}";
    world.send(peer, &publish(Version::V5, TELEMETRY, 1, three));
    world.expect_end(peer, Version::V5, 0x83);
    let left = world.simulator.tokens_left("dev1").unwrap();
    assert_eq!(
        (left.telemetry_messages, left.data_points),
        (Some(4), Some(2))
    );
}

#[test]
fn limits_that_an_administrator_changes_hold_at_once_and_are_told() {
    let mut world = limited(&json!({"transportDeviceMsgRateLimit": "1:3600"}));
    let peer = world.connected(Version::V5);
    let limits = json!({"transportDeviceMsgRateLimit": "3:60"});
    world.control(json!({"do": "set_tenant_limits", "limits": limits}));
    world.send(peer, &publish(Version::V5, CLAIM, 1, "{}"));
    world.expect(peer, &[puback(1)]);
    assert_eq!(messages_left(&world), Some(2));
    let topic = "v1/devices/me/rpc/request/1";
    world.send(peer, &publish(Version::V5, topic, 0, LIMITS_REQUEST));
    let answer = r#"{"maxPayloadSize":65536,"maxInflightMessages":100,"rateLimits":{"messages":"3:60","telemetryMessages":null,"telemetryDataPoints":null}}"#;
    let answer = publish(Version::V5, "v1/devices/me/rpc/response/1", 1, answer);
    world.expect(peer, &[answer]);
}

#[test]
fn a_tenant_that_has_used_up_its_plan_is_refused_like_one_over_its_limits() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        world.control(json!({"do": "transport_disabled"}));
        world.send(peer, &publish(version, TELEMETRY, 1, "{\"a\":1}"));
        world.expect_end(peer, version, 0x83);
        let refused = world.dial(&Connect::token(version, "DEV1_TOKEN").bytes());
        world.pass_ms(50);
        assert!(world.is_closed(refused));
        assert!(exceeded(&world).contains(&(Charged::SessionOpen, ExceededLimit::ApiUsage)));
        world.control(json!({"do": "transport_disabled", "off": true}));
        world.connected(version);
    }
}

#[test]
fn provisioning_costs_nothing() {
    let mut world = limited(&json!({
        "transportTenantMsgRateLimit": "1:3600", "transportDeviceMsgRateLimit": "1:3600",
    }));
    let peer = world.dial(&Connect::new(Version::V5).user_name("provision").bytes());
    world.expect(peer, &[connack(Version::V5, false, 0)]);
    for _ in 0..5 {
        let request = r#"{"provisionDeviceKey":"K","provisionDeviceSecret":"S"}"#;
        world.send(
            peer,
            &publish(Version::V5, "/provision/request", 0, request),
        );
    }
    world.pass_ms(50);
    world.take(peer);
    world.client_closes(peer);
    assert_eq!(messages_left(&world), Some(1));
    assert_eq!(world.simulator.tenant_tokens_left().messages, Some(1));
}

#[test]
fn c_138_the_children_of_a_gateway_share_its_limits_and_over_them_tcp_ends_without_a_word() {
    for version in Version::BOTH {
        let mut world = World::with(json!({
            "devices": [{"name": "gw", "token": "GW", "gateway": true}],
            "tenant_limits": {
                "transportGatewayMsgRateLimit": "4:3600",
                "transportGatewayTelemetryMsgRateLimit": "1:3600",
            },
        }));
        let left = |world: &World| world.simulator.children_tokens_left("gw").unwrap();
        let peer = world.connected_as(version, "GW");
        let readings = "{\"a\":[{\"x\":1}]}";
        world.send(peer, &publish(version, "v1/gateway/telemetry", 1, readings));
        world.expect(peer, &[puback(1)]);
        // The look-up and the session of the child.
        assert_eq!(left(&world).messages, Some(2));
        assert_eq!(left(&world).telemetry_messages, Some(0));
        let readings = "{\"b\":[{\"x\":1}]}";
        world.send(peer, &publish(version, "v1/gateway/telemetry", 2, readings));
        let refused = if version.is_v5() {
            puback_with(2, 0x97)
        } else {
            puback(2)
        };
        world.expect_closed(peer, &[refused]);
        assert_eq!(left(&world).messages, Some(0));
    }
}

//! C-094 to C-103: client-side RPC and getSessionLimits.

use serde_json::{Value, json};

use crate::wire::{Version, puback, publish};
use crate::world::World;

const REQUEST: &str = "v1/devices/me/rpc/request/";
const RESPONSE: &str = "v1/devices/me/rpc/response/";

const LIMITS: &str = "{\"maxPayloadSize\":65536,\"maxInflightMessages\":100,\
    \"rateLimits\":{\"messages\":null,\"telemetryMessages\":null,\"telemetryDataPoints\":null}}";

fn world() -> World {
    World::with(json!({"client_rpc_replies": {"getTariff": {"price": 0.25}, "5": [1, "a", null]}}))
}

/// The request at QoS 1 with identifier 1 is answered with this.
#[track_caller]
fn expect_reply(body: &str, reply: &str) {
    for version in Version::BOTH {
        let mut world = world();
        let peer = world.connected(version);
        world.send(peer, &publish(version, &format!("{REQUEST}1"), 7, body));
        world.expect(
            peer,
            &[
                puback(7),
                publish(version, &format!("{RESPONSE}1"), 1, reply),
            ],
        );
    }
}

#[track_caller]
fn expect_limits(setup: Value, token: &str, limits: &str) {
    for version in Version::BOTH {
        let mut world = World::with(setup.clone());
        let peer = world.connected_as(version, token);
        world.send(
            peer,
            &publish(version, &format!("{REQUEST}1"), 7, GET_LIMITS),
        );
        world.expect(
            peer,
            &[
                puback(7),
                publish(version, &format!("{RESPONSE}1"), 1, limits),
            ],
        );
    }
}

const GET_LIMITS: &str = "{\"method\":\"getSessionLimits\",\"params\":{}}";

#[test]
fn c_094_params_may_be_missing_and_method_may_be_any_primitive() {
    expect_reply("{\"method\":\"getTariff\"}", "{\"price\":0.25}");
    expect_reply(
        "{\"method\":\"getTariff\",\"params\":null}",
        "{\"price\":0.25}",
    );
    expect_reply(
        "{\"method\":[\"getTariff\"],\"params\":\"x\"}",
        "{\"price\":0.25}",
    );
    expect_reply("{\"method\":5}", "[1,\"a\",null]");
}

#[test]
fn c_095_a_missing_or_null_method_is_class_u() {
    for version in Version::BOTH {
        for body in ["{\"params\":{}}", "{\"method\":null}", "{\"method\":{}}"] {
            for packet_id in [0, 7] {
                let mut world = world();
                let peer = world.connected(version);
                world.send(
                    peer,
                    &publish(version, &format!("{REQUEST}1"), packet_id, body),
                );
                world.expect_class_u(peer, version);
            }
        }
    }
}

#[test]
fn c_096_a_body_that_is_no_object_is_class_a() {
    for version in Version::BOTH {
        for body in ["[]", "\"getTariff\"", "", "{bad"] {
            let mut world = world();
            let peer = world.connected(version);
            world.send(peer, &publish(version, &format!("{REQUEST}1"), 7, body));
            world.expect_class_a(peer, version, 7);
        }
    }
}

#[test]
fn c_097_the_reply_is_published_unchanged_on_the_family_of_the_request() {
    for version in Version::BOTH {
        for (request, response) in [
            (REQUEST, RESPONSE),
            ("v2/r/req/", "v2/r/res/"),
            ("v2/r/req/j/", "v2/r/res/j/"),
        ] {
            let mut world = world();
            let peer = world.connected(version);
            world.send(
                peer,
                &publish(
                    version,
                    &format!("{request}3"),
                    0,
                    "{\"method\":\"getTariff\"}",
                ),
            );
            let reply = publish(version, &format!("{response}3"), 1, "{\"price\":0.25}");
            world.expect(peer, &[reply]);
        }
    }
    // An error of the rule chain is a member of the reply.
    expect_reply("{\"method\":\"error\"}", "{\"error\":\"lab error\"}");
}

#[test]
fn c_098_nobody_answers_and_the_transport_reports_a_timeout() {
    for version in Version::BOTH {
        let mut world = World::with(json!({"client_rpc_fallback": "timeout"}));
        let peer = world.connected(version);
        world.send(
            peer,
            &publish(
                version,
                &format!("{REQUEST}1"),
                7,
                "{\"method\":\"getCurrentTime\"}",
            ),
        );
        world.expect(peer, &[puback(7)]);
        world.pass_ms(59_000);
        world.expect_nothing(peer);
        world.pass_ms(1_000);
        let timeout = publish(
            version,
            &format!("{RESPONSE}1"),
            1,
            "{\"error\":\"timeout\"}",
        );
        world.expect(peer, &[timeout]);

        // A reply that is not JSON is swallowed, and no timeout follows.
        let mut world = World::new();
        let peer = world.connected(version);
        world.send(
            peer,
            &publish(
                version,
                &format!("{REQUEST}1"),
                7,
                "{\"method\":\"rawText\"}",
            ),
        );
        world.expect(peer, &[puback(7)]);
        world.pass_ms(70_000);
        world.expect_nothing(peer);
    }
}

#[test]
fn c_099_negative_identifiers_are_answered_and_text_is_class_u() {
    for version in Version::BOTH {
        let mut world = world();
        let peer = world.connected(version);
        world.send(
            peer,
            &publish(
                version,
                &format!("{REQUEST}-5"),
                0,
                "{\"method\":\"getTariff\"}",
            ),
        );
        world.expect(
            peer,
            &[publish(
                version,
                &format!("{RESPONSE}-5"),
                1,
                "{\"price\":0.25}",
            )],
        );
        for id in ["abc", "", "2147483648"] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(
                peer,
                &publish(version, &format!("{REQUEST}{id}"), 7, GET_LIMITS),
            );
            world.expect_class_u(peer, version);
        }
    }
}

#[test]
fn c_100_the_transport_answers_get_session_limits_on_v1() {
    expect_limits(json!({}), "DEV1_TOKEN", LIMITS);
    expect_limits(
        json!({
            "tenant_limits": {
                "transportDeviceMsgRateLimit": "20:1,600:60",
                "transportDeviceTelemetryMsgRateLimit": "",
            },
            "server": {"max_packet_remaining_length": 1000},
        }),
        "DEV1_TOKEN",
        "{\"maxPayloadSize\":1000,\"maxInflightMessages\":100,\"rateLimits\":{\"messages\":\
         \"20:1,600:60\",\"telemetryMessages\":\"\",\"telemetryDataPoints\":null}}",
    );
}

#[test]
fn c_101_a_gateway_is_told_the_limits_of_its_children_as_well() {
    expect_limits(
        json!({
            "devices": [{"name": "gw1", "token": "GW1_TOKEN", "gateway": true}],
            "tenant_limits": {
                "transportDeviceMsgRateLimit": "20:1",
                "transportGatewayDeviceMsgRateLimit": "21:1",
                "transportGatewayMsgRateLimit": "200:1",
                "transportGatewayTelemetryDataPointsRateLimit": "5000:1",
            },
        }),
        "GW1_TOKEN",
        "{\"maxPayloadSize\":65536,\"maxInflightMessages\":100,\"rateLimits\":{\"messages\":\"21:1\",\
         \"telemetryMessages\":null,\"telemetryDataPoints\":null},\"gatewayRateLimits\":{\"messages\":\
         \"200:1\",\"telemetryMessages\":null,\"telemetryDataPoints\":\"5000:1\"}}",
    );
}

#[test]
fn c_102_get_session_limits_on_v2_is_an_ordinary_rpc() {
    for version in Version::BOTH {
        let mut world = World::with(json!({"client_rpc_fallback": "timeout"}));
        let peer = world.connected(version);
        world.send(peer, &publish(version, "v2/r/req/1", 7, GET_LIMITS));
        world.expect(peer, &[puback(7)]);
        world.pass_ms(60_000);
        world.expect(
            peer,
            &[publish(version, "v2/r/res/1", 1, "{\"error\":\"timeout\"}")],
        );
    }
}

#[test]
fn c_103_get_session_limits_is_no_activity() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        for round in 1..=6 {
            world.pass_ms(90_000);
            world.send(
                peer,
                &publish(version, &format!("{REQUEST}1"), 0, GET_LIMITS),
            );
            world.expect(
                peer,
                &[publish(version, &format!("{RESPONSE}1"), round, LIMITS)],
            );
        }
        world.pass_ms(90_000);
        world.expect_end(peer, version, 0x83);
    }
}

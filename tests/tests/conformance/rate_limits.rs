//! C-148 to C-150: what is counted, and what too much costs.

use serde_json::{Value, json};

use crate::wire::{PINGREQ, PINGRESP, Version, puback, publish, suback, subscribe};
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

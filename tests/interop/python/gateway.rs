//! What a gateway does every day.

use serde_json::{Value, json};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{ClaimOutcome, Control, DeviceSetup, Setup, Stored, TypedValue, Violation};

use crate::PATIENCE;
use crate::script::Script;

const TOKEN: &str = "PYTHON_GATEWAY_TOKEN";
const GATEWAY: &str = "gateway";
/// Known to the script, too.
const CHILD: &str = "Meter 7";

#[test]
fn the_official_python_gateway_client_takes_the_simulator_for_thingsboard() {
    let mut setup = Setup::default();
    setup.devices.push(DeviceSetup {
        gateway: true,
        ..DeviceSetup::with_token(GATEWAY, TOKEN)
    });
    // There before it is asked for, whenever that is.
    setup.devices.push(DeviceSetup {
        name: CHILD.to_owned(),
        profile: Some("meter".to_owned()),
        shared: [("interval".to_owned(), json!(60))].into(),
        ..DeviceSetup::default()
    });
    setup.tenant_limits.gateway_messages = Some("1000:1".to_owned());
    let server = SimulatorServer::start(setup).unwrap();
    let script = Script::start("gateway", &server, &[TOKEN]);

    let limits = &script.step("connected")["limits"];
    let of_children = &limits["gatewayRateLimits"];
    assert_eq!(of_children["messages"], "1000:1", "{limits}");

    assert_eq!(script.step("child")["code"], 0);
    let profile = server.with(|simulator, _| simulator.profile_name_of(CHILD).map(str::to_owned));
    assert_eq!(profile.as_deref(), Some("meter"));
    for sent in ["telemetry", "attributes", "own_telemetry"] {
        assert_eq!(script.step(sent)["code"], 0, "{sent}");
    }
    assert_eq!(
        script.step("shared_request")["answer"],
        json!({ "id": 1, "device": CHILD, "value": 60 })
    );
    assert_eq!(
        script.step("client_request")["answer"],
        json!({ "id": 2, "device": CHILD, "values": { "rooms": 4, "serial": "W-1" } })
    );

    script.step("listening");
    set_interval(&server, 5);
    server.control(Control::Rpc {
        call: "ping".to_owned(),
        device: CHILD.to_owned(),
        method: "ping".to_owned(),
        params: Some(json!([1, 2])),
        raw_params: None,
        oneway: false,
        timeout_ms: None,
        persisted: false,
        request_id: None,
    });
    assert_eq!(
        script.step("attribute_update")["update"],
        json!({ "device": CHILD, "data": { "interval": 5 } })
    );
    let told = script.step("rpc");
    assert_eq!(told["code"], 0);
    assert_eq!(
        told["request"],
        json!({ "device": CHILD, "data": { "id": 0, "method": "ping", "params": [1, 2] } })
    );
    let result = server.wait_for_result(PATIENCE, "ping");
    let reply = result.expect("the call has an outcome").reply;
    assert_eq!(reply, Some(json!({ "pong": [1, 2] })));

    assert_eq!(script.step("claimable")["code"], 0);
    assert_eq!(script.step("child_gone")["code"], 0);
    server.with(|simulator, now| {
        assert!(simulator.children_of(GATEWAY).is_empty());
        let outcome = simulator.claim_by_customer(now, CHILD, "customer", "on the label");
        assert_eq!(outcome, ClaimOutcome::Success);
        let too_early =
            |violation: &Violation| matches!(violation, Violation::CreatedWithoutConnect { .. });
        assert!(!simulator.violations().iter().any(too_early));
    });

    script.step("done");
    script.ends_well();
    let stored = stored(&server);
    let expected = [
        (CHILD, "flow", TypedValue::Double(1.5)),
        (CHILD, "open", TypedValue::Boolean(true)),
        (CHILD, "pressure", TypedValue::Long(7)),
        (CHILD, "serial", TypedValue::String("W-1".to_owned())),
        (CHILD, "rooms", TypedValue::Long(4)),
        (GATEWAY, "load", TypedValue::Long(3)),
    ];
    let expected = expected.map(|(device, key, value)| (device.to_owned(), key.to_owned(), value));
    assert_eq!(stored, expected);
}

fn set_interval(server: &SimulatorServer, seconds: u32) {
    let Value::Object(values) = json!({ "interval": seconds }) else {
        unreachable!()
    };
    server.control(Control::SetShared {
        device: CHILD.to_owned(),
        values,
    });
}

/// Device, key and value of telemetry and client attributes, in the order of arrival.
fn stored(server: &SimulatorServer) -> Vec<(String, String, TypedValue)> {
    let facts = server.stored().into_iter().filter_map(|fact| match fact {
        Stored::Telemetry {
            device, key, value, ..
        }
        | Stored::ClientAttribute { device, key, value } => Some((device, key, value)),
        _ => None,
    });
    facts.collect()
}

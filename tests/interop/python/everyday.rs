//! What a device does every day.

use serde_json::{Value, json};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Control, Setup, Stored, Timestamp, TypedValue};

use crate::PATIENCE;
use crate::script::Script;

const TOKEN: &str = "PYTHON_DEVICE_TOKEN";

#[test]
fn the_official_python_sdk_takes_the_simulator_for_thingsboard() {
    let mut setup = Setup::one_device(TOKEN);
    let device = &mut setup.devices[0];
    device
        .shared
        .insert("uploadFrequency".to_owned(), json!(60));
    let name = device.name.clone();
    setup
        .client_rpc_replies
        .insert("getTime".to_owned(), json!({ "time": "12:00" }));
    setup.tenant_limits.device_messages = Some("1000:1".to_owned());
    let server = SimulatorServer::start(setup).unwrap();
    let script = Script::start("everyday", &server, &[TOKEN]);

    let limits = &script.step("connected")["limits"];
    assert_eq!(limits["rateLimits"]["messages"], "1000:1", "{limits}");
    assert!(limits["maxPayloadSize"].is_u64(), "{limits}");

    assert_eq!(script.step("telemetry")["code"], 0);
    assert_eq!(script.step("telemetry_without_time")["code"], 0);
    assert_eq!(script.step("attributes")["code"], 0);
    assert_eq!(
        script.step("attribute_request")["answer"],
        json!({ "client": { "serial": "A-7" }, "shared": { "uploadFrequency": 60 } })
    );
    assert_eq!(
        script.step("client_rpc")["answer"],
        json!({ "time": "12:00" })
    );

    script.step("listening");
    let Value::Object(values) = json!({ "uploadFrequency": 5 }) else {
        unreachable!()
    };
    server.control(Control::SetShared {
        device: name.clone(),
        values,
    });
    server.control(Control::Rpc {
        call: "ping".to_owned(),
        device: name.clone(),
        method: "ping".to_owned(),
        params: Some(json!({ "echo": [1, 2] })),
        raw_params: None,
        oneway: false,
        timeout_ms: None,
        persisted: false,
        request_id: None,
    });
    assert_eq!(
        script.step("attribute_update")["values"],
        json!({ "uploadFrequency": 5 })
    );
    let request = &script.step("server_rpc")["request"];
    assert_eq!(
        (&request["method"], &request["params"]),
        (&json!("ping"), &json!({ "echo": [1, 2] }))
    );
    let result = server
        .wait_for_result(PATIENCE, "ping")
        .expect("the call has an outcome");
    assert_eq!(
        result.reply,
        Some(json!({ "pong": { "echo": [1, 2] } })),
        "{result:?}"
    );

    script.step("done");
    script.ends_well();
    assert_eq!(
        telemetry(&server, "temperature"),
        [(Some(1_700_000_000_000), TypedValue::Double(21.5))]
    );
    assert_eq!(
        telemetry(&server, "enabled"),
        [(Some(1_700_000_000_000), TypedValue::Boolean(true))]
    );
    assert_eq!(
        telemetry(&server, "name"),
        [(
            Some(1_700_000_000_000),
            TypedValue::String("boiler".to_owned())
        )]
    );
    assert_eq!(
        telemetry(&server, "slots"),
        [(Some(1_700_000_000_000), TypedValue::Long(3))]
    );
    assert_eq!(
        telemetry(&server, "pressure"),
        [(None, TypedValue::Long(7))]
    );
    assert_eq!(
        client_attribute(&server, "serial"),
        [TypedValue::String("A-7".to_owned())]
    );
    assert_eq!(client_attribute(&server, "rooms"), [TypedValue::Long(4)]);
}

/// Time, if the device gave it, and value of what was stored under a key.
fn telemetry(server: &SimulatorServer, wanted: &str) -> Vec<(Option<i64>, TypedValue)> {
    let points = server.stored().into_iter().filter_map(|fact| match fact {
        Stored::Telemetry { ts, key, value, .. } if key == wanted => {
            let given = match ts {
                Timestamp::Device(millis) => Some(millis),
                Timestamp::Server(_) => None,
            };
            Some((given, value))
        }
        _ => None,
    });
    points.collect()
}

fn client_attribute(server: &SimulatorServer, wanted: &str) -> Vec<TypedValue> {
    let values = server.stored().into_iter().filter_map(|fact| match fact {
        Stored::ClientAttribute { key, value, .. } if key == wanted => Some(value),
        _ => None,
    });
    values.collect()
}

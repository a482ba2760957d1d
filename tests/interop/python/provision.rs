//! Devices get their credentials from the server and use them.

use serde_json::{Value, json};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{ProvisionProfile, ProvisionStrategy, Setup, Stored, TypedValue};

use crate::script::Script;

const KEY: &str = "provision-key";
const SECRET: &str = "provision-secret";

#[test]
fn devices_that_the_official_sdk_provisions_connect_with_what_they_got() {
    let server = SimulatorServer::start(Setup {
        provision_profiles: vec![ProvisionProfile::new(
            ProvisionStrategy::AllowCreateNewDevices,
            KEY,
            SECRET,
        )],
        ..Setup::default()
    })
    .unwrap();
    let script = Script::start("provision", &server, &[KEY, SECRET]);

    let made = script.step("server_made");
    assert_eq!(made["answer"]["credentialsType"], "ACCESS_TOKEN", "{made}");
    assert_ne!(made["answer"]["credentialsValue"], "", "{made}");
    assert_eq!(made["code"], 0);

    let own = script.step("own_token");
    assert_eq!(
        (&own["answer"], &own["code"]),
        (
            &json!({
                "status": "SUCCESS",
                "credentialsType": "ACCESS_TOKEN",
                "credentialsValue": "OWN_TOKEN",
            }),
            &json!(0)
        )
    );

    let own = script.step("own_password");
    assert_eq!(own["answer"]["credentialsType"], "MQTT_BASIC", "{own}");
    assert_eq!(own["code"], 0);

    // The SDK tells a refusal by giving nothing.
    assert_eq!(script.step("refused")["answer"], Value::Null);
    script.ends_well();

    let provisioned = |device: &str, credentials_type: &str, status: &str| Stored::Provision {
        device: device.to_owned(),
        credentials_type: credentials_type.to_owned(),
        key: KEY.to_owned(),
        gateway: false,
        status: status.to_owned(),
    };
    let stored = server.stored();
    let requests: Vec<_> = (stored.iter())
        .filter(|fact| matches!(fact, Stored::Provision { .. }))
        .cloned()
        .collect();
    assert_eq!(
        requests,
        [
            provisioned("server-made", "ACCESS_TOKEN", "SUCCESS"),
            provisioned("own-token", "ACCESS_TOKEN", "SUCCESS"),
            provisioned("own-password", "MQTT_BASIC", "SUCCESS"),
            provisioned("refused", "ACCESS_TOKEN", "NOT_FOUND"),
        ]
    );
    let readings: Vec<_> = (stored.iter())
        .filter_map(|fact| match fact {
            Stored::Telemetry {
                device,
                value: TypedValue::String(step),
                ..
            } => Some((device.as_str(), step.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        readings,
        [
            ("server-made", "server_made"),
            ("own-token", "own_token"),
            ("own-password", "own_password"),
        ]
    );
}

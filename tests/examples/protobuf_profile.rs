//! A device whose profile is for protobuf, with topics of its own: it sends a reading by the profile's
//! schema, asks for an attribute and answers a call, all through the usual methods.
//!
//! `cargo run --example protobuf_profile` brings a simulated ThingsBoard along.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Control, PayloadType, ProfileSetup, Setup, TransportType};
use tb_tokio::{AttributeQuery, Config, Credentials, PayloadFormat, Telemetry, Topics};
use tokio::time::timeout;

const TOKEN: &str = "A1_TEST_TOKEN";
const PATIENCE: Duration = Duration::from_secs(5);

/// The telemetry schema of the profile. `ts` and `values` are what ThingsBoard takes a time from.
const TELEMETRY: &str = r#"
syntax = "proto3";
message Values { optional double temperature = 1; optional bool door_open = 2; }
message Reading { optional int64 ts = 1; Values values = 2; }
"#;

/// The RPC schemas that every profile has unless they are changed.
const RPC_REQUEST: &str = r#"
syntax = "proto3";
message RpcRequestMsg { optional string method = 1; optional int32 requestId = 2; optional string params = 3; }
"#;
const RPC_RESPONSE: &str =
    r#"syntax = "proto3"; message RpcResponseMsg { optional string payload = 1; }"#;

/// A `Reading` without its time, as a code generator would write it. With the feature `prost` a message
/// of that crate can be passed instead: `Telemetry::message(&reading)`.
fn reading(temperature: f64, door_open: bool) -> Vec<u8> {
    let values = [
        &[0x09][..],
        &temperature.to_le_bytes(),
        &[0x10, u8::from(door_open)],
    ]
    .concat();
    [&[0x12, values.len() as u8], &values[..]].concat()
}

pub(crate) async fn device(url: &str, server: &SimulatorServer) -> Result<(), Box<dyn Error>> {
    let topics = Topics::default()
        .telemetry("plant/7/telemetry")
        .attributes("plant/7/attributes");
    // The field `ts` of a reading is filled in with the time at which it is accepted.
    let format = PayloadFormat::Protobuf { ts_field: Some(1) };
    let config = Config::new(url.try_into()?, Credentials::token(TOKEN))
        .topics(topics)
        .payload_format(format);

    let (client, driver) = tb_tokio::prepare(config)?;
    let mut calls = client.rpc_requests()?;
    tokio::spawn(driver);
    println!(
        "connected   {}",
        timeout(PATIENCE, client.connected()).await??
    );

    let telemetry = Telemetry::protobuf(reading(21.5, false)).counted_as(2);
    println!("telemetry   {}", client.send_telemetry(telemetry)?.await?);

    let query = AttributeQuery::shared(["uploadFrequency"]);
    let answer = client.request_attributes(query)?.await?;
    let every: Option<u32> = answer.shared.get("uploadFrequency")?;
    println!("attribute   uploadFrequency is {every:?}");

    server.control(Control::Rpc {
        call: "example".to_owned(),
        device: "dev1".to_owned(),
        method: "setDoor".to_owned(),
        params: Some(json!("closed")),
        raw_params: None,
        oneway: false,
        timeout_ms: None,
        persisted: false,
        request_id: None,
    });
    let call = timeout(PATIENCE, calls.recv()).await?.ok_or("no call")?;
    println!("RPC         {}({})", call.method(), call.params().as_json());
    println!("reply       {}", call.reply("done")?.await?);

    client.disconnect(PATIENCE).await?;
    Ok(())
}

pub(crate) fn setup() -> Setup {
    let mut setup = Setup::one_device(TOKEN);
    setup.profiles.push(ProfileSetup {
        name: "plant".to_owned(),
        transport: TransportType::Mqtt,
        payload: PayloadType::Protobuf,
        telemetry_topic: Some("plant/+/telemetry".to_owned()),
        attributes_topic: Some("plant/+/attributes".to_owned()),
        telemetry_proto: Some(TELEMETRY.to_owned()),
        rpc_request_proto: Some(RPC_REQUEST.to_owned()),
        rpc_response_proto: Some(RPC_RESPONSE.to_owned()),
        ..ProfileSetup::default()
    });
    let device = &mut setup.devices[0];
    device.profile = Some("plant".to_owned());
    device
        .shared
        .insert("uploadFrequency".to_owned(), json!(10));
    setup
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = SimulatorServer::start(setup())?;
    let url = format!("mqtt://{}", server.address());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(device(&url, &server))
}

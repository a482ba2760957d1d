//! What the example `protobuf_profile` leaves at the server.

#[allow(
    dead_code,
    reason = "the example is run here without its main function"
)]
#[path = "../examples/protobuf_profile.rs"]
mod example;

use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Stored, Timestamp, TypedValue};

#[test]
fn the_example_stores_its_reading_with_the_time_of_its_acceptance_and_answers_the_call() {
    let server = SimulatorServer::start(example::setup()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = format!("mqtt://{}", server.address());
    runtime.block_on(example::device(&url, &server)).unwrap();

    let stored = server.stored();
    let value = |wanted: &str| {
        stored.iter().find_map(|fact| match fact {
            Stored::Telemetry { key, value, ts, .. } if key == wanted => Some((value, ts)),
            _ => None,
        })
    };
    let (temperature, ts) = value("temperature").expect("it is stored");
    assert_eq!(temperature, &TypedValue::Double(21.5));
    assert!(matches!(ts, Timestamp::Device(_)), "{ts:?}");
    assert_eq!(
        value("doorOpen").map(|(value, _)| value),
        Some(&TypedValue::Boolean(false))
    );
    let reply = stored.iter().find_map(|fact| match fact {
        Stored::RpcReply { payload, .. } => Some(payload),
        _ => None,
    });
    assert_eq!(reply, Some(&serde_json::json!({ "payload": "done" })));
}

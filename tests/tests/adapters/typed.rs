//! Calls as functions and shared attributes as a value, each of the application's own types.

use std::thread;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use tb_driver::{Client, RecvError, Watch};
use tb_proto::{AttributeQuery, AttributeUpdate};
use tb_tests::sim::Control;
use tb_tests::sim::server::SimulatorServer;
use tokio::sync::Notify;

use crate::adapter::{Adapter, start};
use crate::server::{PATIENCE, config, server, set_shared};

#[derive(Deserialize)]
struct SetSpeed {
    rpm: u32,
}

fn set_speed(speed: &SetSpeed) -> Result<u32, &'static str> {
    match speed.rpm {
        0..=3_000 => Ok(speed.rpm),
        _ => Err("too fast"),
    }
}

fn call(server: &SimulatorServer, name: &str, method: &str, params: Value) {
    server.control(Control::Rpc {
        call: name.to_owned(),
        device: "dev1".to_owned(),
        method: method.to_owned(),
        params: Some(params),
        raw_params: None,
        oneway: false,
        timeout_ms: Some(30_000),
        persisted: false,
        request_id: None,
    });
}

fn answer(server: &SimulatorServer, name: &str) -> Value {
    let result = server.wait_for_result(PATIENCE, name).unwrap();
    result.reply.unwrap()
}

/// The server has every subscription that was asked for when it answers this.
fn subscribed(client: &Client) {
    let asked = client.request_attributes(AttributeQuery::all()).unwrap();
    asked.wait_timeout(PATIENCE).unwrap();
}

pub(crate) fn a_function_answers_calls_and_its_errors_are_told<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let served = client.clone();
    let worker =
        thread::spawn(move || served.serve_wait("setSpeed", |speed: SetSpeed| set_speed(&speed)));
    let ended = client.clone();
    let speed = client
        .serve("speed", async |(): ()| Ok::<_, String>(700))
        .unwrap();
    let other = thread::spawn(move || runtime().block_on(speed));
    subscribed(&client);
    for (name, method, params, expected) in [
        ("fits", "setSpeed", json!({ "rpm": 700 }), json!(700)),
        (
            "error",
            "setSpeed",
            json!({ "rpm": 9_000 }),
            json!({ "error": "too fast" }),
        ),
        ("no parameters", "speed", Value::Null, json!(700)),
    ] {
        call(&server, name, method, params);
        assert_eq!(answer(&server, name), expected, "{name}");
    }
    call(&server, "unfit", "setSpeed", json!({ "rpm": "fast" }));
    let unfit = answer(&server, "unfit");
    let text = unfit["error"].as_str().unwrap();
    assert!(text.starts_with("the parameters do not fit"), "{text}");
    ended.disconnect(PATIENCE).wait().unwrap();
    assert_eq!(worker.join().unwrap(), Ok(()));
    other.join().unwrap();
}

pub(crate) fn calls_of_one_method_run_beside_each_other<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let second = Notify::new();
    let work = client
        .serve("work", async |first: bool| {
            // The first can only end when the second runs.
            if first {
                second.notified().await;
            } else {
                second.notify_one();
            }
            Ok::<_, String>(first)
        })
        .unwrap();
    subscribed(&client);
    thread::scope(|scope| {
        scope.spawn(|| runtime().block_on(work));
        call(&server, "first", "work", json!(true));
        call(&server, "second", "work", json!(false));
        assert_eq!(answer(&server, "second"), json!(false));
        assert_eq!(answer(&server, "first"), json!(true));
        client.disconnect(PATIENCE).wait().unwrap();
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    #[serde(default)]
    upload_frequency: Option<u32>,
}

const fn every(seconds: u32) -> Option<Settings> {
    Some(Settings {
        upload_frequency: Some(seconds),
    })
}

/// Waits until the value is this one.
fn becomes(settings: &mut Watch<Settings>, expected: Option<&Settings>) {
    let deadline = Instant::now() + PATIENCE;
    while settings.get() != expected {
        let left = deadline.saturating_duration_since(Instant::now());
        settings.changed_timeout(left).expect("the value changes");
    }
}

pub(crate) fn shared_attributes_are_a_value_that_follows_the_server<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut settings = client.watch::<Settings>();
    let mut narrow = client.watch_of::<Settings, _>(["uploadFrequency"]);
    assert_eq!(settings.get(), None);
    becomes(&mut settings, every(10).as_ref());
    becomes(&mut narrow, every(10).as_ref());
    set_shared(&server, "uploadFrequency", json!(60));
    becomes(&mut settings, every(60).as_ref());
    becomes(&mut narrow, every(60).as_ref());
    // What is no `Settings` is told and changes nothing.
    set_shared(&server, "uploadFrequency", json!("often"));
    settings.changed_timeout(PATIENCE).unwrap();
    assert!(settings.invalid().is_some());
    assert_eq!(settings.get(), every(60).as_ref());
    server.control(Control::DeleteShared {
        device: "dev1".to_owned(),
        keys: vec!["uploadFrequency".to_owned()],
    });
    let nothing = Settings {
        upload_frequency: None,
    };
    becomes(&mut settings, Some(&nothing));
    assert_eq!(settings.invalid(), None);
    drop(client);
    assert_eq!(settings.changed_wait(), Err(RecvError::Closed));
}

pub(crate) fn a_value_is_that_of_the_server_when_announcements_overtook_each_other<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut settings = client.watch::<Settings>();
    let mut told = client.attribute_updates();
    becomes(&mut settings, every(10).as_ref());
    server.with(|simulator, _| simulator.faults_mut().push_delays_ms = [60, 0].into());
    set_shared(&server, "uploadFrequency", json!(60));
    set_shared(&server, "uploadFrequency", json!(5));
    // The newest announcement is the older value.
    let frequency = |update: AttributeUpdate| update.updated.get("uploadFrequency").unwrap();
    let (first, second) = (
        told.recv_timeout(PATIENCE).map(frequency),
        told.recv_timeout(PATIENCE).map(frequency),
    );
    assert_eq!((first, second), (Ok(Some(5)), Ok(Some(60))));
    // What was announced counts at once; what stays is what the server says when it is asked.
    settings.changed_timeout(PATIENCE).unwrap();
    assert_eq!(settings.get(), every(60).as_ref());
    becomes(&mut settings, every(5).as_ref());
}

pub(crate) fn a_value_is_fetched_again_after_a_reconnect<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut settings = client.watch::<Settings>();
    becomes(&mut settings, every(10).as_ref());
    server.with(|simulator, now| {
        simulator.drop_connections(now);
    });
    // Nobody is told of this change.
    set_shared(&server, "uploadFrequency", json!(60));
    becomes(&mut settings, every(60).as_ref());
}

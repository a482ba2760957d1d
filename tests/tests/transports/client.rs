//! A client over any transport, on every kind of adapter.

use std::time::Duration;

use serde_json::json;
use tb_driver::{Client, Delivery, NotConnected};
use tb_proto::{Config, Credentials, Delivered, ProtocolVersion};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Setup, Stored};
use tokio::runtime::Runtime;

/// Everything here takes milliseconds. Who waits so long waits for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const TOKEN: &str = "A1_TEST_TOKEN";

pub(crate) fn server() -> SimulatorServer {
    SimulatorServer::start(Setup::one_device(TOKEN)).unwrap()
}

pub(crate) fn config(server: &SimulatorServer) -> Config {
    config_for(&format!("mqtt://{}", server.address()))
}

pub(crate) fn config_for(url: &str) -> Config {
    Config::new(url.parse().unwrap(), Credentials::token(TOKEN))
        .backoff(Duration::from_millis(20), Duration::from_millis(20))
}

/// Starts a client of tokio over this transport; it runs as long as the runtime.
pub(crate) fn on_tokio<C>(config: Config, transport: C) -> (Client, Runtime)
where
    C: tb_driver::Connect<Stream: Send, Connecting: Send> + Send + Unpin + 'static,
{
    let runtime = runtime();
    (in_runtime(&runtime, config, transport), runtime)
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Starts a client over this transport in a runtime that has other tasks as well.
pub(crate) fn in_runtime<C>(runtime: &Runtime, config: Config, transport: C) -> Client
where
    C: tb_driver::Connect<Stream: Send, Connecting: Send> + Send + Unpin + 'static,
{
    let timer = tb_tokio::TokioTimer::new();
    let (client, driver) = tb_driver::Driver::new(config, transport, timer).unwrap();
    runtime.spawn(driver);
    client
}

/// Starts a client of smol over this transport.
pub(crate) fn on_smol<C>(config: Config, transport: C) -> Client
where
    C: tb_driver::Connect<Stream: Send, Connecting: Send> + Send + Unpin + 'static,
{
    let timer = tb_async_std::AsyncIoTimer::new();
    let (client, driver) = tb_driver::Driver::new(config, transport, timer).unwrap();
    smol::spawn(driver).detach();
    client
}

/// Starts a client of threads over this transport.
pub(crate) fn on_threads(config: Config, transport: impl tb_blocking::Connect) -> Client {
    let (client, driver) = tb_blocking::Driver::new(config, transport).unwrap();
    driver.start().unwrap();
    client
}

/// Readings are acknowledged and stored however often connections are cut, and the client ends well.
pub(crate) fn nothing_is_lost(client: &Client, server: &SimulatorServer) {
    const ROUND: i64 = 100;
    let mut tickets = Vec::new();
    for round in 0..3 {
        client.connected_wait(PATIENCE).unwrap();
        let numbers = round * ROUND..(round + 1) * ROUND;
        tickets.extend(numbers.map(|n| client.send_telemetry(&json!({ "n": n })).unwrap()));
        server.drop_connections();
    }
    all_acknowledged(tickets);
    assert_eq!(numbers(server), (0..3 * ROUND).collect::<Vec<_>>());
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
    assert!(server.wait_until(PATIENCE, |simulator| {
        simulator.open_connections().is_empty()
    }));
}

pub(crate) fn all_acknowledged(tickets: Vec<Delivery>) {
    let acknowledged = Delivered::Acknowledged {
        version: ProtocolVersion::V5,
    };
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), acknowledged);
    }
}

/// The values of `n` in the telemetry that arrived, each once, in order.
pub(crate) fn numbers(server: &SimulatorServer) -> Vec<i64> {
    let number = |fact: &Stored| match fact {
        Stored::Telemetry { key, value, .. } if key == "n" => value.to_json().as_i64(),
        _ => None,
    };
    let mut stored: Vec<_> = server.stored().iter().filter_map(number).collect();
    stored.sort_unstable();
    stored.dedup();
    stored
}

/// The cause for which a client gives up at once or, if that may pass, when `deadline` is over.
pub(crate) fn does_not_connect(client: &Client, deadline: Duration) -> NotConnected {
    client.connected_wait(deadline).unwrap_err()
}

//! The simulator as the tests of the adapters need it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tb_driver::Setup as Device;
use tb_proto::Config;
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Control, Setup, Simulator, Stored};

use crate::protection;

/// Everything here takes milliseconds. Who waits so long waits for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TOKEN: &str = "A1_TEST_TOKEN";

pub(crate) fn server() -> SimulatorServer {
    let mut setup = Setup::one_device(TOKEN);
    setup.devices[0]
        .shared
        .insert("uploadFrequency".to_owned(), json!(10));
    setup
        .client_rpc_replies
        .insert("getTime".to_owned(), json!({ "time": 1 }));
    protection::serve(setup)
}

pub(crate) fn config(server: &SimulatorServer) -> Config {
    config_for(&protection::url(server))
}

/// All that the calls of an adapter need to know.
pub(crate) fn device(server: &SimulatorServer) -> Device {
    Device::from(config(server)).tls(protection::tls())
}

/// A device that the server does not know.
pub(crate) fn stranger(server: &SimulatorServer) -> Device {
    let url = protection::url(server).parse().unwrap();
    let config = Config::new(url, protection::credentials("wrong"));
    Device::from(config).tls(protection::tls_of_a_stranger())
}

pub(crate) fn config_for(url: &str) -> Config {
    Config::new(url.parse().unwrap(), protection::credentials(TOKEN))
        .backoff(Duration::from_millis(100), Duration::from_millis(100))
}

/// A server that is not there: connections to it are refused.
pub(crate) fn nowhere() -> Config {
    config_for(&protection::url_of(nobody_listens()))
}

/// An address where nobody listens, and nobody else will: the port is taken.
pub(crate) fn nobody_listens() -> SocketAddr {
    static TAKEN: LazyLock<Socket> = LazyLock::new(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(&any.into()).unwrap();
        socket
    });
    TAKEN.local_addr().unwrap().as_socket().unwrap()
}

/// The values of `n` in the telemetry that arrived.
pub(crate) fn numbers(simulator: &Simulator) -> BTreeSet<i64> {
    let number = |fact: &Stored| match fact {
        Stored::Telemetry { key, value, .. } if key == "n" => value.to_json().as_i64(),
        _ => None,
    };
    simulator.stored().iter().filter_map(number).collect()
}

pub(crate) fn call(server: &SimulatorServer, name: &str, method: &str) {
    server.control(Control::Rpc {
        call: name.to_owned(),
        device: "dev1".to_owned(),
        method: method.to_owned(),
        params: Some(json!({ "name": name })),
        raw_params: None,
        oneway: false,
        timeout_ms: Some(30_000),
        persisted: false,
        request_id: None,
    });
}

pub(crate) fn set_shared(server: &SimulatorServer, key: &str, value: Value) {
    server.control(Control::SetShared {
        device: "dev1".to_owned(),
        values: std::iter::once((key.to_owned(), value)).collect(),
    });
}

/// Waits until nobody is connected any more.
pub(crate) fn all_gone(server: &SimulatorServer) -> bool {
    server.wait_until(PATIENCE, |simulator| {
        simulator.open_connections().is_empty()
    })
}

//! Sockets of the file system.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tb_driver::NotConnected;
use tb_proto::{Cause, LinkLost, TlsFault};
use tb_tests::sim::server::SimulatorServer;

use crate::client::{config_for, does_not_connect, nothing_is_lost, on_smol, on_threads, on_tokio};

/// A path of its own, free again when the test is over.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tb-{}-{number}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn server(path: &Path) -> SimulatorServer {
    let mut server = crate::client::server();
    server.bind_unix(path).unwrap();
    server
}

/// Nobody resolves it.
const NAME: &str = "mqtt://gateway.invalid";

#[test]
fn nothing_is_lost_over_a_unix_socket_on_tokio() {
    let place = Place::new();
    let server = server(&place.0);
    let (client, _runtime) = on_tokio(config_for(NAME), tb_tokio::Unix::at(&place.0));
    nothing_is_lost(&client, &server);
}

#[test]
fn nothing_is_lost_over_a_unix_socket_on_smol() {
    let place = Place::new();
    let server = server(&place.0);
    let client = on_smol(config_for(NAME), tb_async_std::Unix::at(&place.0));
    nothing_is_lost(&client, &server);
}

#[test]
fn nothing_is_lost_over_a_unix_socket_on_threads() {
    let place = Place::new();
    let server = server(&place.0);
    let client = on_threads(config_for(NAME), tb_blocking::Unix::at(&place.0));
    nothing_is_lost(&client, &server);
}

#[test]
fn a_socket_that_is_not_there_is_tried_again_and_tls_is_never_left_out() {
    let place = Place::new();
    let missing = NotConnected::TimedOut {
        last: Some(Cause::Lost(LinkLost::ConnectionRefused)),
    };
    let no_tls = NotConnected::Refused(Cause::Lost(LinkLost::Tls(TlsFault::NotSupported)));
    let short = Duration::from_millis(200);
    for (url, expected) in [(NAME, missing), ("mqtts://gateway.invalid", no_tls)] {
        let (client, _runtime) = on_tokio(config_for(url), tb_tokio::Unix::at(&place.0));
        assert_eq!(does_not_connect(&client, short), expected);
        let client = on_smol(config_for(url), tb_async_std::Unix::at(&place.0));
        assert_eq!(does_not_connect(&client, short), expected);
        let client = on_threads(config_for(url), tb_blocking::Unix::at(&place.0));
        assert_eq!(does_not_connect(&client, short), expected);
    }
}

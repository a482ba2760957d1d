//! Getting credentials over a real connection.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tb_driver::NotProvisioned;
use tb_proto::{Cause, Config, Credentials, LinkLost, ProvisionError, ProvisionRequest};
use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{ProvisionProfile, ProvisionStrategy, Setup, Stored};

use crate::adapter::{Adapter, start};
use crate::exchange::ACKNOWLEDGED;
use crate::protection::{self, url};
use crate::server::{PATIENCE, TOKEN, nobody_listens};

/// A server that takes every device, and knows none.
fn server() -> SimulatorServer {
    serve(Setup::default())
}

fn serve(mut setup: Setup) -> SimulatorServer {
    setup.provision_profiles.push(ProvisionProfile::new(
        ProvisionStrategy::AllowCreateNewDevices,
        "key",
        "secret",
    ));
    protection::serve(setup)
}

fn request() -> ProvisionRequest {
    protection::asking(ProvisionRequest::new("key", "secret").device_name("pump-7"))
}

/// Requests that reached the server.
fn requests(server: &SimulatorServer) -> usize {
    let is_request = |fact: &&Stored| matches!(fact, Stored::Provision { .. });
    server.stored().iter().filter(is_request).count()
}

/// A file of its own, gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tb-credentials-{}-{number}.json", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn a_device_is_provisioned_and_connects<A: Adapter>() {
    let server = server();
    let credentials = A::provision(&url(&server), request()).unwrap();
    assert_eq!(sends_as::<A>(&server, credentials), "pump-7");
}

pub(crate) fn a_device_connects_with_the_token_that_the_server_has_made<A: Adapter>() {
    let server = server();
    let request = ProvisionRequest::new("key", "secret")
        .device_name("pump-8")
        .server_token();
    let credentials = A::provision(&url(&server), request).unwrap();
    assert_eq!(sends_as::<A>(&server, credentials), "pump-8");
}

/// The device to which the server counts what is sent with these credentials.
fn sends_as<A: Adapter>(server: &SimulatorServer, credentials: Credentials) -> String {
    let config = Config::new(url(server).parse().unwrap(), credentials);
    let (client, _running) = start::<A>(config);
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    let device = |fact| match fact {
        Stored::Telemetry { device, .. } => Some(device),
        _ => None,
    };
    server.stored().into_iter().find_map(device).unwrap()
}

pub(crate) fn a_device_is_provisioned_once<A: Adapter>() {
    let (server, scratch) = (server(), Scratch::new());
    let first = A::load_or_provision(&scratch.0, &url(&server), request()).unwrap();
    assert_eq!(requests(&server), 1);
    let (address, opened) = (url(&server), server.with(|sim, _| sim.connections_opened()));
    let again = A::load_or_provision(&scratch.0, &address, request());
    assert_eq!(again, Ok(first));
    let opened_then = server.with(|sim, _| sim.connections_opened());
    assert_eq!(opened_then, opened, "the server is not needed any more");
}

pub(crate) fn credentials_whose_answer_was_lost_are_found_again<A: Adapter>() {
    let (server, scratch) = (server(), Scratch::new());
    server.with(|simulator, _| simulator.faults_mut().drop_response_every = 1);
    let short = request().timeout(Duration::from_millis(400));
    let lost = A::load_or_provision(&scratch.0, &url(&server), short);
    let timed_out = ProvisionError::TimedOut {
        last: None,
        written: true,
    };
    assert_eq!(lost, Err(NotProvisioned::Provision(timed_out)));
    let found = A::load_or_provision(&scratch.0, &url(&server), request());
    assert!(found.is_ok(), "{found:?}");
    assert_eq!(requests(&server), 1, "what it would have got was tried");
}

pub(crate) fn what_the_server_says_against_it_is_told<A: Adapter>() {
    let (server, scratch) = (serve(Setup::one_device(TOKEN)), Scratch::new());
    let wrong = ProvisionRequest::new("key", "wrong");
    let message = "Provision data was not found!".to_owned();
    let not_found = NotProvisioned::Provision(ProvisionError::NotFound { message });
    assert_eq!(
        A::provision(&url(&server), wrong.clone()),
        Err(not_found.clone())
    );
    assert_eq!(
        A::load_or_provision(&scratch.0, &url(&server), wrong),
        Err(not_found)
    );
    let taken = ProvisionRequest::new("key", "secret").credentials(Credentials::token(TOKEN));
    assert!(matches!(
        A::provision(&url(&server), protection::asking(taken)),
        Err(NotProvisioned::Provision(ProvisionError::Failed { .. }))
    ));
}

pub(crate) fn nobody_waits_for_a_server_that_is_not_there<A: Adapter>() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = protection::url_of(listener.local_addr().unwrap());
    // Connections are opened, and nobody says a word.
    let short = request().timeout(Duration::from_millis(200));
    let silent = A::provision(&url, short.clone());
    assert!(matches!(
        silent,
        Err(NotProvisioned::Provision(ProvisionError::TimedOut {
            written: false,
            ..
        }))
    ));
    let nowhere = protection::url_of(nobody_listens());
    let refused = A::provision(&nowhere, short);
    let expected = ProvisionError::TimedOut {
        last: Some(Cause::Lost(LinkLost::ConnectionRefused)),
        written: false,
    };
    assert_eq!(refused, Err(NotProvisioned::Provision(expected)));
}

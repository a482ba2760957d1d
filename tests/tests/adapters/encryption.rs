//! What only encrypted connections have to show.

use std::io::Read;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tb_driver::NotProvisioned;
use tb_proto::{ProvisionError, ProvisionRequest};
use tb_tests::proxy::{Cut, CuttingProxy};

use crate::adapter::{Adapter, start};
use crate::exchange::ACKNOWLEDGED;
use crate::protection;
use crate::server::{PATIENCE, config_for, numbers, server};

const READINGS: i64 = 500;
const CUTS: u64 = 10;

/// Most cuts fall into handshakes and into the middle of records.
pub(crate) fn nothing_is_lost_to_a_proxy_that_cuts_anywhere<A: Adapter>() {
    let server = server();
    let proxy = CuttingProxy::start(server.address(), 0x7b).unwrap();
    proxy.cut_at_random(CUTS, 200..6_000, &[Cut::Fin, Cut::Reset]);
    let config = config_for(&protection::url_of(proxy.address()))
        .backoff(Duration::from_millis(5), Duration::from_millis(50));
    let (client, _running) = start::<A>(config);
    let tickets: Vec<_> = (0..READINGS)
        .map(|n| client.send_telemetry(&json!({ "n": n })).unwrap())
        .collect();
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    assert_eq!(proxy.cuts(), CUTS);
    server.with(|simulator, _| assert_eq!(numbers(simulator), (0..READINGS).collect()));
}

/// Takes two connections, says nothing on the first, and waits until the client has closed it.
fn silent_server() -> (TcpListener, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    let server = thread::spawn(move || {
        let (mut first, _) = accepting.accept().unwrap();
        first.set_read_timeout(Some(PATIENCE / 2)).unwrap();
        let mut hello = Vec::new();
        first
            .read_to_end(&mut hello)
            .expect("it is closed by the client");
        assert_eq!(hello.first(), Some(&22), "a record of a handshake");
        accepting.accept().unwrap();
    });
    (listener, server)
}

pub(crate) fn a_handshake_that_stalls_is_given_up_at_the_deadline<A: Adapter>() {
    let (listener, silent) = silent_server();
    let url = protection::url_of(listener.local_addr().unwrap());
    let config = config_for(&url).connect_timeout(Duration::from_millis(100));
    let (_client, _running) = start::<A>(config);
    silent.join().unwrap();
}

pub(crate) fn provisioning_gives_a_handshake_that_stalls_up<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = protection::url_of(listener.local_addr().unwrap());
    let request = ProvisionRequest::new("key", "secret").timeout(Duration::from_millis(200));
    let outcome = A::provision(&url, request);
    assert!(matches!(
        outcome,
        Err(NotProvisioned::Provision(ProvisionError::TimedOut {
            written: false,
            ..
        }))
    ));
    let (mut first, _) = listener.accept().unwrap();
    first.set_read_timeout(Some(PATIENCE / 2)).unwrap();
    first
        .read_to_end(&mut Vec::new())
        .expect("it is closed by the client");
}

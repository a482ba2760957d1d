//! Peers that never answer: a proxy that says nothing, and an address to which no connection ever comes about.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tb_driver::ConnectError;
use tb_driver::proxy::Proxy;
use tb_proto::{Endpoint, ProvisionRequest};

use crate::client::{
    PATIENCE, config, config_for, nothing_is_lost, on_smol, on_threads, on_tokio, server,
};
use crate::proxies::everywhere;

const SOON: Duration = Duration::from_millis(100);

/// Far less than the 20 s after which the system is told to give an address up.
const PROMPTLY: Duration = Duration::from_secs(8);

#[test]
fn a_proxy_that_says_nothing_is_given_up_at_the_deadline_and_tried_again() {
    for scheme in ["socks5", "http"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy: Proxy = format!("{scheme}://{address}").parse().unwrap();
        let config = config_for("mqtt://tb.example").connect_timeout(SOON);
        everywhere(&config, &proxy, |_client| {
            let (mut first, _) = listener.accept().unwrap();
            first.set_read_timeout(Some(PROMPTLY)).unwrap();
            let mut said = Vec::new();
            first
                .read_to_end(&mut said)
                .expect("it is closed by the client");
            assert!(!said.is_empty());
            listener.accept().unwrap();
        });
    }
}

/// An address that is there and never answers: its queue of connections is full, and nobody takes them.
struct BlackHole {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl BlackHole {
    fn new() -> Self {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&loopback.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = socket();
            let connected = socket.connect_timeout(&address, SOON);
            waiting.push(socket);
            if connected.is_err() {
                break;
            }
        }
        Self {
            listener,
            _waiting: waiting,
        }
    }

    fn url(&self) -> String {
        let address = self.listener.local_addr().unwrap().as_socket().unwrap();
        format!("mqtt://{address}")
    }
}

#[test]
fn an_address_that_never_answers_holds_up_the_next_one_no_longer_than_the_deadline() {
    let (server, hole) = (server(), BlackHole::new());
    let config = config_for(&hole.url())
        .connect_timeout(SOON)
        .or_endpoint(config(&server).endpoints()[0].clone());
    let (client, _runtime) = on_tokio(config.clone(), tb_tokio::Tcp);
    client.connected_wait(PROMPTLY).unwrap();
    let client = on_smol(config.clone(), tb_async_std::Tcp);
    client.connected_wait(PROMPTLY).unwrap();
    let client = on_threads(config, tb_blocking::Tcp);
    client.connected_wait(PROMPTLY).unwrap();
    nothing_is_lost(&client, &server);
}

/// TCP that tells when it is asked, and by its end when the thread that dials has ended.
struct Watched(Sender<()>);

impl tb_blocking::Connect for Watched {
    fn connect(&mut self, target: &Endpoint) -> Result<tb_blocking::Connection, ConnectError> {
        self.0.send(()).unwrap();
        tb_blocking::Tcp.connect(target)
    }
}

#[test]
fn a_thread_that_dials_in_vain_ends_with_its_client() {
    let hole = BlackHole::new();
    // Some in the very moment in which dialling begins.
    for _ in 0..20 {
        let (tell, told) = mpsc::channel();
        let client = on_threads(config_for(&hole.url()), Watched(tell));
        told.recv_timeout(PATIENCE).unwrap();
        client.disconnect(SOON).wait_timeout(PATIENCE).unwrap();
        let ended = told.recv_timeout(PROMPTLY);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn provisioning_on_threads_ends_in_time_where_nobody_answers() {
    let hole = BlackHole::new();
    let (tell, told) = mpsc::channel();
    let endpoint = hole.url().parse().unwrap();
    let request = ProvisionRequest::new("key", "secret").timeout(SOON);
    let asking =
        thread::spawn(move || tb_blocking::provision_by(Watched(tell), endpoint, request, false));
    told.recv_timeout(PATIENCE).unwrap();
    assert!(asking.join().unwrap().is_err());
    assert_eq!(
        told.recv_timeout(PROMPTLY),
        Err(RecvTimeoutError::Disconnected)
    );
}

//! MQTT over QUIC: the connector of the example, on ways that get worse.

#[path = "../../examples/quic_transport.rs"]
#[expect(dead_code, reason = "its `main` is run by another test")]
mod quic_transport;

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use quinn::Endpoint;
use serde_json::json;
use tb_driver::{Client, Delivery, NotConnected};
use tb_proto::{Cause, LinkLost, TlsFault};
use tb_tests::certificates::{Authority, Validity};
use tb_tests::sim::server::SimulatorServer;
use tokio::runtime::Runtime;

use crate::client::{
    PATIENCE, all_acknowledged, config_for, does_not_connect, in_runtime, nothing_is_lost, numbers,
    runtime, server,
};
use crate::udp_relay::UdpRelay;
use quic_transport::{Gateway, IDLE, PING, Quic};

/// A server, a gateway to it, a relay to that, and what a client needs to go that way.
struct Way {
    server: SimulatorServer,
    authority: Authority,
    relay: UdpRelay,
    endpoint: Endpoint,
    idle: Duration,
    ping: Duration,
    runtime: Runtime,
}

impl Way {
    fn new() -> Self {
        Self::with_times(IDLE, PING)
    }

    fn with_times(idle: Duration, ping: Duration) -> Self {
        let (server, runtime) = (server(), runtime());
        let authority = Authority::new("Test CA");
        let certificate = authority.issue(&["localhost"], Validity::Now);
        let (gateway, endpoint) = runtime.block_on(async {
            let gateway = Gateway::start(&certificate, idle, server.address()).unwrap();
            let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            (gateway, endpoint)
        });
        let relay = UdpRelay::start(&runtime, gateway.address());
        Self {
            server,
            authority,
            relay,
            endpoint,
            idle,
            ping,
            runtime,
        }
    }

    fn client(&self) -> Client {
        self.client_that_trusts(&self.authority)
    }

    fn client_that_trusts(&self, authority: &Authority) -> Client {
        let url = format!("mqtts://localhost:{}", self.relay.address().port());
        let endpoint = self.endpoint.clone();
        let quic = Quic::from(endpoint, &authority.pem(), self.idle, self.ping);
        in_runtime(&self.runtime, config_for(&url), quic)
    }
}

const ROUND: i64 = 200;

/// The readings of a round.
fn readings(client: &Client, round: i64) -> Vec<Delivery> {
    let numbers = round * ROUND..(round + 1) * ROUND;
    let send = |n| client.send_telemetry(&json!({ "n": n })).unwrap();
    numbers.map(send).collect()
}

#[test]
fn nothing_is_lost_over_quic() {
    let way = Way::new();
    nothing_is_lost(&way.client(), &way.server);
}

#[test]
fn datagrams_that_are_lost_are_sent_again_by_the_same_connection() {
    let way = Way::new();
    let client = way.client();
    way.relay.lose_one_of(5);
    all_acknowledged(readings(&client, 0));
    assert_eq!(numbers(&way.server), (0..ROUND).collect::<Vec<_>>());
    assert!(way.relay.lost() > 0);
    assert_eq!(client.stats().connects, 1);
}

#[test]
fn a_connection_that_nobody_answers_any_more_is_replaced_and_nothing_is_lost() {
    let way = Way::with_times(Duration::from_millis(500), Duration::from_millis(100));
    let client = way.client();
    all_acknowledged(readings(&client, 0));

    let attempts = client.stats().connect_attempts;
    way.relay.lose_one_of(1);
    let tickets = readings(&client, 1);
    let deadline = Instant::now() + PATIENCE;
    while client.stats().connect_attempts == attempts {
        assert!(Instant::now() < deadline, "it must notice");
        thread::yield_now();
    }
    way.relay.lose_one_of(0);
    all_acknowledged(tickets);
    assert_eq!(numbers(&way.server), (0..2 * ROUND).collect::<Vec<_>>());
    assert!(client.stats().connects > 1);
}

#[test]
fn a_connection_survives_new_addresses_of_the_client_and_nothing_is_lost() {
    let way = Way::new();
    let client = way.client();
    client.connected_wait(PATIENCE).unwrap();
    let mut tickets = Vec::new();
    for round in 0..4 {
        tickets.extend(readings(&client, round));
        // The client has another port or, the second time, a router on the way forgets that it had one.
        if round % 2 == 0 {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            way.runtime
                .block_on(async { way.endpoint.rebind(socket).unwrap() });
        } else {
            way.runtime.block_on(way.relay.change_address());
        }
    }
    all_acknowledged(tickets);
    assert_eq!(numbers(&way.server), (0..4 * ROUND).collect::<Vec<_>>());
    assert_eq!(client.stats().connects, 1);
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
}

#[test]
fn a_gateway_that_nobody_vouches_for_ends_connecting_at_once() {
    let way = Way::new();
    let client = way.client_that_trusts(&Authority::new("Another CA"));
    let unknown = Cause::Lost(LinkLost::Tls(TlsFault::UnknownIssuer));
    assert_eq!(
        does_not_connect(&client, PATIENCE),
        NotConnected::Refused(unknown)
    );
}

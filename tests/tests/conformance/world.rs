//! A simulator, its clock and the bytes that each connection has received.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tb_tests::sim::{
    CallResult, ConnectionId, Control, DeliveryStatus, Output, Setup, Simulator, Stored, Time,
    Timestamp,
};

use crate::wire::{self, Connect, Version};

pub(crate) const TOKEN: &str = "DEV1_TOKEN";

/// Longer than the way from the core to the client, shorter than any timer.
const A_WHILE_MS: u64 = 100;

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) now: Time,
    received: BTreeMap<ConnectionId, Vec<u8>>,
    closed: BTreeSet<ConnectionId>,
    results: Vec<CallResult>,
}

impl World {
    /// With the one device `dev1`.
    pub(crate) fn new() -> Self {
        Self::from(Setup::one_device(TOKEN))
    }

    /// With this setup in the form of recorded exchanges; `dev1` is added if it names no device.
    pub(crate) fn with(setup: Value) -> Self {
        let mut setup: Setup = serde_json::from_value(setup).expect("setup");
        if setup.devices.is_empty() {
            setup.devices = Setup::one_device(TOKEN).devices;
        }
        Self::from(setup)
    }

    pub(crate) fn open(&mut self) -> ConnectionId {
        self.simulator.open(self.now, None)
    }

    /// A connection that has sent this.
    pub(crate) fn dial(&mut self, bytes: &[u8]) -> ConnectionId {
        let peer = self.open();
        self.send(peer, bytes);
        peer
    }

    /// A connection of `dev1` that is past CONNACK.
    pub(crate) fn connected(&mut self, version: Version) -> ConnectionId {
        self.connected_as(version, TOKEN)
    }

    pub(crate) fn connected_as(&mut self, version: Version, token: &str) -> ConnectionId {
        let peer = self.dial(&Connect::token(version, token).bytes());
        self.expect(peer, &[wire::connack(version, false, 0)]);
        peer
    }

    /// A connection of `dev1` that has subscribed.
    pub(crate) fn subscribed(&mut self, version: Version, filter: &str, qos: u8) -> ConnectionId {
        let peer = self.connected(version);
        self.send(peer, &wire::subscribe(version, 10, &[(filter, qos)]));
        self.expect(peer, &[wire::suback(version, 10, &[qos.min(1)])]);
        peer
    }

    pub(crate) fn send(&mut self, peer: ConnectionId, bytes: &[u8]) {
        self.simulator.handle_input(self.now, peer, bytes);
        self.drain();
    }

    pub(crate) fn client_closes(&mut self, peer: ConnectionId) {
        self.simulator.handle_closed(self.now, peer);
        self.drain();
    }

    pub(crate) fn control(&mut self, control: Value) {
        let control: Control = serde_json::from_value(control).expect("control");
        self.simulator.control(self.now, control);
        self.drain();
    }

    /// Time passes; what is due on the way happens at its own time.
    pub(crate) fn pass_ms(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        while let Some(due) = self.simulator.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.simulator.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        self.simulator.handle_timeout(end);
        self.drain();
    }

    /// Exactly these packets have come since the last look, and the connection is open.
    #[track_caller]
    pub(crate) fn expect(&mut self, peer: ConnectionId, packets: &[Vec<u8>]) {
        self.pass_ms(A_WHILE_MS);
        assert_eq!(hex(&self.take(peer)), hex(&packets.concat()));
        assert!(!self.closed.contains(&peer), "the server closed");
    }

    #[track_caller]
    pub(crate) fn expect_nothing(&mut self, peer: ConnectionId) {
        self.expect(peer, &[]);
    }

    /// The server has sent exactly these packets and closed.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self, peer: ConnectionId, packets: &[Vec<u8>]) {
        self.pass_ms(A_WHILE_MS);
        assert_eq!(hex(&self.take(peer)), hex(&packets.concat()));
        assert!(self.closed.contains(&peer), "the server did not close");
    }

    /// The server has closed, on MQTT 5 with this reason.
    #[track_caller]
    pub(crate) fn expect_end(&mut self, peer: ConnectionId, version: Version, code: u8) {
        if version.is_v5() {
            self.expect_closed(peer, &[wire::disconnect(code)]);
        } else {
            self.expect_closed(peer, &[]);
        }
    }

    /// Failure class A at QoS 1: 0x99 on MQTT 5, a close on 3.1.1.
    #[track_caller]
    pub(crate) fn expect_class_a(&mut self, peer: ConnectionId, version: Version, packet_id: u16) {
        if version.is_v5() {
            self.expect(peer, &[wire::puback_with(packet_id, 0x99)]);
        } else {
            self.expect_closed(peer, &[]);
        }
    }

    /// Failure class U.
    #[track_caller]
    pub(crate) fn expect_class_u(&mut self, peer: ConnectionId, version: Version) {
        self.expect_end(peer, version, 0x8B);
    }

    /// A PINGREQ is answered: the session is alive.
    #[track_caller]
    pub(crate) fn expect_alive(&mut self, peer: ConnectionId) {
        self.send(peer, &wire::PINGREQ);
        self.expect(peer, &[wire::PINGRESP.to_vec()]);
    }

    pub(crate) fn is_closed(&self, peer: ConnectionId) -> bool {
        self.closed.contains(&peer)
    }

    /// What has come since the last look.
    pub(crate) fn take(&mut self, peer: ConnectionId) -> Vec<u8> {
        self.received.remove(&peer).unwrap_or_default()
    }

    pub(crate) fn result(&mut self, call: &str) -> Option<CallResult> {
        let position = self.results.iter().position(|result| result.call == call)?;
        Some(self.results.remove(position))
    }

    /// Telemetry as `key TYPE value`, with ` @time` if the device gave the time.
    pub(crate) fn telemetry(&self) -> Vec<String> {
        let facts = self.simulator.stored().iter();
        facts
            .filter_map(|fact| match fact {
                Stored::Telemetry { ts, key, value, .. } => {
                    let time = match ts {
                        Timestamp::Device(millis) => format!(" @{millis}"),
                        Timestamp::Server(_) => String::new(),
                    };
                    Some(format!(
                        "{key} {} {}{time}",
                        value.type_name(),
                        value.to_json()
                    ))
                }
                _ => None,
            })
            .collect()
    }

    /// Delivery reports of server-side RPC.
    pub(crate) fn deliveries(&self) -> Vec<(i32, DeliveryStatus)> {
        let facts = self.simulator.stored().iter();
        facts
            .filter_map(|fact| match fact {
                Stored::RpcDeliveryStatus { id, status, .. } => Some((*id, *status)),
                _ => None,
            })
            .collect()
    }

    fn from(setup: Setup) -> Self {
        Self {
            simulator: Simulator::new(setup),
            now: Time(0),
            received: BTreeMap::new(),
            closed: BTreeSet::new(),
            results: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.simulator.poll_output() {
            match output {
                Output::Send { connection, bytes } => {
                    assert!(!self.closed.contains(&connection), "bytes after the close");
                    self.received.entry(connection).or_default().extend(bytes);
                }
                Output::Close { connection } => {
                    assert!(self.closed.insert(connection), "closed twice");
                }
            }
        }
        while let Some(result) = self.simulator.poll_result() {
            self.results.push(result);
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

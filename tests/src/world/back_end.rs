//! What the back-end does, and what a scripted server says in its place.

use core::time::Duration;

use serde_json::json;

use super::run::World;
use super::scripted::Packet;
use super::server::Server;
use crate::network::Side;
use crate::sim::{CloseReason, Control};

impl World {
    /// Something happens at the back-end.
    pub fn control(&mut self, control: Control) -> &mut Self {
        let now = self.now;
        self.simulator().control(now, control);
        self.drain_server();
        self
    }

    /// The server closes the session of the device.
    pub fn close_session(&mut self, reason: CloseReason) -> &mut Self {
        self.fault(true);
        self.control(Control::CloseSession {
            device: "dev1".into(),
            reason,
        })
    }

    /// The server calls a method of the device.
    pub fn call_device(&mut self) -> &mut Self {
        self.call_method_of("dev1".into())
    }

    pub(super) fn call_method_of(&mut self, device: String) -> &mut Self {
        self.number += 1;
        let number = self.number;
        self.control(Control::Rpc {
            call: format!("call {number}"),
            device,
            method: "m".into(),
            params: Some(json!({ "s": number })),
            raw_params: None,
            oneway: false,
            timeout_ms: Some(30_000),
            persisted: false,
            request_id: None,
        })
    }

    /// The shared attribute `s` with this index gets a new value.
    pub fn set_shared(&mut self, index: u8) -> &mut Self {
        self.set_shared_of("dev1".into(), index)
    }

    pub(super) fn set_shared_of(&mut self, device: String, index: u8) -> &mut Self {
        self.number += 1;
        let mut values = serde_json::Map::new();
        values.insert(format!("s{index}"), json!(self.number));
        self.control(Control::SetShared { device, values })
    }

    /// The shared attribute `s` with this index is deleted.
    pub fn delete_shared(&mut self, index: u8) -> &mut Self {
        let keys = vec![format!("s{index}")];
        self.control(Control::DeleteShared {
            device: "dev1".into(),
            keys,
        })
    }

    pub(super) fn drain_server(&mut self) {
        let Self {
            server,
            network,
            now,
            ..
        } = self;
        if let Server::Simulator(connected) = server {
            connected.drain(*now, network);
        }
        self.collect();
    }

    /// The next packet that the device sends to a scripted server, and nothing if none comes within
    /// this time.
    ///
    /// # Panics
    /// If the server is a simulator.
    pub fn receive(&mut self, within: Duration) -> Option<Packet> {
        let until = self.now + within;
        loop {
            let Server::Scripted(scripted) = &mut self.server else {
                panic!("this server is a simulator")
            };
            if let Some(packet) = scripted.next_packet() {
                return Some(packet);
            }
            if self.now >= until {
                return None;
            }
            self.wait(Duration::from_millis(5));
        }
    }

    /// The next packet of this type within a virtual hour; others before it are skipped.
    ///
    /// # Panics
    /// If it does not come.
    pub fn expect(&mut self, kind: u8) -> Packet {
        for _ in 0..100_000 {
            let Some(packet) = self.receive(Duration::from_secs(3600)) else {
                break;
            };
            if packet.kind() == kind {
                return packet;
            }
        }
        panic!("no packet of type {kind} came")
    }

    /// A scripted server writes to the connection that was opened last.
    pub fn reply(&mut self, bytes: &[u8]) -> &mut Self {
        if let Server::Scripted(scripted) = &self.server
            && let Some(path) = scripted.path()
        {
            self.network.write(self.now, path, Side::Server, bytes);
        }
        self
    }

    /// A scripted server closes the connection that was opened last.
    pub fn hang_up(&mut self) -> &mut Self {
        if let Server::Scripted(scripted) = &self.server
            && let Some(path) = scripted.path()
        {
            self.network.close(self.now, path, Side::Server);
        }
        self
    }
}

//! What network and server do.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::script::Verb;
use super::wire::{Peer, Unacknowledged};
use super::{Wire, World, packets};
use crate::{LinkLost, ProtocolVersion, TlsFault};

const LOST: [LinkLost; 8] = [
    LinkLost::Closed,
    LinkLost::Reset,
    LinkLost::Local,
    LinkLost::ConnectionRefused,
    LinkLost::Unreachable,
    LinkLost::Tls(TlsFault::UnknownIssuer),
    LinkLost::HostNotFound,
    LinkLost::Proxy,
];

/// Reason codes of a PUBACK of MQTT 5 that this client treats differently.
const PUBACK: [u8; 6] = [0, 0x10, 0x99, 0x97, 0x83, 0x80];

/// Reason codes of a DISCONNECT of MQTT 5 that this client treats differently.
const DISCONNECT: [u8; 10] = [0x00, 0x8B, 0x8E, 0x97, 0x83, 0x81, 0x99, 0x98, 0x96, 0x8D];

impl World {
    pub(super) fn network(&mut self, verb: Verb, number: u8) {
        match verb {
            Verb::Connected => self.connected(),
            Verb::Lost => self.lost(number),
            Verb::StaleInput => self.stale(number),
            _ => self.server(verb, number),
        }
    }

    fn connected(&mut self) {
        match self.wire {
            Wire::Dialling(link) => {
                let max_inflight = usize::from(self.client.config().max_inflight);
                self.wire = Wire::Up(link, Box::new(Peer::new(max_inflight)));
                self.client.handle_connected(self.now, link);
            }
            Wire::Up(link, _) => self.client.handle_connected(self.now, link),
            Wire::Idle => {}
        }
    }

    fn lost(&mut self, number: u8) {
        let why = LOST[usize::from(number) % LOST.len()];
        if let Wire::Dialling(link) | Wire::Up(link, _) = self.wire {
            self.cut(link);
            self.client.handle_disconnected(self.now, link, why);
        }
    }

    /// Reports about a connection that is over, and a time that is over.
    fn stale(&mut self, number: u8) {
        let Some(link) = self.past else { return };
        let before = self.client.stats();
        let now = crate::Instant::from_micros(u64::from(number));
        match number % 3 {
            0 => self
                .client
                .handle_input(now, link, &[0x20, 0x02, 0x00, 0x00]),
            1 => self.client.handle_disconnected(now, link, LinkLost::Closed),
            _ => self.client.handle_connected(now, link),
        }
        let mut after = self.client.stats();
        assert_eq!(after.stale_reports, before.stale_reports + 1);
        after.stale_reports = before.stale_reports;
        assert_eq!(after, before, "what is over changes nothing");
    }

    fn server(&mut self, verb: Verb, number: u8) {
        let Wire::Up(_, peer) = &mut self.wire else {
            return;
        };
        let version = peer.version();
        let bytes = match verb {
            Verb::ConnAck => {
                let (bytes, terms) = packets::connack(version, number);
                peer.terms = peer.terms.or(terms);
                bytes
            }
            Verb::Acknowledge => match peer.nth_unacknowledged(number) {
                Some(id) => self.acknowledge(id, number / 16),
                // For nobody: no run comes that far.
                None => packets::puback(version, 60_000, 0),
            },
            Verb::AcknowledgeAll => {
                let ids: Vec<u16> = peer.unacknowledged.keys().copied().collect();
                ids.into_iter()
                    .flat_map(|id| self.acknowledge(id, number))
                    .collect()
            }
            Verb::Publish => self.publish(number),
            Verb::ChildPublish => self.publish_for_child(number),
            Verb::PingResp => alloc::vec![0xD0, 0],
            _ => {
                let code = DISCONNECT[usize::from(number) % DISCONNECT.len()];
                packets::packet(0xE0, &[&[code, 0]])
            }
        };
        self.deliver(&bytes, number);
    }

    /// The server acknowledges a packet, if it still waits for that.
    fn acknowledge(&mut self, id: u16, number: u8) -> Vec<u8> {
        let Wire::Up(_, peer) = &mut self.wire else {
            return Vec::new();
        };
        let version = peer.version();
        match peer.unacknowledged.remove(&id) {
            Some(Unacknowledged::Publish { numbers, announces }) => {
                let code = PUBACK[usize::from(number) % PUBACK.len()];
                if code < 0x80 || version == ProtocolVersion::V3_1_1 {
                    numbers
                        .into_iter()
                        .for_each(|number| self.ledger.acknowledged(number));
                    if let Some(announces) = announces {
                        peer.announced.acknowledged(announces);
                    }
                }
                packets::puback(version, id, code)
            }
            Some(Unacknowledged::Subscribe { filters }) => {
                let code = if number % 4 == 3 { 0x87 } else { 1 };
                packets::suback(version, id, filters, code)
            }
            Some(Unacknowledged::Unsubscribe { filters }) => {
                packets::unsuback(version, id, filters)
            }
            None => Vec::new(),
        }
    }

    /// Sends bytes to the client. Large numbers leave the last bytes on the way, to come with the next.
    fn deliver(&mut self, bytes: &[u8], number: u8) {
        let Wire::Up(link, peer) = &mut self.wire else {
            return;
        };
        peer.held.extend_from_slice(bytes);
        let kept = if number >= 64 {
            usize::from(number % 8).min(peer.held.len())
        } else {
            0
        };
        let rest = peer.held.split_off(peer.held.len() - kept);
        let data = core::mem::replace(&mut peer.held, rest);
        self.largest_input = self.largest_input.max(data.len());
        self.client.handle_input(self.now, *link, &data);
    }

    /// Bytes that are whatever they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if let Wire::Up(_, peer) = &mut self.wire {
            peer.unreadable = true;
            self.ledger.anything_acknowledged = true;
        }
        self.deliver(bytes, 0);
    }
}

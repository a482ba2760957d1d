//! What a client did that ThingsBoard lets pass, but that is a mistake all the same.

use serde::de::IgnoredAny;

use super::backend::DeviceId;
use super::formats::Format;
use super::packets::Publish;
use super::simulator::{ConnectionId, Simulator};
use super::topics::{Family, Uplink};

/// Mistakes beyond so many are not kept: one would be enough to fail a test.
const MOST_KEPT: usize = 10_000;

/// A client's mistake that the server does not punish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A PUBLISH took an identifier whose PUBACK has not been sent on this connection
    /// [MQTT-2.2.1-4].
    IdentifierInUse {
        /// Connection.
        connection: ConnectionId,
        /// Identifier.
        packet_id: u16,
    },
    /// A payload that only a lenient parser reads as JSON, or none does.
    NotStrictJson {
        /// Connection.
        connection: ConnectionId,
        /// Topic.
        topic: String,
    },
    /// An uplink that vanishes on the server and is never acknowledged (C-032, C-052, C-131).
    NeverAcknowledged {
        /// Connection.
        connection: ConnectionId,
        /// Topic.
        topic: String,
    },
    /// A message for a child that did not exist and had not been connected: it is created with the
    /// profile `default` for ever (C-127).
    CreatedWithoutConnect {
        /// Connection of the gateway.
        connection: ConnectionId,
        /// Child.
        child: String,
    },
}

impl Simulator {
    /// The mistakes of all clients, in the order in which they were made.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The most QoS 1 messages that any connection had unacknowledged at one time.
    #[must_use]
    pub const fn most_in_flight(&self) -> usize {
        self.most_in_flight
    }

    pub(super) fn note(&mut self, violation: Violation) {
        if self.violations.len() < MOST_KEPT {
            self.violations.push(violation);
        }
    }

    /// Takes an identifier until its PUBACK is sent.
    pub(super) fn take_identifier(&mut self, id: ConnectionId, packet_id: u16) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let fresh = connection.unacknowledged.insert(packet_id);
        self.most_in_flight = self.most_in_flight.max(connection.unacknowledged.len());
        if !fresh {
            self.note(Violation::IdentifierInUse {
                connection: id,
                packet_id,
            });
        }
    }

    pub(super) fn release_identifier(&mut self, id: ConnectionId, packet_id: u16) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.unacknowledged.remove(&packet_id);
        }
    }

    pub(super) fn judge_payload(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        uplink: Uplink<'_>,
        packet: &Publish,
    ) {
        let json = match uplink {
            Uplink::Gateway => self.uplink_formats(device, Family::V1) == [Format::Json],
            Uplink::Telemetry(family)
            | Uplink::Attributes(family)
            | Uplink::AttributeRequest(family, _)
            | Uplink::RpcRequest(family, _) => {
                self.uplink_formats(device, family) == [Format::Json]
            }
            // Both may be empty, and a reply may be any text.
            Uplink::Claim | Uplink::RpcResponse(..) | Uplink::OtaChunk(_) | Uplink::Unknown => {
                false
            }
        };
        if json && serde_json::from_slice::<IgnoredAny>(&packet.payload).is_err() {
            self.note(Violation::NotStrictJson {
                connection: id,
                topic: packet.topic.clone(),
            });
        }
    }

    pub(super) fn note_vanished(&mut self, id: ConnectionId, packet: &Publish) {
        if packet.packet_id.is_some() {
            self.note(Violation::NeverAcknowledged {
                connection: id,
                topic: packet.topic.clone(),
            });
        }
    }
}

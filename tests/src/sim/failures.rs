//! The failure classes of a publish and what each costs the client (reference §0.2).

use super::packets::Version;
use super::quirks;
use super::simulator::{ConnectionId, Simulator};

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Class A: the adaptor saw that payload or topic are invalid.
    Adaptor,
    /// Class U: a conversion error that nobody catches.
    Uncaught,
    /// Class Q: queue failure or rate limit.
    Submit,
    /// Class G: an exception inside a gateway or provision handler.
    Handler,
    /// Class E: one device's part of a gateway message is invalid, the others are stored.
    Element,
}

const PAYLOAD_FORMAT_INVALID: u8 = 0x99;
const IMPLEMENTATION_SPECIFIC: u8 = 0x83;
const SERVER_SHUTTING_DOWN: u8 = 0x8B;

impl Simulator {
    /// Makes the client feel that its publish failed.
    pub(super) fn fail_publish(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        failure: Failure,
    ) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        match (connection.version, failure, packet_id) {
            (Version::V3, Failure::Adaptor, Some(packet_id)) if self.acknowledges_invalid(id) => {
                self.acknowledge_with(id, packet_id, 0);
            }
            (Version::V5, Failure::Adaptor | Failure::Element, Some(packet_id)) => {
                self.acknowledge_with(id, packet_id, PAYLOAD_FORMAT_INVALID);
            }
            (Version::V5, Failure::Element, None) => {}
            (_, Failure::Handler, Some(packet_id)) => {
                self.acknowledge_with(id, packet_id, IMPLEMENTATION_SPECIFIC);
                self.close_with(id, IMPLEMENTATION_SPECIFIC);
            }
            (_, Failure::Adaptor | Failure::Element, _) => {
                self.close_with(id, PAYLOAD_FORMAT_INVALID);
            }
            (_, Failure::Submit | Failure::Handler, _) => {
                self.close_with(id, IMPLEMENTATION_SPECIFIC);
            }
            // Nominally "server shutting down"; it does not mean that.
            (_, Failure::Uncaught, _) => self.close_with(id, SERVER_SHUTTING_DOWN),
        }
    }

    /// Writes a PUBACK that no fault delays: codes travel with the close that follows them.
    pub(super) fn acknowledge_with(&mut self, id: ConnectionId, packet_id: u16, code: u8) {
        if let Some(connection) = self.connections.get(&id) {
            let version = connection.version;
            self.send_with(id, |out| quirks::puback(out, version, packet_id, code));
            self.release_identifier(id, packet_id);
        }
    }

    fn acknowledges_invalid(&self, id: ConnectionId) -> bool {
        self.connections
            .get(&id)
            .and_then(|connection| connection.session())
            .is_some_and(|session| self.backend.profile_of(session.device).acknowledges_invalid)
    }
}

//! Provisioning sessions (reference §7).

use super::failures::Failure;
use super::json::{Json, NotJson};
use super::packets::Publish;
use super::simulator::{ConnectionId, Simulator};
use super::topics;

impl Simulator {
    pub(super) fn publish_provision(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<(), Failure> {
        const TOPIC_NAME_INVALID: u8 = 0x90;
        if packet.topic != topics::PROVISION_REQUEST {
            if let Some(packet_id) = packet.packet_id {
                self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
            }
            self.close_with(id, TOPIC_NAME_INVALID);
            return Ok(());
        }
        match Json::parse(&packet.payload) {
            // Neither JSON nor a protobuf message that anybody reads here (reference §7.2).
            Err(NotJson) => Err(Failure::Adaptor),
            Ok(_) => Err(Failure::Handler),
        }
    }
}

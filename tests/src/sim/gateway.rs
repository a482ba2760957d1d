//! Topics of gateways (reference §9).

use super::failures::Failure;
use super::packets::Publish;
use super::publish::Taken;
use super::simulator::{ConnectionId, Simulator};

impl Simulator {
    pub(super) fn gateway_publish(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        const TOPIC_NAME_INVALID: u8 = 0x90;
        if let Some(packet_id) = packet.packet_id {
            self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
        }
        Ok(Taken::Answered)
    }
}

//! Gateways (reference §9).

mod children;
mod downlinks;
mod in_json;
mod in_protobuf;
mod messages;
mod metrics;
mod notices;

use super::failures::Failure;
use super::packets::Publish;
use super::publish::Taken;
use super::simulator::{ConnectionId, Simulator};

pub(super) use children::Children;
pub(super) use downlinks::RPC;
pub(super) use metrics::Latencies;

const TOPIC_NAME_INVALID: u8 = 0x90;

impl Simulator {
    pub(super) fn gateway_publish(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let topic = packet.topic.as_str();
        let known = [
            "v1/gateway/connect",
            "v1/gateway/disconnect",
            "v1/gateway/telemetry",
            "v1/gateway/attributes",
            "v1/gateway/attributes/request",
            "v1/gateway/rpc",
            "v1/gateway/claim",
        ];
        if !known.contains(&topic) {
            if let Some(packet_id) = packet.packet_id {
                self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
            }
            return Ok(Taken::Answered);
        }
        // The format is that of the gateway's own profile, and no other is tried.
        let device = self.device_of(id).ok_or(Failure::Submit)?;
        match self.protobuf_payloads(device) {
            None => self.gateway_publish_json(id, packet),
            Some(_) => self.gateway_publish_protobuf(id, packet),
        }
    }
}

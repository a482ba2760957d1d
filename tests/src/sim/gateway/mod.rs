//! Uplinks of gateways (reference §9): JSON only, and without downlinks to children yet.

mod children;
mod messages;

use super::failures::Failure;
use super::json::{Json, NotJson};
use super::packets::Publish;
use super::publish::Taken;
use super::simulator::{ConnectionId, Simulator};

pub(super) use children::Children;

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
        let json = Json::parse(&packet.payload).map_err(|NotJson| Failure::Adaptor)?;
        match topic {
            "v1/gateway/connect" => self.gateway_connect(id, packet.packet_id, &json),
            "v1/gateway/disconnect" => self.gateway_disconnect(id, &json),
            "v1/gateway/telemetry" => self.gateway_telemetry(id, packet.packet_id, json),
            "v1/gateway/attributes" => self.gateway_attributes(id, packet.packet_id, json),
            "v1/gateway/attributes/request" => {
                self.gateway_attribute_request(id, packet.packet_id, &json)
            }
            "v1/gateway/rpc" => self.gateway_rpc_reply(id, packet.packet_id, &json),
            _ => self.gateway_claim(id, packet.packet_id, json),
        }
    }
}

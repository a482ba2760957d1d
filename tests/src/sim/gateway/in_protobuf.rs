//! Uplinks of gateways in protobuf (reference §11.6). What cannot be read is class A here.

use super::messages::{AttributeQuery, Reading, Upload};
use crate::sim::failures::Failure;
use crate::sim::formats::Format;
use crate::sim::packets::Publish;
use crate::sim::protobuf::{self, GatewayAttributesRequest, NotProtobuf};
use crate::sim::publish::Taken;
use crate::sim::simulator::{ConnectionId, Simulator};

impl Simulator {
    pub(super) fn gateway_publish_protobuf(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let (packet_id, payload) = (packet.packet_id, packet.payload.as_slice());
        match packet.topic.as_str() {
            "v1/gateway/connect" => {
                let (name, device_type) = adapted(protobuf::gateway_connect(payload))?;
                let device_type = match device_type.as_str() {
                    "" => "default",
                    other => other,
                };
                self.gateway_connect(id, packet_id, filled(&name)?, device_type)
            }
            "v1/gateway/disconnect" => {
                let (name, _) = adapted(protobuf::gateway_connect(payload))?;
                self.gateway_disconnect(id, filled(&name)?)
            }
            "v1/gateway/telemetry" => {
                let parts = named(adapted(protobuf::gateway_telemetry(payload))?)?;
                let parts = parts
                    .into_iter()
                    .map(|(name, points)| (name, points.map(Upload::without_passages).into()));
                self.gateway_telemetry(id, packet_id, parts.collect())
            }
            "v1/gateway/attributes" => {
                let parts = named(adapted(protobuf::gateway_attributes(payload))?)?;
                let parts = parts
                    .into_iter()
                    .map(|(name, values)| (name, values.into()));
                self.gateway_attributes(id, packet_id, parts.collect())
            }
            "v1/gateway/attributes/request" => {
                let request = adapted(GatewayAttributesRequest::read(payload))?;
                let query = AttributeQuery {
                    request: request.id,
                    device: filled(&request.device)?.to_owned(),
                    client: request.client,
                    keys: request.keys,
                };
                self.gateway_attribute_request(id, packet_id, &query, Format::Protobuf)
            }
            "v1/gateway/rpc" => {
                let (name, request, data) = adapted(protobuf::gateway_rpc_reply(payload))?;
                self.gateway_rpc_reply(id, packet_id, filled(&name)?, request, data)
            }
            _ => {
                let parts = named(adapted(protobuf::gateway_claims(payload))?)?;
                let parts = parts
                    .into_iter()
                    .map(|(name, claim)| (name, Reading::Given(claim.into())));
                self.gateway_claim(id, packet_id, parts.collect())
            }
        }
    }
}

fn adapted<T>(read: Result<T, NotProtobuf>) -> Result<T, Failure> {
    read.map_err(|NotProtobuf| Failure::Adaptor)
}

fn filled(name: &str) -> Result<&str, Failure> {
    if name.is_empty() {
        Err(Failure::Adaptor)
    } else {
        Ok(name)
    }
}

/// At least one part, and each with a name.
fn named<T>(parts: Vec<(String, T)>) -> Result<Vec<(String, T)>, Failure> {
    if parts.is_empty() || parts.iter().any(|(name, _)| name.is_empty()) {
        return Err(Failure::Adaptor);
    }
    Ok(parts)
}

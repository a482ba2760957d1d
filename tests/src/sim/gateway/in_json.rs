//! Uplinks of gateways in JSON. What cannot be read is an error of the handler (C-126).

use super::messages::{AttributeQuery, Parts, Reading, Upload};
use super::metrics::{Incomplete, Passage};
use crate::sim::claim::Claim;
use crate::sim::failures::Failure;
use crate::sim::formats::Format;
use crate::sim::json::{Json, NotJson, type_members};
use crate::sim::packets::Publish;
use crate::sim::publish::Taken;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::stored::TypedValue;
use crate::sim::topics;

impl Simulator {
    pub(super) fn gateway_publish_json(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let packet_id = packet.packet_id;
        let json = Json::parse(&packet.payload).map_err(|NotJson| Failure::Adaptor)?;
        match packet.topic.as_str() {
            "v1/gateway/connect" => {
                let device_type = json.member("type").and_then(Json::as_text);
                let device_type = device_type.as_deref().unwrap_or("default");
                self.gateway_connect(id, packet_id, &device_name(&json)?, device_type)
            }
            "v1/gateway/disconnect" => self.gateway_disconnect(id, &device_name(&json)?),
            "v1/gateway/telemetry" => {
                let parts = self.telemetry_parts(json)?;
                self.gateway_telemetry(id, packet_id, parts)
            }
            "v1/gateway/attributes" => {
                let parts = self.attribute_parts(json)?;
                self.gateway_attributes(id, packet_id, parts)
            }
            "v1/gateway/attributes/request" => {
                let query = AttributeQuery::from_json(&json)?;
                self.gateway_attribute_request(id, packet_id, &query, Format::Json)
            }
            "v1/gateway/rpc" => {
                let name = device_name(&json)?;
                let request = request_id(&json)?;
                let data = json.member("data").ok_or(Failure::Handler)?;
                let data = data.to_text_with_nulls();
                self.gateway_rpc_reply(id, packet_id, &name, request, data)
            }
            _ => {
                let parts = parts(json, |value| matches!(value, Json::Object(_)))?;
                let parts = parts
                    .into_iter()
                    .map(|(name, value)| (name, Reading::from(Claim::read(&value))));
                self.gateway_claim(id, packet_id, parts.collect())
            }
        }
    }

    fn telemetry_parts(&self, json: Json) -> Result<Parts<Upload>, Failure> {
        let parts = parts(json, |value| matches!(value, Json::Array(_)))?;
        let read = |value: Json| {
            if value == Json::Array(Vec::new()) {
                Reading::Empty
            } else {
                self.read_upload(value).into()
            }
        };
        let parts = parts.into_iter().map(|(name, value)| (name, read(value)));
        Ok(parts.collect())
    }

    fn read_upload(&self, elements: Json) -> Result<Upload, Failure> {
        let passages = Passage::read_all(&elements).map_err(|Incomplete| Failure::Element)?;
        let batches = self.read_telemetry(elements)?;
        Ok(Upload { batches, passages })
    }

    fn attribute_parts(&self, json: Json) -> Result<Parts<Vec<(String, TypedValue)>>, Failure> {
        let parts = parts(json, |value| matches!(value, Json::Object(_)))?;
        let read = |value: Json| match value {
            Json::Object(members) => type_members(members, self.typing_rules()).into(),
            _ => Reading::Invalid,
        };
        let parts = parts.into_iter().map(|(name, value)| (name, read(value)));
        Ok(parts.collect())
    }
}

impl AttributeQuery {
    fn from_json(json: &Json) -> Result<Self, Failure> {
        let client = json.member("client").and_then(Json::as_text);
        Ok(Self {
            device: device_name(json)?,
            request: request_id(json)?,
            client: client.ok_or(Failure::Handler)?.eq_ignore_ascii_case("true"),
            keys: requested_keys(json)?,
        })
    }
}

/// The member `device`: text or number, not empty (C-126).
fn device_name(json: &Json) -> Result<String, Failure> {
    json.member("device")
        .and_then(Json::as_text)
        .filter(|name| !name.is_empty())
        .ok_or(Failure::Handler)
}

/// The members of the right shape; the others are skipped unless there is no right one (C-129).
fn parts(json: Json, right: impl Fn(&Json) -> bool) -> Result<Vec<(String, Json)>, Failure> {
    let Json::Object(mut members) = json else {
        return Err(Failure::Handler);
    };
    members.retain(|(_, value)| right(value));
    if members.is_empty() || members.iter().any(|(name, _)| name.is_empty()) {
        return Err(Failure::Handler);
    }
    Ok(members)
}

fn request_id(json: &Json) -> Result<i32, Failure> {
    json.member("id")
        .and_then(Json::as_text)
        .and_then(|text| topics::request_id(&text))
        .ok_or(Failure::Handler)
}

/// `key` wins over `keys`; names that occur twice count once.
fn requested_keys(json: &Json) -> Result<Vec<String>, Failure> {
    if let Some(key) = json.member("key") {
        return Ok(vec![key.as_text().ok_or(Failure::Handler)?]);
    }
    let Some(Json::Array(elements)) = json.member("keys") else {
        return Err(Failure::Handler);
    };
    let mut keys: Vec<String> = Vec::new();
    for element in elements {
        let key = element.as_text().ok_or(Failure::Handler)?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

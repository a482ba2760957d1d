//! Messages for children: one part per child, one acknowledgement for all.

use super::children::{NoChild, device_name};
use crate::sim::agenda::Job;
use crate::sim::attributes;
use crate::sim::backend::{Confirmation, DeviceId};
use crate::sim::charges::Charged;
use crate::sim::claim::Claim;
use crate::sim::failures::Failure;
use crate::sim::json::{Json, NotJson, quote, type_members};
use crate::sim::packets::Version;
use crate::sim::publish::Taken;
use crate::sim::rate_limits::Cost;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::telemetry;
use crate::sim::topics;

/// What became of one child's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Stored,
    Invalid,
    /// Accepted, but nothing will ever confirm it (C-131).
    NeverConfirmed,
    OverLimit,
    NoChild(NoChild),
}

impl Simulator {
    pub(super) fn gateway_telemetry(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        json: Json,
    ) -> Result<Taken, Failure> {
        let parts = parts(json, |value| matches!(value, Json::Array(_)))?;
        self.for_each_child(id, packet_id, parts, |simulator, device, value| {
            if value == Json::Array(Vec::new()) {
                return Part::NeverConfirmed;
            }
            match simulator.read_telemetry(value) {
                Ok(batches) => {
                    let cost = telemetry::cost(&batches);
                    if !simulator.charge_for_child(id, Charged::Telemetry, cost) {
                        return Part::OverLimit;
                    }
                    simulator.store_telemetry(device, batches, None);
                    Part::Stored
                }
                Err(_) => Part::Invalid,
            }
        })
    }

    pub(super) fn gateway_attributes(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        json: Json,
    ) -> Result<Taken, Failure> {
        let parts = parts(json, |value| matches!(value, Json::Object(_)))?;
        self.for_each_child(id, packet_id, parts, |simulator, device, value| {
            let Json::Object(members) = value else {
                return Part::Invalid;
            };
            match type_members(members, simulator.typing_rules()) {
                Ok(values) => {
                    let cost = attributes::cost(&values);
                    if !simulator.charge_for_child(id, Charged::Attributes, cost) {
                        return Part::OverLimit;
                    }
                    simulator.store_client_attributes(device, values);
                    Part::Stored
                }
                Err(NotJson) => Part::Invalid,
            }
        })
    }

    pub(super) fn gateway_claim(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        json: Json,
    ) -> Result<Taken, Failure> {
        let parts = parts(json, |value| matches!(value, Json::Object(_)))?;
        self.for_each_child(
            id,
            packet_id,
            parts,
            |simulator, device, value| match Claim::read(&value) {
                Ok(_) if !simulator.charge_for_child(id, Charged::Claim, Cost::Regular) => {
                    Part::OverLimit
                }
                Ok(claim) => {
                    simulator.store_claim(device, claim);
                    Part::Stored
                }
                Err(_) => Part::Invalid,
            },
        )
    }

    pub(super) fn gateway_rpc_reply(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        json: &Json,
    ) -> Result<Taken, Failure> {
        let name = device_name(json)?;
        let request = request_id(json)?;
        let data = json.member("data").ok_or(Failure::Handler)?;
        match self.child(id, &name, "default") {
            Ok(_) if !self.charge_for_child(id, Charged::RpcReply, Cost::Regular) => {
                Ok(self.refuse_over_limit(id, packet_id))
            }
            Ok(device) => {
                self.take_reply(device, request, data.to_text_with_nulls());
                Ok(Taken::Queued(Confirmation::AtOnce))
            }
            Err(refused) => self.refuse_child(id, packet_id, refused),
        }
    }

    pub(super) fn gateway_attribute_request(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        json: &Json,
    ) -> Result<Taken, Failure> {
        let name = device_name(json)?;
        let request = request_id(json)?;
        let client = json.member("client").and_then(Json::as_text);
        let client = client.ok_or(Failure::Handler)?.eq_ignore_ascii_case("true");
        let keys = requested_keys(json)?;
        let device = match self.child(id, &name, "default") {
            Ok(device) => device,
            Err(refused) => return self.refuse_child(id, packet_id, refused),
        };
        if !self.charge_for_child(id, Charged::AttributeRequest, Cost::Regular) {
            return Ok(self.refuse_over_limit(id, packet_id));
        }
        let found = self.find_for_gateway(device, client, &keys);
        let mut body = format!("{{\"id\":{request},\"device\":");
        quote(&mut body, &name);
        body.push_str(&found);
        body.push('}');
        let at = self.core_time();
        self.agenda.schedule(
            at,
            Job::GatewayDownlink {
                connection: id,
                topic: "v1/gateway/attributes/response",
                body,
            },
        );
        Ok(Taken::Queued(Confirmation::AtOnce))
    }

    /// `,"value":…` for one requested key, `,"values":{…}` for several, nothing if none was found.
    fn find_for_gateway(&self, device: DeviceId, client: bool, keys: &[String]) -> String {
        let device = self.backend.device(device);
        let scopes = match (client, keys.is_empty()) {
            (_, true) => vec![&device.client, &device.shared],
            (true, false) => vec![&device.client],
            (false, false) => vec![&device.shared],
        };
        let mut text = String::new();
        for scope in scopes {
            let found: Vec<_> = scope
                .iter()
                .filter(|(key, _)| keys.is_empty() || keys.contains(key))
                .collect();
            let single = if keys.is_empty() {
                found.len() == 1
            } else {
                keys.len() == 1
            };
            match found.as_slice() {
                [] => {}
                [(_, value)] if single => {
                    text.push_str(",\"value\":");
                    text.push_str(&attributes::json_text(&value.value));
                }
                several => {
                    let members = several
                        .iter()
                        .map(|(key, value)| (key.as_str(), attributes::json_text(&value.value)))
                        .collect();
                    text.push_str(",\"values\":");
                    text.push_str(&attributes::object_text(members));
                }
            }
        }
        text
    }

    /// Charges what a child sends to its gateway.
    fn charge_for_child(&mut self, id: ConnectionId, message: Charged, cost: Cost) -> bool {
        self.device_of(id)
            .is_none_or(|gateway| self.charge_child(gateway, message, cost))
    }

    /// Children over their gateway's limit: PUBACK, and TCP ends without a word. At QoS 0 MQTT 5 drops
    /// the message and goes on (C-138).
    fn refuse_over_limit(&mut self, id: ConnectionId, packet_id: Option<u16>) -> Taken {
        const QUOTA_EXCEEDED: u8 = 0x97;
        let version = self
            .connections
            .get(&id)
            .map(|connection| connection.version);
        if let Some(packet_id) = packet_id {
            self.acknowledge_with(id, packet_id, QUOTA_EXCEEDED);
        } else if version == Some(Version::V5) {
            return Taken::Answered;
        }
        self.close(id);
        Taken::Answered
    }

    /// Handles every child's part, then acknowledges them together.
    fn for_each_child(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        parts: Vec<(String, Json)>,
        mut handle: impl FnMut(&mut Self, DeviceId, Json) -> Part,
    ) -> Result<Taken, Failure> {
        let mut outcomes = Vec::with_capacity(parts.len());
        for (name, value) in parts {
            let outcome = match self.child(id, &name, "default") {
                Ok(device) => handle(self, device, value),
                Err(refused) => Part::NoChild(refused),
            };
            outcomes.push((name, outcome));
        }
        let any = |wanted| outcomes.iter().any(|&(_, outcome)| outcome == wanted);
        if packet_id.is_none() {
            self.notify_disconnects(id, &outcomes);
        }
        if any(Part::Invalid) {
            Err(Failure::Element)
        } else if any(Part::OverLimit) {
            Ok(self.refuse_over_limit(id, packet_id))
        } else if any(Part::NoChild(NoChild::MessageLimit)) {
            self.refuse_child(id, packet_id, NoChild::MessageLimit)
        } else if any(Part::NoChild(NoChild::DeviceLimit)) {
            self.refuse_child(id, packet_id, NoChild::DeviceLimit)
        } else if any(Part::NeverConfirmed) {
            Ok(Taken::Vanished)
        } else {
            Ok(Taken::Queued(Confirmation::AtOnce))
        }
    }

    /// At QoS 0 on MQTT 5 every part but the one that comes last is announced as disconnected, although
    /// nothing was (C-139); an invalid part counts as the last.
    fn notify_disconnects(&mut self, id: ConnectionId, outcomes: &[(String, Part)]) {
        let version = self
            .connections
            .get(&id)
            .map(|connection| connection.version);
        if version != Some(Version::V5) {
            return;
        }
        let mut noticed: Vec<_> = outcomes
            .iter()
            .filter(|&&(_, outcome)| outcome == Part::Stored)
            .collect();
        if noticed.len() == outcomes.len() {
            noticed.pop();
        }
        for (name, _) in noticed {
            let mut body = String::from("{\"device\":");
            quote(&mut body, name);
            body.push_str(",\"reason\":129}");
            self.publish_downlink(id, "v1/gateway/disconnect", body.as_bytes());
        }
    }
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

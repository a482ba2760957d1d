//! Uplinks of gateways (reference §9): what reaches the back-end, and what a bad payload costs.
//!
//! Children have no sessions of their own here: nothing goes down to them, and the limits of gateways
//! are not counted.

use super::backend::{Confirmation, DeviceId};
use super::claim::Claim;
use super::control::QueueKind;
use super::failures::Failure;
use super::json::{Json, NotJson, quote, type_members};
use super::packets::{Publish, Version};
use super::publish::Taken;
use super::setup::DeviceSetup;
use super::simulator::{ConnectionId, Simulator};
use super::stored::{Stored, TypedValue};
use super::telemetry::Points;

const DEFAULT_TYPE: &str = "default";

/// Topics whose payload names many children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartKind {
    Telemetry,
    Attributes,
    Claim,
}

/// One child's part of a message, read.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Telemetry(Vec<Points>),
    Attributes(Vec<(String, TypedValue)>),
    Claim(Claim),
}

/// How one child's part ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartOutcome {
    Stored,
    /// An empty array: nobody ever calls back (C-131).
    Vanished,
    /// Class E.
    Invalid,
    QueueFailed,
    /// The child cannot be created.
    NoChild,
}

impl Simulator {
    pub(super) fn gateway_publish(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        match packet.topic.as_str() {
            "v1/gateway/telemetry" => self.parts(id, PartKind::Telemetry, packet),
            "v1/gateway/attributes" => self.parts(id, PartKind::Attributes, packet),
            "v1/gateway/claim" => self.parts(id, PartKind::Claim, packet),
            "v1/gateway/connect" => {
                let json = read(&packet.payload)?;
                let name = child_name(&json)?;
                let kind = json.member("type").and_then(Json::as_text);
                let kind = kind.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
                let outcome = match self.child(id, &name, &kind) {
                    Some(_) => PartOutcome::Stored,
                    None => PartOutcome::NoChild,
                };
                self.finish_parts(id, packet, &[(name, outcome)])
            }
            "v1/gateway/disconnect" => {
                let name = child_name(&read(&packet.payload)?)?;
                if let Some(session) = self.session_mut(id) {
                    session.children.remove(&name);
                }
                Ok(Taken::Queued(Confirmation::AtOnce))
            }
            "v1/gateway/rpc" => {
                let json = read(&packet.payload)?;
                let name = child_name(&json)?;
                let call = number(&json, "id")?;
                let data = json.member("data").ok_or(Failure::Handler)?;
                if let Some(child) = self.child(id, &name, DEFAULT_TYPE) {
                    self.take_reply(child, call, data.to_text_with_nulls());
                }
                Ok(Taken::Queued(Confirmation::AtOnce))
            }
            "v1/gateway/attributes/request" => {
                let json = read(&packet.payload)?;
                let name = child_name(&json)?;
                number(&json, "id")?;
                let scope = json.member("client").and_then(Json::as_text);
                let keys = json.member("key").or_else(|| json.member("keys"));
                if scope.is_none() || keys.is_none() {
                    return Err(Failure::Handler);
                }
                self.child(id, &name, DEFAULT_TYPE);
                Ok(Taken::Queued(Confirmation::AtOnce))
            }
            _ => {
                const TOPIC_NAME_INVALID: u8 = 0x90;
                if let Some(packet_id) = packet.packet_id {
                    self.acknowledge_with(id, packet_id, TOPIC_NAME_INVALID);
                }
                Ok(Taken::Answered)
            }
        }
    }

    fn parts(
        &mut self,
        id: ConnectionId,
        kind: PartKind,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let Json::Object(members) = read(&packet.payload)? else {
            return Err(Failure::Handler);
        };
        // Members of another shape are skipped in silence, unless there is nothing else (C-129).
        let fits = |part: &Json| match kind {
            PartKind::Telemetry => matches!(part, Json::Array(_)),
            PartKind::Attributes | PartKind::Claim => matches!(part, Json::Object(_)),
        };
        let mut outcomes = Vec::new();
        for (name, part) in members.into_iter().filter(|(_, part)| fits(part)) {
            let outcome = self.part(id, kind, &name, part);
            outcomes.push((name, outcome));
        }
        if outcomes.is_empty() {
            return Err(Failure::Handler);
        }
        self.finish_parts(id, packet, &outcomes)
    }

    fn part(&mut self, id: ConnectionId, kind: PartKind, name: &str, part: Json) -> PartOutcome {
        let Some(child) = self.child(id, name, DEFAULT_TYPE) else {
            return PartOutcome::NoChild;
        };
        let Ok(part) = self.read_part(kind, part) else {
            return PartOutcome::Invalid;
        };
        if part == Part::Telemetry(Vec::new()) {
            return PartOutcome::Vanished;
        }
        if self.backend.queue_fails(child, part.queue_kind()) {
            return PartOutcome::QueueFailed;
        }
        match part {
            Part::Telemetry(points) => self.store_telemetry(child, points, None),
            Part::Attributes(values) => self.store_client_attributes(child, values),
            Part::Claim(claim) => self.store_claim(child, claim),
        }
        PartOutcome::Stored
    }

    fn read_part(&self, kind: PartKind, part: Json) -> Result<Part, Failure> {
        match (kind, part) {
            (PartKind::Telemetry, part) => self.read_telemetry(part).map(Part::Telemetry),
            (PartKind::Attributes, Json::Object(members)) => {
                let values = type_members(members, self.typing_rules());
                values
                    .map(Part::Attributes)
                    .map_err(|NotJson| Failure::Element)
            }
            (PartKind::Attributes, _) => Err(Failure::Element),
            (PartKind::Claim, part) => Claim::read(&part).map(Part::Claim),
        }
    }

    /// One PUBACK for the whole message; a QoS 0 message on MQTT 5 brings notices instead (§9.10).
    fn finish_parts(
        &mut self,
        id: ConnectionId,
        packet: &Publish,
        outcomes: &[(String, PartOutcome)],
    ) -> Result<Taken, Failure> {
        const QUOTA_EXCEEDED: u8 = 0x97;
        const UNSPECIFIED_ERROR: u8 = 0x80;
        let any = |wanted| outcomes.iter().any(|(_, outcome)| *outcome == wanted);
        if packet.packet_id.is_none() {
            self.notice_stored(id, outcomes);
        }
        if any(PartOutcome::QueueFailed) {
            if let Some(packet_id) = packet.packet_id {
                self.acknowledge_with(id, packet_id, UNSPECIFIED_ERROR);
                self.close(id);
            }
            return Ok(Taken::Answered);
        }
        if any(PartOutcome::Invalid) {
            return Err(Failure::Element);
        }
        if any(PartOutcome::NoChild) {
            if let Some(packet_id) = packet.packet_id {
                self.acknowledge_with(id, packet_id, QUOTA_EXCEEDED);
            }
            return Ok(Taken::Answered);
        }
        if any(PartOutcome::Vanished) {
            return Ok(Taken::Vanished);
        }
        Ok(Taken::Queued(Confirmation::AtOnce))
    }

    /// The acknowledgement of a QoS 0 message fails for every child but the last that is stored; the
    /// server reports it as if these children had been disconnected (C-139).
    fn notice_stored(&mut self, id: ConnectionId, outcomes: &[(String, PartOutcome)]) {
        if !self.speaks_v5(id) {
            return;
        }
        let stored = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == PartOutcome::Stored);
        for (name, _) in stored.take(outcomes.len().saturating_sub(1)) {
            let mut notice = String::from("{\"device\":");
            quote(&mut notice, name);
            notice.push_str(",\"reason\":129}");
            self.publish_downlink(id, "v1/gateway/disconnect", notice.as_bytes());
        }
    }

    /// Finds the child, creates it if there is none, and connects it.
    fn child(&mut self, id: ConnectionId, name: &str, kind: &str) -> Option<DeviceId> {
        let session = self.session_mut(id)?;
        let gateway = session.device;
        let known = session.children.get(name).copied();
        if let Some(child) = known
            && !self.backend.device(child).deleted
        {
            return Some(child);
        }
        let existing = self.backend.device_named(name);
        if existing.is_none() && self.setup.max_devices.is_some() {
            return None;
        }
        let child = existing.unwrap_or_else(|| {
            let limits = self.new_device_limits(false);
            let setup = DeviceSetup {
                name: name.to_owned(),
                profile: Some(kind.to_owned()),
                ..DeviceSetup::default()
            };
            self.backend.create(&setup, limits)
        });
        self.record(Stored::GatewayChild {
            gateway: self.backend.device(gateway).name.clone(),
            child: name.to_owned(),
            device_type: kind.to_owned(),
            created: existing.is_none(),
        });
        if let Some(session) = self.session_mut(id) {
            session.children.insert(name.to_owned(), child);
        }
        Some(child)
    }

    fn speaks_v5(&self, id: ConnectionId) -> bool {
        self.connections
            .get(&id)
            .is_some_and(|connection| connection.version == Version::V5)
    }
}

impl Part {
    const fn queue_kind(&self) -> QueueKind {
        match self {
            Self::Telemetry(_) => QueueKind::Telemetry,
            Self::Attributes(_) => QueueKind::Attributes,
            Self::Claim(_) => QueueKind::Claim,
        }
    }
}

/// Malformed JSON is class A; what parses and has the wrong shape is class G (reference §17, 11).
fn read(payload: &[u8]) -> Result<Json, Failure> {
    Json::parse(payload).map_err(|NotJson| Failure::Adaptor)
}

fn child_name(json: &Json) -> Result<String, Failure> {
    json.member("device")
        .and_then(Json::as_text)
        .filter(|name| !name.is_empty())
        .ok_or(Failure::Handler)
}

fn number(json: &Json, name: &str) -> Result<i32, Failure> {
    json.member(name)
        .and_then(Json::as_text)
        .and_then(|text| text.parse().ok())
        .ok_or(Failure::Handler)
}

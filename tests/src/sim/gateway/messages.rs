//! Messages for children: one part per child, one acknowledgement for all.

use super::children::NoChild;
use super::metrics::Passage;
use crate::sim::agenda::Job;
use crate::sim::attributes;
use crate::sim::backend::{Confirmation, DeviceId};
use crate::sim::charges::Charged;
use crate::sim::claim::Claim;
use crate::sim::control::QueueKind;
use crate::sim::failures::Failure;
use crate::sim::faults::ChildPoison;
use crate::sim::formats::Format;
use crate::sim::json::quote;
use crate::sim::packets::Version;
use crate::sim::protobuf;
use crate::sim::publish::Taken;
use crate::sim::rate_limits::Cost;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::stored::TypedValue;
use crate::sim::telemetry::{self, Points};

/// What a message says for one child.
pub(super) enum Reading<T> {
    Given(T),
    /// It cannot be read.
    Invalid,
    /// Nothing is sent to the queue, so nothing will ever confirm it (C-131).
    Empty,
}

impl<T, E> From<Result<T, E>> for Reading<T> {
    fn from(outcome: Result<T, E>) -> Self {
        outcome.map_or(Self::Invalid, Self::Given)
    }
}

/// The parts of a message, by the names of the children.
pub(super) type Parts<T> = Vec<(String, Reading<T>)>;

/// The telemetry of one child.
pub(super) struct Upload {
    pub(super) batches: Vec<Points>,
    pub(super) passages: Vec<Passage>,
}

impl Upload {
    /// Protobuf has no place for them.
    pub(super) const fn without_passages(batches: Vec<Points>) -> Self {
        Self {
            batches,
            passages: Vec::new(),
        }
    }
}

/// What became of one child's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Stored,
    Invalid,
    NeverConfirmed,
    OverLimit,
    NotQueued,
    Poisoned(ChildPoison),
    NoChild(NoChild),
}

/// A request for attributes of a child.
pub(super) struct AttributeQuery {
    pub(super) request: i32,
    pub(super) device: String,
    pub(super) client: bool,
    pub(super) keys: Vec<String>,
}

impl Simulator {
    pub(super) fn gateway_telemetry(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        parts: Parts<Upload>,
    ) -> Result<Taken, Failure> {
        let gateway = self.device_of(id).ok_or(Failure::Submit)?;
        let cost = |upload: &Upload| telemetry::cost(&upload.batches);
        self.for_each_child(
            id,
            packet_id,
            parts,
            (QueueKind::Telemetry, cost),
            |simulator, device, upload| {
                simulator.note_passages(gateway, &upload.passages);
                simulator.store_telemetry(device, upload.batches, None);
            },
        )
    }

    pub(super) fn gateway_attributes(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        parts: Parts<Vec<(String, TypedValue)>>,
    ) -> Result<Taken, Failure> {
        let cost = |values: &Vec<(String, TypedValue)>| attributes::cost(values);
        self.for_each_child(
            id,
            packet_id,
            parts,
            (QueueKind::Attributes, cost),
            Self::store_client_attributes,
        )
    }

    pub(super) fn gateway_claim(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        parts: Parts<Claim>,
    ) -> Result<Taken, Failure> {
        let cost = |_: &Claim| Cost::Regular;
        self.for_each_child(
            id,
            packet_id,
            parts,
            (QueueKind::Claim, cost),
            Self::store_claim,
        )
    }

    pub(super) fn gateway_rpc_reply(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        name: &str,
        request: i32,
        data: String,
    ) -> Result<Taken, Failure> {
        match self.active_child(id, name) {
            Ok(_) if !self.charge_for_child(id, Charged::RpcReply, Cost::Regular) => {
                Ok(self.refuse_over_limit(id, packet_id))
            }
            Ok(device) => {
                self.take_reply(device, request, data);
                Ok(Taken::Queued(Confirmation::AtOnce))
            }
            Err(refused) => self.refuse_child(id, packet_id, refused),
        }
    }

    pub(super) fn gateway_attribute_request(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        query: &AttributeQuery,
        format: Format,
    ) -> Result<Taken, Failure> {
        let device = match self.active_child(id, &query.device) {
            Ok(device) => device,
            Err(refused) => return self.refuse_query(id, packet_id, refused),
        };
        if !self.charge_for_child(id, Charged::AttributeRequest, Cost::Regular) {
            return Ok(self.refuse_over_limit(id, packet_id));
        }
        let body = match format {
            Format::Json => self.json_for_gateway(device, query).into_bytes(),
            Format::Protobuf => self.protobuf_for_gateway(device, query),
        };
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

    fn protobuf_for_gateway(&self, device: DeviceId, query: &AttributeQuery) -> Vec<u8> {
        let device = self.backend.device(device);
        let keys = Some(query.keys.as_slice());
        let everything = query.keys.is_empty();
        let found = |values, wanted: bool| {
            if wanted || everything {
                attributes::select(values, keys, everything)
            } else {
                Vec::new()
            }
        };
        let response = protobuf::attributes_response(
            query.request,
            &found(&device.client, query.client),
            &found(&device.shared, !query.client),
            query.keys.len() > 1,
        );
        protobuf::for_child(&query.device, &response)
    }

    /// `"value":…` for one requested key, `"values":{…}` for several, nothing if none was found.
    fn json_for_gateway(&self, device: DeviceId, query: &AttributeQuery) -> String {
        let device = self.backend.device(device);
        let keys = &query.keys;
        let scopes = match (query.client, keys.is_empty()) {
            (_, true) => vec![&device.client, &device.shared],
            (true, false) => vec![&device.client],
            (false, false) => vec![&device.shared],
        };
        let mut text = format!("{{\"id\":{},\"device\":", query.request);
        quote(&mut text, &query.device);
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
        text.push('}');
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

    /// At QoS 0 nobody notices.
    fn refuse_not_queued(&mut self, id: ConnectionId, packet_id: Option<u16>) -> Taken {
        const UNSPECIFIED_ERROR: u8 = 0x80;
        if let Some(packet_id) = packet_id {
            self.acknowledge_with(id, packet_id, UNSPECIFIED_ERROR);
            self.close(id);
        }
        Taken::Answered
    }

    /// Handles every child's part, then acknowledges them together.
    fn for_each_child<T>(
        &mut self,
        id: ConnectionId,
        packet_id: Option<u16>,
        parts: Parts<T>,
        (kind, cost): (QueueKind, impl Fn(&T) -> Cost),
        store: impl Fn(&mut Self, DeviceId, T),
    ) -> Result<Taken, Failure> {
        let mut outcomes = Vec::with_capacity(parts.len());
        for (name, reading) in parts {
            let poison = self.faults.poisoned_children.get(&name).copied();
            let outcome = match (self.active_child(id, &name), poison, reading) {
                (Err(refused), ..) => Part::NoChild(refused),
                (Ok(_), Some(poison), _) => Part::Poisoned(poison),
                (Ok(_), None, Reading::Invalid) => Part::Invalid,
                (Ok(_), None, Reading::Empty) => Part::NeverConfirmed,
                (Ok(device), None, Reading::Given(content)) => {
                    if !self.charge_for_child(id, kind.into(), cost(&content)) {
                        Part::OverLimit
                    } else if self.backend.queue_fails(device, kind) {
                        Part::NotQueued
                    } else {
                        store(self, device, content);
                        Part::Stored
                    }
                }
            };
            outcomes.push((name, outcome));
        }
        let any = |wanted| outcomes.iter().any(|&(_, outcome)| outcome == wanted);
        if packet_id.is_none() {
            self.notify_disconnects(id, &outcomes);
        }
        if any(Part::Poisoned(ChildPoison::HangUp)) {
            self.close(id);
            Ok(Taken::Answered)
        } else if any(Part::Poisoned(ChildPoison::Uncaught)) {
            Err(Failure::Uncaught)
        } else if any(Part::Poisoned(ChildPoison::Handler)) {
            Err(Failure::Handler)
        } else if any(Part::Invalid) || any(Part::Poisoned(ChildPoison::Element)) {
            Err(Failure::Element)
        } else if any(Part::OverLimit) {
            Ok(self.refuse_over_limit(id, packet_id))
        } else if any(Part::NotQueued) {
            Ok(self.refuse_not_queued(id, packet_id))
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

//! Client attributes, attribute requests and shared attribute updates (reference §3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::agenda::Job;
use super::backend::{Attribute, DeviceId};
use super::control::QueueKind;
use super::failures::Failure;
use super::formats::Format;
use super::json::{Json, NotJson, java_double, quote, type_members};
use super::protobuf::{self, AttributesRequest, NotProtobuf, TimedAttribute};
use super::publish::Taken;
use super::rate_limits::Cost;
use super::simulator::{ConnectionId, Simulator};
use super::stored::{Stored, TypedValue};
use super::topics::{self, Family};

/// A change of shared attributes on its way to the device.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// Keys with their new values.
    Updated(Vec<(String, TypedValue)>),
    Deleted(Vec<String>),
}

/// What a device asks for; `None`: it does not ask in this scope.
struct Query {
    request: i32,
    client: Option<Vec<String>>,
    shared: Option<Vec<String>>,
}

/// What the core has found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    request: i32,
    client: Vec<TimedAttribute>,
    shared: Vec<TimedAttribute>,
    several_requested: bool,
}

impl Simulator {
    pub(super) fn client_attributes(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        family: Family,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let values = self.read_uplink(device, family, |format| {
            let json = match format {
                Format::Json => Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?,
                Format::Protobuf => {
                    let payloads = self.protobuf_payloads(device);
                    let schema = payloads.and_then(|payloads| payloads.attributes.as_ref());
                    let json = schema.ok_or(Failure::Adaptor)?.to_json(payload);
                    json.map_err(|NotProtobuf| Failure::Adaptor)?
                }
            };
            let Json::Object(members) = json else {
                return Err(Failure::Adaptor);
            };
            type_members(members, self.typing_rules()).map_err(|NotJson| Failure::Adaptor)
        })?;
        let taken = self.enqueue(id, device, QueueKind::Attributes, cost(&values))?;
        self.store_client_attributes(device, values);
        Ok(taken)
    }

    pub(super) fn store_client_attributes(
        &mut self,
        device: DeviceId,
        values: Vec<(String, TypedValue)>,
    ) {
        let unix_ms = self.unix_ms();
        for (key, value) in values {
            let device = self.backend.device_mut(device);
            let attribute = Attribute {
                value: value.clone(),
                unix_ms,
            };
            device.client.insert(key.clone(), attribute);
            let device = device.name.clone();
            self.record(Stored::ClientAttribute { device, key, value });
        }
    }

    pub(super) fn attribute_request(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        family: Family,
        request: &str,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let query = self.read_uplink(device, family, |format| match format {
            Format::Json => Query::from_json(payload, request),
            Format::Protobuf => Query::from_protobuf(payload, request),
        })?;
        let taken = self.enqueue(id, device, QueueKind::AttrRequest, Cost::Regular)?;
        // Set after the request was dispatched, and never tied to it (C-076).
        if let Some(session) = self.session_mut(id) {
            session.families.attribute_responses = family;
        }
        // A negative identifier cannot be answered: the adaptor drops the response (C-074).
        if query.request >= 0 && !self.drops_response() {
            let at = self.core_time();
            self.agenda.schedule(
                at,
                Job::AttributeResponse {
                    connection: id,
                    found: self.find_attributes(device, &query),
                },
            );
        }
        Ok(taken)
    }

    pub(super) fn send_attribute_response(&mut self, id: ConnectionId, found: &Found) {
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let device = session.device;
        let family = session.families.attribute_responses;
        let payload = match self.downlink_format(device, family) {
            Format::Json => found.to_text().into_bytes(),
            Format::Protobuf => protobuf::attributes_response(
                found.request,
                &found.client,
                &found.shared,
                found.several_requested,
            ),
        };
        self.publish_downlink(id, &family.attribute_response(found.request), &payload);
    }

    pub(super) fn set_shared(&mut self, device: DeviceId, values: &Map<String, Value>) {
        let unix_ms = self.unix_ms();
        let mut updated = Vec::with_capacity(values.len());
        for (key, value) in values {
            let value = TypedValue::from_json(value);
            updated.push((key.clone(), value.clone()));
            let shared = &mut self.backend.device_mut(device).shared;
            shared.insert(key.clone(), Attribute { value, unix_ms });
        }
        self.push_change(device, &Change::Updated(updated));
    }

    /// Keys that never existed are announced all the same.
    pub(super) fn delete_shared(&mut self, device: DeviceId, keys: Vec<String>) {
        for key in &keys {
            self.backend.device_mut(device).shared.remove(key);
        }
        self.push_change(device, &Change::Deleted(keys));
    }

    fn push_change(&mut self, device: DeviceId, change: &Change) {
        let late = self.faults.push_delays_ms.pop_front().unwrap_or_default();
        let at = self.core_time().plus_millis(late);
        self.push_change_to_gateways(at, device, change);
        for id in self.sessions_of(device) {
            let subscribed = self
                .session_mut(id)
                .is_some_and(|session| session.subscriptions.attribute_updates);
            if subscribed {
                self.agenda.schedule(
                    at,
                    Job::AttributePush {
                        connection: id,
                        change: change.clone(),
                    },
                );
            }
        }
    }

    pub(super) fn send_attribute_push(&mut self, id: ConnectionId, change: &Change) {
        let unix_ms = self.unix_ms();
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let device = session.device;
        let family = session.families.attribute_updates;
        let payload = match self.downlink_format(device, family) {
            Format::Json => change.to_text().into_bytes(),
            Format::Protobuf => change.to_protobuf(unix_ms),
        };
        self.publish_downlink(id, family.attribute_updates(), &payload);
    }

    fn find_attributes(&self, device: DeviceId, query: &Query) -> Found {
        let device = self.backend.device(device);
        let everything = query.client.is_none() && query.shared.is_none();
        let requested = query.client.iter().chain(&query.shared).flatten().count();
        Found {
            request: query.request,
            client: select(&device.client, query.client.as_deref(), everything),
            shared: select(&device.shared, query.shared.as_deref(), everything),
            several_requested: requested > 1,
        }
    }
}

impl Query {
    fn from_json(payload: &[u8], request: &str) -> Result<Self, Failure> {
        let request = topics::request_id(request).ok_or(Failure::Adaptor)?;
        let json = Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?;
        if !matches!(json, Json::Object(_)) {
            return Err(Failure::Adaptor);
        }
        let list = |name| match json.member(name) {
            None => Ok(None),
            Some(list) => Ok(keys(&list.as_text().ok_or(Failure::Adaptor)?)),
        };
        Ok(Self {
            request,
            client: list("clientKeys")?,
            shared: list("sharedKeys")?,
        })
    }

    /// Here an identifier that is no number is left uncaught (reference §11.5), and an empty list is
    /// none.
    fn from_protobuf(payload: &[u8], request: &str) -> Result<Self, Failure> {
        let message = AttributesRequest::read(payload).map_err(|NotProtobuf| Failure::Adaptor)?;
        let list = |text: &str| keys(text).filter(|_| !text.is_empty());
        Ok(Self {
            request: topics::request_id(request).ok_or(Failure::Uncaught)?,
            client: list(&message.client_keys),
            shared: list(&message.shared_keys),
        })
    }
}

impl Found {
    /// Scopes without a match are left out (C-072).
    fn to_text(&self) -> String {
        let scopes = [("client", &self.client), ("shared", &self.shared)];
        let members = scopes
            .into_iter()
            .filter(|(_, found)| !found.is_empty())
            .map(|(scope, found)| {
                let members = found
                    .iter()
                    .map(|attribute| (attribute.key.as_str(), json_text(&attribute.value)));
                (scope, object_text(members.collect()))
            });
        object_text(members.collect())
    }
}

impl Change {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Updated(values) => object_text(
                values
                    .iter()
                    .map(|(key, value)| (key.as_str(), json_text(value)))
                    .collect(),
            ),
            Self::Deleted(keys) => {
                let mut text = String::from("{\"deleted\":[");
                for (position, key) in keys.iter().enumerate() {
                    if position > 0 {
                        text.push(',');
                    }
                    quote(&mut text, key);
                }
                text.push_str("]}");
                text
            }
        }
    }

    pub(super) fn to_protobuf(&self, unix_ms: i64) -> Vec<u8> {
        match self {
            Self::Updated(values) => protobuf::attributes_updated(unix_ms, values),
            Self::Deleted(keys) => protobuf::attributes_deleted(keys),
        }
    }
}

/// A message without entries counts as a regular one (reference §14.5).
pub(super) fn cost(values: &[(String, TypedValue)]) -> Cost {
    match values.len() as u64 {
        0 => Cost::Regular,
        entries => Cost::Telemetry(entries),
    }
}

/// Attributes in the order in which they were asked for, each once.
pub(super) fn select(
    values: &BTreeMap<String, Attribute>,
    keys: Option<&[String]>,
    everything: bool,
) -> Vec<TimedAttribute> {
    let mut found: Vec<TimedAttribute> = Vec::new();
    let mut take = |key: &String| {
        if let Some(attribute) = values.get(key)
            && found.iter().all(|known| known.key != *key)
        {
            found.push(TimedAttribute {
                key: key.clone(),
                value: attribute.value.clone(),
                unix_ms: attribute.unix_ms,
            });
        }
    };
    if everything {
        values.keys().for_each(&mut take);
    } else {
        keys.unwrap_or_default().iter().for_each(&mut take);
    }
    found
}

pub(super) fn object_text(members: Vec<(&str, String)>) -> String {
    let mut text = String::from("{");
    for (position, (key, value)) in members.into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        quote(&mut text, key);
        text.push(':');
        text.push_str(&value);
    }
    text.push('}');
    text
}

/// A stored value as the transport prints it: numbers in Java's way.
pub(super) fn json_text(value: &TypedValue) -> String {
    match value {
        TypedValue::Boolean(value) => value.to_string(),
        TypedValue::Long(value) => value.to_string(),
        TypedValue::Double(value) => java_double(*value),
        TypedValue::String(text) => {
            let mut out = String::new();
            quote(&mut out, text);
            out
        }
        TypedValue::Json(text) => text.clone(),
    }
}

/// The keys of a list; `None` if it splits into nothing.
fn keys(text: &str) -> Option<Vec<String>> {
    // Java's split drops empty pieces at the end, but leaves one if there is nothing else.
    let mut pieces: Vec<_> = text.split(',').map(str::to_owned).collect();
    if pieces.len() > 1 {
        while pieces.last().is_some_and(String::is_empty) {
            pieces.pop();
        }
    }
    (!pieces.is_empty()).then_some(pieces)
}

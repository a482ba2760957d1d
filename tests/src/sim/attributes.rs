//! Client attributes, attribute requests and shared attribute updates (reference §3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::agenda::Job;
use super::backend::DeviceId;
use super::control::QueueKind;
use super::failures::Failure;
use super::json::{Json, NotJson, java_double, quote, type_members};
use super::protobuf::{self, AttributesRequest, NotProtobuf};
use super::publish::{Format, Taken};
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

/// What an attribute request asks for: keys by scope, `None` where it names no scope.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query {
    client: Option<Vec<String>>,
    shared: Option<Vec<String>>,
}

/// What was found for an attribute request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    client: Vec<(String, TypedValue)>,
    shared: Vec<(String, TypedValue)>,
    several_keys: bool,
}

impl Simulator {
    pub(super) fn client_attributes(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let Ok(Json::Object(members)) = Json::parse(payload) else {
            return Err(Failure::Adaptor);
        };
        let values =
            type_members(members, self.typing_rules()).map_err(|NotJson| Failure::Adaptor)?;
        let cost = match values.len() as u64 {
            0 => Cost::Regular,
            entries => Cost::Telemetry(entries),
        };
        let taken = self.enqueue(id, device, QueueKind::Attributes, cost)?;
        self.store_client_attributes(device, values);
        Ok(taken)
    }

    pub(super) fn store_client_attributes(
        &mut self,
        device: DeviceId,
        values: Vec<(String, TypedValue)>,
    ) {
        for (key, value) in values {
            let device = self.backend.device_mut(device);
            device.client.insert(key.clone(), value.clone());
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
        let number = topics::request_id(request);
        let (request, query) = match self.format(device, family) {
            Format::Json => (number.ok_or(Failure::Adaptor)?, Query::read_json(payload)?),
            Format::Protobuf => match AttributesRequest::read(payload) {
                // Where JSON is class A, the protobuf adaptor lets the exception go (§11.5).
                Ok(read) => (number.ok_or(Failure::Uncaught)?, Query::from(read)),
                Err(NotProtobuf) if self.tries_json(device, family) => {
                    (number.ok_or(Failure::Adaptor)?, Query::read_json(payload)?)
                }
                Err(NotProtobuf) => return Err(Failure::Adaptor),
            },
        };
        let taken = self.enqueue(id, device, QueueKind::AttrRequest, Cost::Regular)?;
        // Set after the request was dispatched, and never tied to it (C-076).
        if let Some(session) = self.session_mut(id) {
            session.families.attribute_responses = family;
        }
        // A negative identifier cannot be answered: the adaptor drops the response (C-074).
        if request >= 0 && !self.drops_response() {
            let found = self.find_attributes(device, &query);
            let at = self.core_time();
            self.agenda.schedule(
                at,
                Job::AttributeResponse {
                    connection: id,
                    request,
                    found,
                },
            );
        }
        Ok(taken)
    }

    pub(super) fn send_attribute_response(
        &mut self,
        id: ConnectionId,
        request: i32,
        found: &Found,
    ) {
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let (device, family) = (session.device, session.families.attribute_responses);
        let payload = match self.downlink_format(device, family) {
            Format::Json => found.to_text().into_bytes(),
            Format::Protobuf => protobuf::attribute_response(
                request,
                &found.client,
                &found.shared,
                found.several_keys,
                self.unix_ms(),
            ),
        };
        self.publish_downlink(id, &family.attribute_response(request), &payload);
    }

    pub(super) fn set_shared(&mut self, device: DeviceId, values: &Map<String, Value>) {
        let mut updated = Vec::with_capacity(values.len());
        for (key, value) in values {
            let value = TypedValue::from_json(value);
            updated.push((key.clone(), value.clone()));
            self.backend
                .device_mut(device)
                .shared
                .insert(key.clone(), value);
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
        let at = self.core_time();
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
        let (device, family) = (session.device, session.families.attribute_updates);
        let payload = match (self.downlink_format(device, family), change) {
            (Format::Json, _) => change.to_text().into_bytes(),
            (Format::Protobuf, Change::Updated(values)) => {
                protobuf::attributes_updated(values, self.unix_ms())
            }
            (Format::Protobuf, Change::Deleted(keys)) => protobuf::attributes_deleted(keys),
        };
        self.publish_downlink(id, family.attribute_updates(), &payload);
    }

    fn find_attributes(&self, device: DeviceId, query: &Query) -> Found {
        let device = self.backend.device(device);
        let everything = query.client.is_none() && query.shared.is_none();
        let asked = [&query.client, &query.shared];
        let keys: usize = asked.into_iter().flatten().map(Vec::len).sum();
        Found {
            client: select(&device.client, query.client.as_deref(), everything),
            shared: select(&device.shared, query.shared.as_deref(), everything),
            several_keys: everything || keys > 1,
        }
    }
}

impl Query {
    fn read_json(payload: &[u8]) -> Result<Self, Failure> {
        let json = Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?;
        if !matches!(json, Json::Object(_)) {
            return Err(Failure::Adaptor);
        }
        let keys = |name| match json.member(name) {
            Some(list) => list
                .as_text()
                .map(|text| split(&text))
                .ok_or(Failure::Adaptor),
            None => Ok(None),
        };
        Ok(Self {
            client: keys("clientKeys")?,
            shared: keys("sharedKeys")?,
        })
    }
}

impl From<AttributesRequest> for Query {
    fn from(request: AttributesRequest) -> Self {
        let keys = |list: Option<String>| list.and_then(|text| split(&text));
        Self {
            client: keys(request.client_keys),
            shared: keys(request.shared_keys),
        }
    }
}

impl Found {
    /// The response: scopes without a match are left out (C-072).
    fn to_text(&self) -> String {
        let mut body = String::from("{");
        for (scope, found) in [("client", &self.client), ("shared", &self.shared)] {
            if found.is_empty() {
                continue;
            }
            if body.len() > 1 {
                body.push(',');
            }
            quote(&mut body, scope);
            body.push(':');
            let found = found.iter().map(|(key, value)| (key, value));
            body.push_str(&object_text(found));
        }
        body.push('}');
        body
    }
}

impl Change {
    fn to_text(&self) -> String {
        match self {
            Self::Updated(values) => object_text(values.iter().map(|(key, value)| (key, value))),
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

    fn to_protobuf(&self, unix_ms: i64) -> Vec<u8> {
        match self {
            Self::Updated(values) => protobuf::attributes_updated(unix_ms, values),
            Self::Deleted(keys) => protobuf::attributes_deleted(keys),
        }
    }
}

/// The attributes asked for, in the order of the request, each once.
fn select(
    values: &BTreeMap<String, TypedValue>,
    keys: Option<&[String]>,
    everything: bool,
) -> Vec<(String, TypedValue)> {
    if everything {
        return (values.iter())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
    }
    let mut found: Vec<(String, TypedValue)> = Vec::new();
    for key in keys.unwrap_or_default() {
        if let Some(value) = values.get(key)
            && !found.iter().any(|(known, _)| known == key)
        {
            found.push((key.clone(), value.clone()));
        }
    }
    found
}

pub(super) fn object_text<'a>(
    members: impl IntoIterator<Item = (&'a String, &'a TypedValue)>,
) -> String {
    let mut text = String::from("{");
    for (position, (key, value)) in members.into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        quote(&mut text, key);
        text.push(':');
        text.push_str(&json_text(value));
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

/// The keys of a list: `None` if it splits into nothing.
fn split(text: &str) -> Option<Vec<String>> {
    // Java's split drops empty pieces at the end, but leaves one if there is nothing else.
    let mut pieces: Vec<_> = text.split(',').map(str::to_owned).collect();
    if pieces.len() > 1 {
        while pieces.last().is_some_and(String::is_empty) {
            pieces.pop();
        }
    }
    (!pieces.is_empty()).then_some(pieces)
}

//! Client attributes, attribute requests and shared attribute updates (reference §3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::agenda::Job;
use super::backend::DeviceId;
use super::control::QueueKind;
use super::failures::Failure;
use super::json::{Json, NotJson, java_double, quote, type_members};
use super::protobuf;
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
        let taken = self.enqueue(id, device, QueueKind::Attributes, cost(&values))?;
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
        family: Family,
        request: &str,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let request = topics::request_id(request).ok_or(Failure::Adaptor)?;
        let json = Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?;
        if !matches!(json, Json::Object(_)) {
            return Err(Failure::Adaptor);
        }
        let client = keys(&json, "clientKeys")?;
        let shared = keys(&json, "sharedKeys")?;
        let device = self.device_of(id).ok_or(Failure::Submit)?;
        let taken = self.enqueue(id, device, QueueKind::AttrRequest, Cost::Regular)?;
        // Set after the request was dispatched, and never tied to it (C-076).
        if let Some(session) = self.session_mut(id) {
            session.families.attribute_responses = family;
        }
        // A negative identifier cannot be answered: the adaptor drops the response (C-074).
        if request >= 0 && !self.drops_response() {
            let body = self.find_attributes(device, client.as_deref(), shared.as_deref());
            let at = self.core_time();
            self.agenda.schedule(
                at,
                Job::AttributeResponse {
                    connection: id,
                    request,
                    body,
                },
            );
        }
        Ok(taken)
    }

    pub(super) fn send_attribute_response(&mut self, id: ConnectionId, request: i32, body: &str) {
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let topic = session
            .families
            .attribute_responses
            .attribute_response(request);
        self.publish_downlink(id, &topic, body.as_bytes());
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
        let device = session.device;
        let family = session.families.attribute_updates;
        let payload = match self.format(device, family) {
            Format::Json => change.to_text().into_bytes(),
            Format::Protobuf => change.to_protobuf(unix_ms),
        };
        self.publish_downlink(id, family.attribute_updates(), &payload);
    }

    /// The response: scopes without a match are left out (C-072).
    fn find_attributes(
        &self,
        device: DeviceId,
        client: Option<&[String]>,
        shared: Option<&[String]>,
    ) -> String {
        let device = self.backend.device(device);
        let everything = client.is_none() && shared.is_none();
        let mut body = String::from("{");
        for (scope, keys, values) in [
            ("client", client, &device.client),
            ("shared", shared, &device.shared),
        ] {
            let found = select(values, keys, everything);
            if found.is_empty() {
                continue;
            }
            if body.len() > 1 {
                body.push(',');
            }
            quote(&mut body, scope);
            body.push(':');
            body.push_str(&object_text(found));
        }
        body.push('}');
        body
    }
}

impl Change {
    fn to_text(&self) -> String {
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

    fn to_protobuf(&self, unix_ms: i64) -> Vec<u8> {
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

fn select<'a>(
    values: &'a BTreeMap<String, TypedValue>,
    keys: Option<&[String]>,
    everything: bool,
) -> Vec<(&'a str, String)> {
    values
        .iter()
        .filter(|(key, _)| everything || keys.is_some_and(|keys| keys.contains(key)))
        .map(|(key, value)| (key.as_str(), json_text(value)))
        .collect()
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

/// The key list of a request: `None` if it is absent or splits into nothing.
fn keys(request: &Json, name: &str) -> Result<Option<Vec<String>>, Failure> {
    let Some(list) = request.member(name) else {
        return Ok(None);
    };
    let text = list.as_text().ok_or(Failure::Adaptor)?;
    // Java's split drops empty pieces at the end, but leaves one if there is nothing else.
    let mut pieces: Vec<_> = text.split(',').map(str::to_owned).collect();
    if pieces.len() > 1 {
        while pieces.last().is_some_and(String::is_empty) {
            pieces.pop();
        }
    }
    Ok((!pieces.is_empty()).then_some(pieces))
}

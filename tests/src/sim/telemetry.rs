//! Telemetry upload (reference §2).

use super::backend::DeviceId;
use super::control::QueueKind;
use super::failures::Failure;
use super::formats::Format;
use super::json::{Json, NotJson, to_long, type_members};
use super::packets::Publish;
use super::protobuf::NotProtobuf;
use super::publish::Taken;
use super::rate_limits::Cost;
use super::setup::TransportType;
use super::simulator::{ConnectionId, Simulator};
use super::stored::{Stored, Timestamp, TypedValue};
use super::topics::Family;

/// Values with the time that the device gave, if it did.
pub(super) type Points = (Option<i64>, Vec<(String, TypedValue)>);

impl Simulator {
    pub(super) fn telemetry(
        &mut self,
        id: ConnectionId,
        device: DeviceId,
        family: Family,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let batches = self.read_uplink(device, family, |format| match format {
            Format::Json => {
                let json = Json::parse(&packet.payload).map_err(|NotJson| Failure::Adaptor)?;
                self.read_telemetry(json)
            }
            // Nothing that goes wrong here is left uncaught.
            Format::Protobuf => {
                let payloads = self.protobuf_payloads(device);
                let schema = payloads.and_then(|payloads| payloads.telemetry.as_ref());
                let json = schema.ok_or(Failure::Adaptor)?.to_json(&packet.payload);
                let batches = self.read_telemetry(json.map_err(|NotProtobuf| Failure::Adaptor)?);
                batches.map_err(|_| Failure::Adaptor)
            }
        })?;
        if batches.is_empty() {
            // Nothing is sent to the queue, so nothing ever calls back (C-052).
            return Ok(Taken::Vanished);
        }
        let taken = self.enqueue(id, device, QueueKind::Telemetry, cost(&batches))?;
        self.store_telemetry(device, batches, Some(&packet.topic));
        Ok(taken)
    }

    /// The accepted forms: an object, or an array of objects, each with or without time.
    pub(super) fn read_telemetry(&self, json: Json) -> Result<Vec<Points>, Failure> {
        match json {
            Json::Array(elements) => elements
                .into_iter()
                .map(|element| self.read_points(element))
                .collect(),
            object @ Json::Object(_) => Ok(vec![self.read_points(object)?]),
            _ => Err(Failure::Adaptor),
        }
    }

    fn read_points(&self, element: Json) -> Result<Points, Failure> {
        let timed = element.member("ts").is_some() && element.member("values").is_some();
        let Json::Object(mut members) = element else {
            return Err(Failure::Adaptor);
        };
        let mut ts = None;
        if timed {
            let mut take = |name| {
                members
                    .iter()
                    .position(|(key, _)| key == name)
                    .map(|position| members.swap_remove(position).1)
            };
            ts = Some(timestamp(&take("ts").ok_or(Failure::Adaptor)?)?);
            match take("values") {
                Some(Json::Object(values)) => members = values,
                _ => return Err(Failure::Adaptor),
            }
        }
        let values =
            type_members(members, self.typing_rules()).map_err(|NotJson| Failure::Adaptor)?;
        Ok((ts, values))
    }

    pub(super) fn store_telemetry(
        &mut self,
        device: DeviceId,
        batches: Vec<Points>,
        topic: Option<&str>,
    ) {
        if !self.setup.server.record_stored {
            return;
        }
        let server_time = Timestamp::Server(self.unix_ms());
        let tagged = self.backend.profile_of(device).transport == TransportType::Mqtt;
        let topic = topic.filter(|_| tagged);
        for (_, values) in &batches {
            self.notice_update_reports(device, values);
        }
        let name = &self.backend.device(device).name;
        for (ts, values) in batches {
            let ts = ts.map_or(server_time, Timestamp::Device);
            self.stored
                .extend(values.into_iter().map(|(key, value)| Stored::Telemetry {
                    device: name.clone(),
                    ts,
                    key,
                    value,
                    topic: topic.map(str::to_owned),
                }));
        }
    }
}

/// A message without entries counts as a regular one (reference §14.5).
pub(super) fn cost(batches: &[Points]) -> Cost {
    match batches.iter().map(|(_, values)| values.len() as u64).sum() {
        0 => Cost::Regular,
        points => Cost::Telemetry(points),
    }
}

/// Gson's `getAsLong`. What it throws, and whether somebody catches it, depends on the JSON type
/// (C-054, reference §17, 1).
fn timestamp(json: &Json) -> Result<i64, Failure> {
    match json {
        Json::Number(text) => to_long(text).ok_or(Failure::Uncaught),
        Json::String(text) => text.parse().map_err(|_| Failure::Uncaught),
        Json::Array(elements) => match elements.as_slice() {
            [element] => timestamp(element),
            _ => Err(Failure::Adaptor),
        },
        Json::Null | Json::Boolean(_) | Json::Object(_) => Err(Failure::Uncaught),
    }
}

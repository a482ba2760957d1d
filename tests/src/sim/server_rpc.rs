//! Server-side RPC (reference §4): the core's list of calls, and their delivery.

use serde_json::Value;

use super::agenda::Job;
use super::backend::DeviceId;
use super::charges::Charged;
use super::control::{CallResult, QueueKind};
use super::failures::Failure;
use super::formats::Format;
use super::gateway;
use super::json::{Json, quote};
use super::protobuf::NotProtobuf;
use super::publish::Taken;
use super::rate_limits::Cost;
use super::session::AwaitedAck;
use super::simulator::{ConnectionId, Simulator};
use super::stored::{DeliveryStatus, Stored};
use super::time::Time;
use super::topics::{self, Family};

const DEFAULT_TIMEOUT_MS: u64 = 10_000;

/// The calls of one device that are not finished, and the number of the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Rpcs {
    next_id: i32,
    pending: Vec<Rpc>,
}

#[derive(Clone, Debug)]
pub(super) struct Rpc {
    serial: u64,
    pub(super) id: i32,
    call: String,
    pub(super) method: String,
    /// Text, usually JSON.
    pub(super) params: String,
    pub(super) oneway: bool,
    pub(super) persisted: bool,
    pub(super) deadline: Time,
    /// Handed to a session when it was issued; decides the text of its expiry.
    sent_at_once: bool,
}

/// A server-side RPC as an administrator issues it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) params: String,
    pub(super) oneway: bool,
    pub(super) persisted: bool,
    pub(super) timeout_ms: Option<u64>,
    pub(super) request_id: Option<i32>,
}

impl Simulator {
    /// Whether the outcome of the call of this name is still open.
    #[must_use]
    pub fn is_pending(&self, call: &str) -> bool {
        self.backend
            .devices()
            .any(|(_, device)| device.rpcs.pending.iter().any(|rpc| rpc.call == call))
    }

    pub(super) fn issue_rpc(&mut self, device: DeviceId, call: Call) {
        let serial = self.next_serial();
        let deadline = self
            .now
            .plus_millis(call.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS));
        let subscribed = self.rpc_sessions(device);
        let rpcs = &mut self.backend.device_mut(device).rpcs;
        let id = call.request_id.unwrap_or_else(|| {
            let id = rpcs.next_id;
            rpcs.next_id = id.wrapping_add(1);
            id
        });
        rpcs.pending.push(Rpc {
            serial,
            id,
            call: call.name,
            method: call.method,
            params: call.params,
            oneway: call.oneway,
            persisted: call.persisted,
            deadline,
            sent_at_once: !subscribed.is_empty(),
        });
        self.agenda
            .schedule(deadline, Job::RpcDeadline { device, serial });
        for connection in subscribed {
            self.hand_over(connection, device, id);
        }
    }

    /// Everything that is pending goes out at once, also what was delivered but not answered (BURST).
    pub(super) fn send_pending_rpcs(&mut self, connection: ConnectionId) {
        let Some(session) = self
            .connections
            .get(&connection)
            .and_then(|known| known.session())
        else {
            return;
        };
        let device = session.device;
        if session.subscriptions.rpc_requests {
            self.send_pending_rpcs_of(connection, device);
        }
    }

    /// Of the session's own device, or of a child, whose session subscribes by itself.
    pub(super) fn send_pending_rpcs_of(&mut self, connection: ConnectionId, device: DeviceId) {
        let pending: Vec<_> = self
            .backend
            .device(device)
            .rpcs
            .pending
            .iter()
            .map(|rpc| rpc.id)
            .collect();
        for id in pending {
            self.hand_over(connection, device, id);
        }
    }

    fn hand_over(&mut self, connection: ConnectionId, device: DeviceId, rpc: i32) {
        let at = self.core_time();
        self.agenda.schedule(
            at,
            Job::RpcRequest {
                connection,
                device,
                rpc,
            },
        );
    }

    pub(super) fn send_rpc_request(&mut self, connection: ConnectionId, device: DeviceId, id: i32) {
        let Some(rpc) = self.backend.device(device).rpcs.find(id).cloned() else {
            return;
        };
        let Some(session) = self.session_mut(connection) else {
            return;
        };
        let family = session.families.rpc_requests;
        let is_child = session.device != device;
        let (topic, payload) = if is_child {
            if !self.gateways_of(device).contains(&connection) {
                return;
            }
            let payload = self.child_rpc_payload(connection, device, &rpc);
            (gateway::RPC.to_owned(), payload)
        } else {
            let payload = self.rpc_payload(device, family, &rpc);
            (family.rpc_request(id), payload)
        };
        let Some(payload) = payload else {
            self.answer_for_the_device(device, &rpc);
            return;
        };
        let Some((downlink, qos)) = self.publish_downlink(connection, &topic, &payload) else {
            return;
        };
        if rpc.oneway && !rpc.persisted {
            self.finish_rpc(device, rpc.serial, &Outcome::Sent);
        }
        if qos == 0 {
            // Of a child this is told for a persistent RPC only.
            if rpc.persisted || !is_child {
                self.report(connection, device, id, DeliveryStatus::Delivered);
            }
            return;
        }
        if rpc.persisted {
            self.report(connection, device, id, DeliveryStatus::Sent);
        }
        // Nobody waits for the PUBACK of a gateway (reference §9.8).
        if is_child {
            return;
        }
        let patience = self
            .now
            .plus_millis(self.setup.server.rpc_puback_timeout_ms);
        if let Some(session) = self.session_mut(connection) {
            session
                .awaiting_ack
                .insert(downlink, AwaitedAck { rpc: id });
        }
        self.agenda.schedule(
            patience.min(rpc.deadline),
            Job::RpcAckTimeout {
                connection,
                downlink,
            },
        );
    }

    /// A PUBACK: of an RPC it is activity and delivery, of anything else it is nothing (C-020).
    pub(super) fn rpc_acknowledged(&mut self, connection: ConnectionId, packet_id: u16) {
        let Some(session) = self.session_mut(connection) else {
            return;
        };
        // Behind the wrap of the counter the numbers no longer match (reference §13.3).
        let Some(awaited) = session.awaiting_ack.remove(&u32::from(packet_id)) else {
            return;
        };
        let device = session.device;
        self.record_activity(connection);
        self.report(connection, device, awaited.rpc, DeliveryStatus::Delivered);
    }

    pub(super) fn rpc_ack_timeout(&mut self, connection: ConnectionId, downlink: u32) {
        let Some(session) = self.session_mut(connection) else {
            return;
        };
        let device = session.device;
        if let Some(awaited) = session.awaiting_ack.remove(&downlink) {
            self.report(connection, device, awaited.rpc, DeliveryStatus::Timeout);
        }
    }

    /// Tells the core; the report counts as a message and is dropped if that is too much.
    fn report(
        &mut self,
        connection: ConnectionId,
        device: DeviceId,
        id: i32,
        status: DeliveryStatus,
    ) {
        let Some(session) = self.session_mut(connection) else {
            return;
        };
        let own = session.device;
        let taken = if own == device {
            self.charge_device(own, Charged::RpcDelivery, Cost::Regular)
        } else {
            self.charge_child(own, Charged::RpcDelivery, Cost::Regular)
        };
        if !taken {
            return;
        }
        self.record(Stored::RpcDeliveryStatus {
            device: self.backend.device(device).name.clone(),
            id,
            status,
        });
        if status == DeliveryStatus::Delivered
            && let Some(rpc) = self.backend.device(device).rpcs.find(id)
            && rpc.oneway
        {
            let serial = rpc.serial;
            self.finish_rpc(device, serial, &Outcome::Sent);
        }
    }

    pub(super) fn rpc_response(
        &mut self,
        connection: ConnectionId,
        device: DeviceId,
        family: Family,
        request: &str,
        payload: &[u8],
    ) -> Result<Taken, Failure> {
        let id = topics::request_id(request).ok_or(Failure::Adaptor)?;
        let text = self.read_uplink(device, family, |format| match format {
            Format::Json => Ok(String::from_utf8_lossy(payload).into_owned()),
            // The caller sees the whole message.
            Format::Protobuf => {
                let payloads = self.protobuf_payloads(device);
                let schema = payloads.and_then(|payloads| payloads.rpc_response.as_ref());
                let json = schema.ok_or(Failure::Adaptor)?.to_json(payload);
                Ok(json.map_err(|NotProtobuf| Failure::Adaptor)?.to_text())
            }
        })?;
        let taken = self.enqueue(connection, device, QueueKind::RpcResponse, Cost::Regular)?;
        self.take_reply(device, id, text);
        Ok(taken)
    }

    /// The request for the device; the parameters are read leniently. `None`: they cannot be read, or do
    /// not fit into the profile's message.
    fn rpc_payload(&self, device: DeviceId, family: Family, rpc: &Rpc) -> Option<Vec<u8>> {
        let params = Json::parse(rpc.params.as_bytes()).ok()?;
        match self.downlink_format(device, family) {
            Format::Json => {
                let mut payload = String::from("{\"method\":");
                quote(&mut payload, &rpc.method);
                payload.push_str(",\"params\":");
                payload.push_str(&params.to_text_with_nulls());
                payload.push('}');
                Some(payload.into_bytes())
            }
            Format::Protobuf => {
                let schema = self.protobuf_payloads(device)?.rpc_request.as_ref()?;
                let members = vec![
                    ("method".to_owned(), Json::String(rpc.method.clone())),
                    ("requestId".to_owned(), Json::Number(rpc.id.to_string())),
                    ("params".to_owned(), params),
                ];
                schema.to_bytes(&Json::Object(members)).ok()
            }
        }
    }

    pub(super) fn take_reply(&mut self, device: DeviceId, id: i32, text: String) {
        let rpc = self
            .backend
            .device(device)
            .rpcs
            .find(id)
            .filter(|rpc| !rpc.oneway)
            .cloned();
        self.record(Stored::RpcReply {
            device: self.backend.device(device).name.clone(),
            id,
            payload: serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_str())),
            error: None,
            expected: rpc.is_some(),
        });
        if let Some(rpc) = rpc {
            self.finish_rpc(device, rpc.serial, &Outcome::Reply(text));
        }
    }

    /// Parameters that are not JSON never reach the device; the transport answers (C-090).
    fn answer_for_the_device(&mut self, device: DeviceId, rpc: &Rpc) {
        let mut error = String::new();
        quote(
            &mut error,
            &format!(
                "Failed to convert device RPC command to MQTT msg: {}{}",
                rpc.method, rpc.params
            ),
        );
        let text = format!("{{\"result\":\"INVALID_ARGUMENTS\",\"error\":{error}}}");
        self.record(Stored::RpcReply {
            device: self.backend.device(device).name.clone(),
            id: rpc.id,
            payload: Value::Null,
            error: Some(text.clone()),
            expected: true,
        });
        self.finish_rpc(device, rpc.serial, &Outcome::Reply(text));
    }

    pub(super) fn rpc_deadline(&mut self, device: DeviceId, serial: u64) {
        let rpcs = &self.backend.device(device).rpcs;
        let Some(rpc) = rpcs.pending.iter().find(|rpc| rpc.serial == serial) else {
            return;
        };
        let error = if rpc.sent_at_once {
            "TIMEOUT"
        } else {
            "NO_ACTIVE_CONNECTION"
        };
        self.finish_rpc(device, serial, &Outcome::Failed(error));
    }

    fn finish_rpc(&mut self, device: DeviceId, serial: u64, outcome: &Outcome) {
        let pending = &mut self.backend.device_mut(device).rpcs.pending;
        let Some(position) = pending.iter().position(|rpc| rpc.serial == serial) else {
            return;
        };
        let rpc = pending.remove(position);
        self.results.push_back(outcome.result(rpc.call, rpc.id));
    }

    /// Sessions of the device that have subscribed to RPC requests, and those of its gateways.
    fn rpc_sessions(&self, device: DeviceId) -> Vec<ConnectionId> {
        let mut sessions = self.sessions_of(device);
        sessions.retain(|id| {
            self.connections
                .get(id)
                .and_then(|connection| connection.session())
                .is_some_and(|session| session.subscriptions.rpc_requests)
        });
        sessions.extend(self.gateways_of(device));
        sessions
    }
}

#[derive(Clone, Debug)]
enum Outcome {
    Sent,
    Reply(String),
    Failed(&'static str),
}

impl Outcome {
    fn result(&self, call: String, id: i32) -> CallResult {
        let reply_text = match self {
            Self::Reply(text) => Some(text.clone()),
            _ => None,
        };
        CallResult {
            call,
            ok: !matches!(self, Self::Failed(_)),
            rpc_id: (!matches!(self, Self::Failed(_))).then_some(id),
            reply: reply_text
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            reply_text,
            sent: matches!(self, Self::Sent),
            error: match self {
                Self::Failed(error) => Some((*error).to_owned()),
                _ => None,
            },
        }
    }
}

impl Rpcs {
    fn find(&self, id: i32) -> Option<&Rpc> {
        self.pending.iter().find(|rpc| rpc.id == id)
    }
}

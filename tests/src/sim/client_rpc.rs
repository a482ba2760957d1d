//! Client-side RPC and getSessionLimits (reference §5).

use super::agenda::Job;
use super::backend::Confirmation;
use super::control::QueueKind;
use super::failures::Failure;
use super::formats::Format;
use super::json::{Json, NotJson, quote};
use super::packets::Publish;
use super::protobuf::{self, NotProtobuf, RpcRequest};
use super::publish::Taken;
use super::rate_limits::Cost;
use super::setup::ClientRpcFallback;
use super::simulator::{ConnectionId, Simulator};
use super::stored::Stored;
use super::topics::{self, Family};

/// What the rule chain says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// JSON text.
    Json(String),
    /// An error: a member of that name in JSON, a field in protobuf.
    Error(&'static str),
    /// Text that is not JSON: the transport swallows it, and no timeout follows.
    NotJson,
}

/// A request as the device made it.
struct Call {
    request: i32,
    method: String,
    params: Json,
}

impl Call {
    fn from_json(payload: &[u8], request: &str) -> Result<Self, Failure> {
        let json = Json::parse(payload).map_err(|NotJson| Failure::Adaptor)?;
        let request = topics::request_id(request).ok_or(Failure::Uncaught)?;
        if !matches!(json, Json::Object(_)) {
            return Err(Failure::Adaptor);
        }
        let method = json.member("method").and_then(Json::as_text);
        Ok(Self {
            request,
            method: method.ok_or(Failure::Uncaught)?,
            params: json.member("params").cloned().unwrap_or(Json::Null),
        })
    }

    fn from_protobuf(payload: &[u8], request: &str) -> Result<Self, Failure> {
        let message = RpcRequest::read(payload).map_err(|NotProtobuf| Failure::Adaptor)?;
        Ok(Self {
            request: topics::request_id(request).ok_or(Failure::Uncaught)?,
            method: message.method,
            params: Json::parse(message.params.as_bytes()).map_err(|NotJson| Failure::Adaptor)?,
        })
    }
}

impl Simulator {
    pub(super) fn client_rpc(
        &mut self,
        id: ConnectionId,
        family: Family,
        request: &str,
        packet: &Publish,
    ) -> Result<Taken, Failure> {
        let device = self.device_of(id).ok_or(Failure::Submit)?;
        let call = self.read_uplink(device, family, |format| match format {
            Format::Json => Call::from_json(&packet.payload, request),
            Format::Protobuf => Call::from_protobuf(&packet.payload, request),
        })?;
        if family == Family::V1 && call.method == "getSessionLimits" {
            self.answer_session_limits(id, call.request, packet.packet_id);
            return Ok(Taken::Quietly);
        }
        let taken = self.enqueue(id, device, QueueKind::RpcRequest, Cost::Regular)?;
        self.record(Stored::ClientRpc {
            device: self.backend.device(device).name.clone(),
            id: call.request,
            method: call.method.clone(),
            params: call.params.to_value(),
        });
        let serial = self.next_serial();
        if let Some(session) = self.session_mut(id) {
            session.families.client_rpc_responses = family;
            session.client_rpc.insert(call.request, serial);
        }
        self.schedule_reply(id, call.request, serial, &call.method, &call.params);
        Ok(taken)
    }

    fn schedule_reply(
        &mut self,
        connection: ConnectionId,
        request: i32,
        serial: u64,
        method: &str,
        params: &Json,
    ) {
        let timeout = self
            .now
            .plus_millis(self.setup.server.client_rpc_timeout_ms);
        self.agenda.schedule(
            timeout,
            Job::ClientRpcTimeout {
                connection,
                request,
                serial,
            },
        );
        if let Some((reply, extra_ms)) = self.rule_chain(method, params)
            && !self.drops_response()
        {
            let at = self.core_time().plus_millis(extra_ms);
            self.agenda.schedule(
                at,
                Job::ClientRpcReply {
                    connection,
                    request,
                    serial,
                    reply,
                },
            );
        }
    }

    /// The answer of the rule chain and how many milliseconds it takes; `None`: there is none.
    fn rule_chain(&self, method: &str, params: &Json) -> Option<(Reply, u64)> {
        if let Some(reply) = self.setup.client_rpc_replies.get(method) {
            return Some((Reply::Json(reply.to_string()), 0));
        }
        if self.setup.client_rpc_fallback == ClientRpcFallback::Timeout {
            return None;
        }
        let echo = || {
            let mut text = String::from("{\"method\":");
            quote(&mut text, method);
            text.push_str(",\"params\":");
            text.push_str(&params.to_text_with_nulls());
            text.push('}');
            Reply::Json(text)
        };
        match method {
            "noReply" => None,
            "error" => Some((Reply::Error("lab error"), 0)),
            "rawText" => Some((Reply::NotJson, 0)),
            "slow" => {
                let delay = params.member("delayMs").and_then(Json::as_text);
                Some((
                    echo(),
                    delay.and_then(|text| text.parse().ok()).unwrap_or(0),
                ))
            }
            _ => Some((echo(), 0)),
        }
    }

    pub(super) fn send_client_rpc_reply(
        &mut self,
        id: ConnectionId,
        request: i32,
        serial: u64,
        reply: &Reply,
    ) {
        if self.client_rpc_is_open(id, request, serial) {
            match reply {
                Reply::Json(text) => self.respond_to_client_rpc(id, request, Ok(text)),
                Reply::Error(error) => self.respond_to_client_rpc(id, request, Err(error)),
                Reply::NotJson => {}
            }
        }
    }

    pub(super) fn client_rpc_timeout(&mut self, id: ConnectionId, request: i32, serial: u64) {
        if self.client_rpc_is_open(id, request, serial) {
            self.respond_to_client_rpc(id, request, Err("timeout"));
        }
    }

    /// Takes the request off the list of those that wait.
    fn client_rpc_is_open(&mut self, id: ConnectionId, request: i32, serial: u64) -> bool {
        let Some(session) = self.session_mut(id) else {
            return false;
        };
        if session.client_rpc.get(&request) != Some(&serial) {
            return false;
        }
        session.client_rpc.remove(&request);
        true
    }

    fn respond_to_client_rpc(&mut self, id: ConnectionId, request: i32, reply: Result<&str, &str>) {
        let Some(session) = self.session_mut(id) else {
            return;
        };
        let family = session.families.client_rpc_responses;
        let device = session.device;
        let payload = match (self.downlink_format(device, family), reply) {
            (Format::Json, Ok(text)) => text.as_bytes().to_vec(),
            (Format::Json, Err(error)) => format!("{{\"error\":\"{error}\"}}").into_bytes(),
            (Format::Protobuf, reply) => protobuf::rpc_response(request, reply),
        };
        self.publish_downlink(id, &family.rpc_response(request), &payload);
    }

    /// The one method that the transport answers itself: PUBACK, then the limits (C-100).
    fn answer_session_limits(&mut self, id: ConnectionId, request: i32, packet_id: Option<u16>) {
        if let Some(packet_id) = packet_id {
            self.acknowledge(id, packet_id, Confirmation::AtOnce);
        }
        let Some(session) = self.session_mut(id) else {
            return;
        };
        session.families.client_rpc_responses = Family::V1;
        let gateway = session.gateway;
        if self.drops_response() {
            return;
        }
        let text = self.session_limits(gateway);
        self.respond_to_client_rpc(id, request, Ok(&text));
    }

    fn session_limits(&self, gateway: bool) -> String {
        let limits = &self.setup.tenant_limits;
        let own = if gateway {
            rate_limits(
                limits.gateway_device_messages.as_deref(),
                limits.gateway_device_telemetry_messages.as_deref(),
                limits.gateway_device_data_points.as_deref(),
            )
        } else {
            rate_limits(
                limits.device_messages.as_deref(),
                limits.device_telemetry_messages.as_deref(),
                limits.device_data_points.as_deref(),
            )
        };
        let children = if gateway {
            let children = rate_limits(
                limits.gateway_messages.as_deref(),
                limits.gateway_telemetry_messages.as_deref(),
                limits.gateway_data_points.as_deref(),
            );
            format!(",\"gatewayRateLimits\":{children}")
        } else {
            String::new()
        };
        format!(
            "{{\"maxPayloadSize\":{},\"maxInflightMessages\":{},\"rateLimits\":{own}{children}}}",
            self.setup.server.max_packet_remaining_length, self.setup.server.max_queued_packets,
        )
    }
}

fn rate_limits(
    messages: Option<&str>,
    telemetry_messages: Option<&str>,
    data_points: Option<&str>,
) -> String {
    let text = |limit: Option<&str>| {
        limit.map_or_else(
            || "null".to_owned(),
            |limit| {
                let mut text = String::new();
                quote(&mut text, limit);
                text
            },
        )
    };
    format!(
        "{{\"messages\":{},\"telemetryMessages\":{},\"telemetryDataPoints\":{}}}",
        text(messages),
        text(telemetry_messages),
        text(data_points),
    )
}

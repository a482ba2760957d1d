//! What the MQTT layer says, and what it means for ThingsBoard.

use alloc::string::{String, ToString};

use super::ask::failed;
use super::attribute_lane::AttributeLane;
use super::message::{Content, child_of};
use super::requests::{AfterLinkEnd, Kind};
use super::update_messages::REPORT_OVERHEAD;
use super::{ChildId, Client, Completion, Event, RequestError, RequestId, limits};
use crate::codec::{Filter, Publish, QoS, ReasonCode};
use crate::mqtt::{
    Cause, Cost, Entry, MessageId, OnLinkEnd, Outcome, Rejection, Signal, Suspicion,
    UndeliveredCause,
};
use crate::tb::AttributeValues;
use crate::tb::rpc::read_rpc_answer;
use crate::tb::split::Meaning;
use crate::tb::topics::{self, Answers, Downlink};

impl Client {
    pub(super) fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Settled { id, outcome } => {
                if let Some(entry) = self.mqtt.outbox_mut().take(id) {
                    self.end_message(entry, outcome);
                }
            }
            Signal::Delivered { id, delivered } => {
                self.delivered(RequestId(id.raw()), delivered);
            }
            Signal::Received(publish) => self.handle_publish(&publish),
            Signal::Online { version } => {
                self.updates.online(version);
                self.children.online();
                self.events.notice(Event::Connected { version });
                self.ask_limits_on_connect();
            }
            Signal::Offline {
                cause,
                next_attempt,
            } => {
                self.events.notice(Event::Disconnected {
                    cause,
                    next_attempt,
                });
                self.limits_offline(cause);
                self.handle_offline(cause);
            }
            Signal::VersionChanged { from, to, why } => {
                self.events.notice(Event::VersionChanged { from, to, why });
            }
            Signal::Subscribed { filter, granted } => self.handle_subscribed(&filter, granted),
            Signal::ReceivedTooLarge { topic, size } => {
                let topic = topic.map(|topic| shown(&topic));
                self.events.notice(Event::IncomingTooLarge { topic, size });
            }
            Signal::Held(origin) => self.handle_held(ChildId(origin)),
            Signal::Closed => self.handle_closed(),
        }
    }

    pub(super) fn ignored(&mut self, topic: &str) {
        self.events.notice(Event::IncomingIgnored {
            topic: shown(topic),
        });
    }

    fn handle_publish(&mut self, publish: &Publish) {
        match topics::route(&publish.topic) {
            Downlink::AttributeUpdate => {
                self.handle_attribute_update(&publish.payload, &publish.topic);
            }
            Downlink::RpcRequest { id } => {
                if publish.qos == QoS::AtLeastOnce {
                    // The server reports the acknowledgement of a call, and charges for it.
                    self.mqtt.charge(Cost::Message);
                }
                self.handle_rpc_request(id, &publish.payload);
            }
            Downlink::AttributeResponse { request } => {
                let Some(id) = self.take_answered(Kind::Attributes, request) else {
                    return;
                };
                let values = AttributeValues::read(&publish.payload, request);
                let values = values.map_err(|_| RequestError::Unexpected);
                if let Some(package_type) = self.updates.answered(id) {
                    self.handle_announcement(package_type, values.ok().as_ref());
                    return;
                }
                self.answered(id, Completion::Attributes(values));
            }
            Downlink::RpcResponse {
                request: limits::REQUEST,
            } => self.handle_session_limits(&publish.payload),
            Downlink::RpcResponse { request } => {
                let Some(id) = self.take_answered(Kind::Rpc, request) else {
                    return;
                };
                let answer = read_rpc_answer(&publish.payload, request);
                let answer = answer.map_err(RequestError::Answered);
                self.answered(id, Completion::RpcAnswer(answer));
            }
            Downlink::Chunk {
                package_type,
                request,
                chunk,
            } => self.handle_chunk(package_type, request, chunk, publish.payload.clone()),
            Downlink::UpdateError => self.handle_chunk_refusal(&publish.payload),
            what @ (Downlink::ChildAttributeUpdate
            | Downlink::ChildAttributeResponse
            | Downlink::ChildRpcRequest
            | Downlink::ChildDisconnected) => {
                self.handle_child_downlink(what, &publish.topic, &publish.payload);
            }
            Downlink::Unknown => self.ignored(&publish.topic),
        }
    }

    pub(super) fn answered(&mut self, id: RequestId, completion: Completion) {
        let max_bytes = self.config.max_incoming_packet_size;
        self.events.answer(id, completion, max_bytes);
    }

    /// The request that an answer with this number is for; it is closed. Nobody may wait for it any
    /// more: a second answer, or one after the deadline.
    fn take_answered(&mut self, kind: Kind, number: i32) -> Option<RequestId> {
        let id = self.requests.answered(kind, number);
        match id {
            Some(id) => {
                self.requests.close(id);
            }
            None => self.counters.unexpected_answers += 1,
        }
        id
    }

    /// Ends a message that was taken out of the outbox.
    pub(super) fn end_message(&mut self, entry: Entry<Content>, outcome: Outcome) {
        let Entry {
            id,
            publication,
            writes,
            suspicion,
            ..
        } = entry;
        let written = writes > 0;
        let child = child_of(&publication);
        match &publication.content {
            Content::Telemetry(_) | Content::Claim(_) => {}
            Content::Attributes(_) => self.free_lane(child, id),
            Content::Whole(whole) => {
                self.free_lane(child, id);
                if whole.is_merged() {
                    let members = whole.members().to_vec();
                    let meaning = whole.meaning();
                    self.settle_members(child, meaning, members, (written, suspicion), outcome);
                    return;
                }
            }
            Content::Part { whole, part, .. } => {
                self.part_ended(*whole, part.text.len(), outcome);
                return;
            }
            Content::SessionLimits(_) => {
                if let Outcome::Undelivered(_) = outcome {
                    self.session_limits_refused();
                }
                return;
            }
            Content::Merged {
                meaning, members, ..
            } => {
                self.free_lane(child, id);
                let members = members.clone();
                self.settle_members(child, *meaning, members, (written, suspicion), outcome);
                return;
            }
            Content::Request { request, .. } => {
                let request = *request;
                self.handle_request_settled(request, written, outcome);
                return;
            }
            Content::ChunkRequest {
                package_type,
                asked,
                ..
            } => {
                self.handle_chunk_requested(*package_type, *asked, outcome);
                return;
            }
            Content::Announcement { child, payload } => {
                let alone = publication.on_link_end == OnLinkEnd::Resend;
                self.handle_announced(*child, payload, alone, outcome);
                return;
            }
            Content::KeepAlive(_) => return,
            Content::Leaving(_) => {
                if let Some(child) = child {
                    self.handle_left(child);
                }
            }
            Content::Report { body, .. } => {
                self.updates.reported(body.memory() + REPORT_OVERHEAD);
            }
            Content::Reply { payload, .. } => {
                self.reply_bytes -= payload.len() + Self::REPLY_OVERHEAD;
            }
        }
        self.finish_message(RequestId(id.raw()), &publication, written, outcome);
    }

    /// What was on its way of somebody's attributes has its outcome.
    fn free_lane(&mut self, child: Option<ChildId>, id: MessageId) {
        if let Some(lane) = self.lane_of(child) {
            lane.settled(id);
        }
        if let Some(child) = child {
            self.children.lanes_due.push(child);
        }
    }

    fn lane_of(&mut self, child: Option<ChildId>) -> Option<&mut AttributeLane> {
        match child {
            None => Some(&mut self.attributes),
            Some(child) => self.children.lane(child),
        }
    }

    /// Messages that were sent as one end as that one; only if the server refused them
    /// together, each is tried alone.
    fn settle_members(
        &mut self,
        child: Option<ChildId>,
        meaning: Meaning,
        members: alloc::vec::Vec<RequestId>,
        (written, suspicion): (bool, Suspicion),
        outcome: Outcome,
    ) {
        if written {
            for &member in &members {
                self.mqtt
                    .outbox_mut()
                    .carried(MessageId::from_raw(member.0));
            }
        }
        let refused = matches!(
            outcome,
            Outcome::Undelivered(UndeliveredCause::Rejected(
                Rejection::Reason(_) | Rejection::ClosesConnection | Rejection::TooLarge { .. },
            ))
        );
        if refused && !self.mqtt.is_leaving_for_good() {
            let hung_up = Rejection::ClosesConnection;
            for &member in members.iter().rev() {
                let member = MessageId::from_raw(member.0);
                self.mqtt.outbox_mut().part(member);
                if outcome == Outcome::Undelivered(UndeliveredCause::Rejected(hung_up)) {
                    self.mqtt.outbox_mut().inherit(member, suspicion);
                }
            }
            match meaning {
                Meaning::Attributes => {
                    if let Some(lane) = self.lane_of(child) {
                        lane.separate(members);
                    }
                }
                Meaning::Telemetry => self.send_apart(&members),
            }
            return;
        }
        // Refused was what they were together, and it is too late to try each alone.
        let outcome = if refused && members.len() > 1 {
            Outcome::Undelivered(UndeliveredCause::Abandoned)
        } else {
            outcome
        };
        // At once, and not behind what else the server has just said: outcomes come in the order in
        // which the server decided, however its bytes were cut up.
        for member in members {
            if let Some(entry) = self.mqtt.take_out(MessageId::from_raw(member.0)) {
                let written = entry.writes > 0;
                self.finish_message(member, &entry.publication, written, outcome);
            }
        }
    }

    /// The message that carries a request is settled; that is not yet an answer.
    fn handle_request_settled(&mut self, request: RequestId, written: bool, outcome: Outcome) {
        match outcome {
            Outcome::Delivered(_) => {}
            Outcome::LinkEnded { .. } => self.handle_request_lost(request, written),
            Outcome::Undelivered(cause) => {
                let error = match cause {
                    UndeliveredCause::Rejected(Rejection::Reason(reason)) => {
                        RequestError::Rejected(reason)
                    }
                    UndeliveredCause::Rejected(_) => {
                        RequestError::Rejected(ReasonCode::UNSPECIFIED_ERROR)
                    }
                    UndeliveredCause::Abandoned => RequestError::Abandoned,
                    _ => RequestError::Timeout,
                };
                self.fail_request(request, error);
            }
        }
    }

    fn handle_request_lost(&mut self, request: RequestId, written: bool) {
        if self.requests.link_ended(request, written) == AfterLinkEnd::Lost
            && let Some((kind, _)) = self.requests.close(request)
        {
            self.end_request(request, failed(kind, RequestError::LinkLost));
        }
    }

    fn handle_offline(&mut self, cause: Cause) {
        self.handle_updates_offline(cause);
        while let Some(request) = self.requests.offline() {
            self.handle_request_lost(request, true);
        }
        self.rpc.offline(self.mqtt.now());
    }

    fn handle_subscribed(&mut self, filter: &Filter, granted: Result<(), ReasonCode>) {
        match self.topics.answers(filter) {
            Some(Answers::Attributes) => self.requests.ready(Kind::Attributes),
            Some(Answers::Rpc) => self.requests.ready(Kind::Rpc),
            None => {}
        }
        if let Err(reason) = granted {
            let filter = filter.to_string();
            self.events
                .notice(Event::SubscriptionRefused { filter, reason });
        }
    }

    /// The end: everything that is still open ends with it.
    fn handle_closed(&mut self) {
        self.updates.abandon();
        while let Some(id) = self.requests.any() {
            self.fail_request(id, RequestError::Abandoned);
        }
        for id in core::mem::take(&mut self.disconnects) {
            self.events.complete(id, Completion::Drained(self.drained));
        }
    }
}

/// A topic as it is reported: as much of it as tells what it is, since reports are kept until they
/// are fetched and the peer chooses their length.
fn shown(topic: &str) -> String {
    const LONGEST: usize = 256;
    topic
        .chars()
        .scan(0, |length, character| {
            *length += character.len_utf8();
            (*length <= LONGEST).then_some(character)
        })
        .collect()
}

//! What the server pushes: attribute updates and RPC calls, and the replies to them.

use bytes::Bytes;

use super::message::Content;
use super::rpc_calls::{Arrival, CallNumber, Callees, REPLY_SPAN};
use super::{
    AlreadyServed, AttributeKeys, AttributeSubscription, ChildId, Client, Event, Pending, Refused,
    RefusedReason, RequestId, RpcMethods, RpcRefusal, RpcRequest, RpcServer,
};
use crate::codec::{QoS, Topic};
use crate::mqtt::{Delivered, Lane, OnLinkEnd, Publication};
use crate::tb::rpc::RpcRequestBody;
use crate::tb::{AttributeUpdate, InvalidPayload, RpcReply, gateway, topics};
use crate::time::Instant;

/// Bytes that replies may take when the queue is full of messages: a full queue must not make the
/// device deaf.
const REPLY_RESERVE: usize = 64 * 1024;

impl Client {
    /// Follows changes of shared attributes; they come as [`Event::AttributesUpdated`]. Survives
    /// reconnects. Nothing is told about what was before: ask with
    /// [`request_attributes`](Self::request_attributes) after the first connection.
    pub fn subscribe_to_attributes(
        &mut self,
        now: Instant,
        keys: AttributeKeys,
    ) -> AttributeSubscription {
        self.mqtt.advance(now);
        let subscription = self.next_subscription();
        self.interests.insert(subscription, keys);
        self.mqtt.subscribe(self.topics.attribute_updates.clone());
        subscription
    }

    /// Ends a subscription. The last one that ends also ends the one at the server.
    pub fn unsubscribe_from_attributes(
        &mut self,
        now: Instant,
        subscription: AttributeSubscription,
    ) {
        self.mqtt.advance(now);
        if self.child_updates.unfollow(subscription) {
            return;
        }
        self.interests.remove(&subscription);
        if self.interests.is_empty() && !self.updates.is_following() {
            self.mqtt.unsubscribe(&self.topics.attribute_updates);
        }
    }

    /// Takes server-side RPC calls; they come as [`Event::RpcRequest`]. Survives reconnects.
    ///
    /// Declare what you serve before the connection is made: the server sends waiting calls as soon
    /// as it sees the subscription (TB §4.6).
    ///
    /// # Errors
    /// [`AlreadyServed`]: a method has one server, and one taker gets all the others.
    pub fn serve_rpc(
        &mut self,
        now: Instant,
        methods: RpcMethods,
    ) -> Result<RpcServer, AlreadyServed> {
        self.mqtt.advance(now);
        let server = self.rpc.serve(Callees::Device, methods)?;
        self.mqtt.subscribe(self.topics.rpc_requests());
        Ok(server)
    }

    /// Takes no more calls. Those that wait for an answer get an error.
    pub fn end_rpc(&mut self, now: Instant, server: RpcServer) {
        self.mqtt.advance(now);
        let serves_device = self.rpc.serves_device();
        for (key, number) in self.rpc.end(server) {
            if let Ok(payload) = self.reply_payload(number, &RpcReply::error("no longer served")) {
                self.rpc.reply(key, &payload);
                self.answer(number, payload);
            }
        }
        // A gateway is told by calls what becomes of its children.
        let is_over = serves_device && !self.rpc.serves_device();
        if is_over && self.config.gateway.is_none() {
            self.mqtt.unsubscribe(&self.topics.rpc_requests());
        }
    }

    /// Answers a call. The answer goes ahead of telemetry.
    ///
    /// It is sent again for 30 s after the connection ended that brought the call, or as long as the
    /// server repeats the call; after that nobody waits for it.
    ///
    /// # Errors
    /// [`Refused`] gives call and reply back: a reply that cannot be sent, a call that is over, a
    /// full queue, or the client is disconnecting.
    pub fn send_rpc_reply(
        &mut self,
        now: Instant,
        request: RpcRequest,
        reply: impl Into<RpcReply>,
    ) -> Result<Pending<Delivered>, Refused<(RpcRequest, RpcReply)>> {
        let now = self.mqtt.advance(now);
        let reply = reply.into();
        let number = request.number();
        let payload = match self.reply_payload(number, &reply) {
            Ok(payload) => payload,
            Err(invalid) => return Err(Refused::new((request, reply), invalid)),
        };
        let topic = self.reply_topic(number);
        let len = payload.len();
        let refused = if self.mqtt.is_draining() {
            Some(RefusedReason::Closed)
        } else if !self.rpc.is_open(now, request.key) {
            Some(RefusedReason::CallOver)
        } else {
            self.check_size(len, topic.len()).err().or_else(|| {
                let full = !self.has_room(len) && self.reply_bytes + len > REPLY_RESERVE;
                full.then_some(RefusedReason::QueueFull {
                    max_messages: self.config.max_queued_messages,
                    max_bytes: self.config.max_queued_bytes,
                })
            })
        };
        if let Some(reason) = refused {
            return Err(Refused::new((request, reply), reason));
        }
        let expires = self.rpc.reply(request.key, &payload);
        self.counters.accepted += 1;
        let id = self.submit_reply(number, payload, expires, true);
        Ok(Pending::new(id))
    }

    pub(super) fn handle_attribute_update(&mut self, payload: &Bytes, topic: &str) {
        let Ok(mut update) = AttributeUpdate::read(payload) else {
            self.ignored(topic);
            return;
        };
        self.handle_update_of_package(&update);
        let wanted = |key: &str| self.interests.values().any(|keys| keys.contains(key));
        update.retain(wanted);
        if !update.is_empty() {
            self.events
                .update(update, payload.len(), self.config.max_incoming_packet_size);
        }
    }

    pub(super) fn handle_rpc_request(&mut self, request_id: i32, payload: &Bytes) {
        match RpcRequestBody::read(payload, request_id) {
            Ok(body) if self.take_notice(&body) => {}
            Ok(body) => self.arrive(None, request_id, body, payload),
            Err(_) => self.refuse_call(None, request_id, RpcRefusal::Malformed),
        }
    }

    /// A call came; `payload` is all of it but the name of a child.
    pub(super) fn arrive(
        &mut self,
        child: Option<ChildId>,
        request_id: i32,
        body: RpcRequestBody,
        payload: &Bytes,
    ) {
        let now = self.mqtt.now();
        let RpcRequestBody { method, params } = body;
        let number = CallNumber { child, request_id };
        match self.rpc.arrive(now, number, &method, payload) {
            Arrival::New { key, server } => {
                let request = RpcRequest {
                    key,
                    server,
                    child,
                    request_id,
                    method,
                    params,
                };
                self.events.call(request, &self.rpc);
            }
            Arrival::Repeated => self.counters.repeated_calls += 1,
            Arrival::AnswerAgain(payload) => {
                self.counters.repeated_calls += 1;
                self.answer(number, payload);
            }
            Arrival::UnknownMethod => {
                self.refuse_call(child, request_id, RpcRefusal::UnknownMethod);
            }
            Arrival::TooManyCalls => self.refuse_call(child, request_id, RpcRefusal::TooManyCalls),
        }
    }

    pub(super) fn refuse_call(
        &mut self,
        child: Option<ChildId>,
        request_id: i32,
        reason: RpcRefusal,
    ) {
        self.events.notice(Event::RpcRefused {
            child,
            request_id,
            reason,
        });
        let text = match reason {
            RpcRefusal::UnknownMethod => "unknown method",
            RpcRefusal::TooManyCalls => "too many calls",
            RpcRefusal::Malformed => "malformed call",
        };
        let number = CallNumber { child, request_id };
        if let Ok(payload) = self.reply_payload(number, &RpcReply::error(text)) {
            self.answer(number, payload);
        }
    }

    fn reply_payload(&self, to: CallNumber, reply: &RpcReply) -> Result<Bytes, InvalidPayload> {
        let data = reply.payload(self.config.payload_format)?;
        let Some(child) = to.child else {
            return Ok(data);
        };
        let device = gateway::device(self.mqtt.outbox().name_of(child.0));
        gateway::reply(to.request_id, device, &data).map(Bytes::from)
    }

    fn reply_topic(&self, to: CallNumber) -> Topic {
        match to.child {
            Some(_) => topics::gateway::RPC,
            None => self.topics.rpc_reply(to.request_id),
        }
    }

    pub(super) const fn next_subscription(&mut self) -> AttributeSubscription {
        self.next_interest += 1;
        AttributeSubscription(self.next_interest)
    }

    /// Answers in the machine's own name; nobody waits for the outcome.
    fn answer(&mut self, to: CallNumber, payload: Bytes) {
        // The call may have come in the piece of input that ended the draining.
        if self.mqtt.is_leaving_for_good() {
            return;
        }
        if self.reply_bytes + payload.len() <= REPLY_RESERVE {
            let expires = self.mqtt.now() + REPLY_SPAN;
            self.submit_reply(to, payload, Some(expires), false);
        }
    }

    fn submit_reply(
        &mut self,
        to: CallNumber,
        payload: Bytes,
        expires: Option<Instant>,
        ticket: bool,
    ) -> RequestId {
        self.reply_bytes += payload.len() + Self::REPLY_OVERHEAD;
        let publication = Publication {
            topic: self.reply_topic(to),
            content: Content::Reply {
                request_id: to.request_id,
                payload,
                ticket,
            },
            qos: QoS::AtLeastOnce,
            lane: Lane::Urgent,
            accepted: self.mqtt.now(),
            expires,
            on_link_end: OnLinkEnd::ResendFor(REPLY_SPAN),
            is_activity: true,
            origin: to.child.map(|child| child.0),
        };
        RequestId(self.mqtt.submit(publication, false).raw())
    }
}

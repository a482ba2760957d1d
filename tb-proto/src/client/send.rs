//! Messages and requests from the application.

use bytes::Bytes;

use super::attribute_lane::push_and_tidy;
use super::message::Content;
use super::requests::{Kind, Requests};
use super::wall_clock::WallClock;
use super::{
    Client, Completion, Drained, Message, Overflow, Pending, Refused, RefusedReason, RequestError,
    RequestId, Undelivered,
};
use crate::codec::{Filter, Topic};
use crate::mqtt::{
    Delivered, Entry, Lane, MessageId, OnLinkEnd, Outcome, Publication, Rejection, Settled,
    UndeliveredCause,
};
use crate::tb::telemetry::{TelemetryBody, Unstamped};
use crate::tb::{
    AttributeQuery, AttributeValues, Attributes, Claim, MessageOptions, Priority, RpcCall,
    RpcResponse, Telemetry, topics,
};
use crate::time::Instant;

/// Checked when they are compiled, not for every message.
const TELEMETRY: Topic = Topic::from_static(topics::TELEMETRY);
const ATTRIBUTES: Topic = Topic::from_static(topics::ATTRIBUTES);
const CLAIM: Topic = Topic::from_static(topics::CLAIM);

/// Room that is kept in the queue for one message; see [`Client::reserve`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "room that is neither used nor released is lost"]
pub struct Room {
    bytes: usize,
}

impl Client {
    /// Accepts a message. Its outcome comes as a completion of the returned ticket, exactly once.
    ///
    /// The payload was serialised and checked when the message was made.
    ///
    /// # Errors
    /// [`Refused`] gives the message back: the payload breaks a rule, it is larger than the server
    /// takes, the queue is full, or the client is disconnecting.
    pub fn send(
        &mut self,
        now: Instant,
        message: impl Into<Message>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.mqtt.advance(now);
        self.accept(message.into(), None)
    }

    /// Accepts telemetry; `&values` of any type that serialises to an object will do.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_telemetry(
        &mut self,
        now: Instant,
        telemetry: impl Into<Telemetry>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, telemetry.into())
    }

    /// Accepts client-side attributes. They have no time: one message is on its way at a time, and
    /// those that wait are merged, the newest value of each key wins.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_attributes(
        &mut self,
        now: Instant,
        attributes: impl Into<Attributes>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, attributes.into())
    }

    /// Allows a customer to claim this device: a secret, or a [`Claim`] with options.
    ///
    /// It is sent again over reconnects until it has its outcome, which says only that the server has
    /// it: what comes of a claim is never told to the device.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn claim(
        &mut self,
        now: Instant,
        claim: impl Into<Claim>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, claim.into())
    }

    /// Whether a message with a payload of `bytes` would find room now.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.fits(bytes) && self.has_room_for_outcomes()
    }

    fn fits(&self, bytes: usize) -> bool {
        let (outcomes, outcome_bytes) = match self.config.overflow {
            Overflow::Reject => (self.events.completions(), self.events.completion_bytes()),
            // A dropped message becomes an outcome: if that took the same room, dropping would
            // make none. Outcomes have their own; see `make_room`.
            Overflow::DropOldest => (0, 0),
        };
        let others = self.requests.bytes() + self.rpc.bytes() + outcome_bytes;
        self.mqtt.outbox().has_room(outcomes, bytes + others)
    }

    /// Keeps room for one message with a payload of up to `bytes`, if there is any now.
    pub fn reserve(&mut self, bytes: usize) -> Option<Room> {
        if self.mqtt.is_draining() || !self.has_room(bytes) {
            return None;
        }
        self.mqtt.outbox_mut().reserve(bytes);
        Some(Room { bytes })
    }

    /// Accepts a message into room that was kept for it.
    ///
    /// # Errors
    /// As [`send`](Self::send); the queue is full only if the message is larger than its room.
    pub fn send_into(
        &mut self,
        now: Instant,
        room: Room,
        message: impl Into<Message>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        let kept = room.bytes;
        self.release(room);
        self.mqtt.advance(now);
        self.accept(message.into(), Some(kept))
    }

    /// Gives kept room back.
    pub fn release(&mut self, room: Room) {
        self.mqtt.outbox_mut().release(room.bytes);
    }

    /// Asks the server for attributes of this device.
    ///
    /// The request is asked again on a new connection until its deadline.
    ///
    /// # Errors
    /// [`Refused`] gives the query back: a key that cannot be asked for, too many open requests, or
    /// the client is disconnecting.
    pub fn request_attributes(
        &mut self,
        now: Instant,
        query: AttributeQuery,
    ) -> Result<Pending<AttributeValues>, Refused<AttributeQuery>> {
        let now = self.mqtt.advance(now);
        let payload = match query.payload() {
            Ok(payload) => Bytes::from(payload),
            Err(invalid) => return Err(Refused::new(query, invalid)),
        };
        let topic = topics::attribute_request(i32::MAX);
        if let Err(reason) = self.check_request(payload.len(), &topic) {
            return Err(Refused::new(query, reason));
        }
        let deadline = now + query.deadline_after();
        self.mqtt
            .subscribe(Filter::from_static(topics::ATTRIBUTE_RESPONSES));
        let id = self
            .requests
            .open(Kind::Attributes, payload, deadline, true);
        self.advance();
        Ok(Pending::new(id))
    }

    /// Calls a method of the server's rule chain (client-side RPC).
    ///
    /// A call that was written when its connection ended is not made again unless it is idempotent:
    /// it ends with [`RequestError::LinkLost`], since it may have run.
    ///
    /// # Errors
    /// [`Refused`] gives the call back: parameters that cannot be sent, too many open requests, or
    /// the client is disconnecting.
    pub fn send_rpc_call(
        &mut self,
        now: Instant,
        call: impl Into<RpcCall>,
    ) -> Result<Pending<RpcResponse>, Refused<RpcCall>> {
        let now = self.mqtt.advance(now);
        let call = call.into();
        let parts = match call.clone().into_parts() {
            Ok(parts) => parts,
            Err(invalid) => return Err(Refused::new(call, invalid)),
        };
        let topic = topics::rpc_request(i32::MAX);
        if let Err(reason) = self.check_request(parts.payload.len(), &topic) {
            return Err(Refused::new(call, reason));
        }
        self.mqtt
            .subscribe(Filter::from_static(topics::RPC_RESPONSES));
        let payload = Bytes::from(parts.payload);
        let id = self
            .requests
            .open(Kind::Rpc, payload, now + parts.timeout, parts.idempotent);
        self.advance();
        Ok(Pending::new(id))
    }

    /// Takes a message or a request back. Returns whether it had not been written: then it ends as
    /// *cancelled*. A written message keeps its way and its outcome; of a written request only the
    /// answer is given up.
    pub fn cancel(&mut self, now: Instant, id: RequestId) -> bool {
        self.mqtt.advance(now);
        let unwritten = if id.is_request() {
            self.cancel_request(id)
        } else {
            match self.mqtt.take_back(MessageId::from_raw(id.0)) {
                Some(entry) => {
                    self.complete_message(entry, UndeliveredCause::Cancelled);
                    true
                }
                None => false,
            }
        };
        self.advance();
        unwritten
    }

    /// Accepts nothing more, writes what is left until `deadline`, then disconnects for good.
    ///
    /// What has no outcome at the deadline ends as *abandoned* and is given back; the ticket counts
    /// them. A second call changes nothing, its ticket ends with the first.
    pub fn disconnect(&mut self, now: Instant, deadline: Instant) -> Pending<Drained> {
        let now = self.mqtt.advance(now);
        let id = self.requests.next_id();
        if self.mqtt.is_closed() {
            self.events.complete(id, Completion::Drained(self.drained));
            return Pending::new(id);
        }
        self.disconnects.push(id);
        if !self.mqtt.is_draining() {
            // There is no time left to wait for a wall clock.
            if matches!(self.wall_clock, WallClock::AwaitedUntil(_)) {
                self.wall_clock = WallClock::Missing;
                self.release_unstamped();
            }
            self.mqtt.disconnect(now, deadline);
        }
        self.advance();
        Pending::new(id)
    }

    /// `kept` is the size of the room that was kept for this message.
    fn accept(
        &mut self,
        message: Message,
        kept: Option<usize>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        if self.mqtt.is_draining() {
            return Err(Refused::new(message, RefusedReason::Closed));
        }
        if let Err(invalid) = message.check() {
            return Err(Refused::new(message, invalid));
        }
        let (mut content, options) = match message.into_parts() {
            Ok(parts) => parts,
            // `check` has found nothing wrong with it.
            Err(invalid) => {
                return Err(Refused::new(Telemetry::batch().into(), invalid));
            }
        };
        let topic = match content {
            Content::Telemetry(_) => TELEMETRY,
            Content::Claim(_) => CLAIM,
            _ => ATTRIBUTES,
        };
        let now = self.mqtt.now();
        let (parked, before) = match &mut content {
            Content::Telemetry(body) => self.stamp(body, now),
            Content::Claim(_) => (false, None),
            _ => (true, None),
        };
        if let Err(reason) = self.make_room(&content, &topic, kept) {
            if let (Content::Telemetry(body), Some(before)) = (&mut content, before) {
                body.restore(before);
            }
            return match Message::from_parts(content, options) {
                Some(message) => Err(Refused::new(message, reason)),
                None => Err(Refused::new(Telemetry::batch().into(), reason)),
            };
        }
        if let Content::Telemetry(body) = &mut content
            && body.needs_stamp()
            && !parked
        {
            body.leave_unstamped();
            self.events.unstamped(1);
        }
        let is_telemetry = matches!(content, Content::Telemetry(_));
        let publication = self.publication(topic, content, options);
        let id = RequestId(self.mqtt.submit(publication, parked).raw());
        self.counters.accepted += 1;
        match (is_telemetry, parked) {
            (true, true) => push_and_tidy(&mut self.unstamped, id, &self.mqtt),
            (_, false) => {}
            (false, true) => {
                self.attributes.push(id, &self.mqtt);
                self.advance();
            }
        }
        Ok(Pending::new(id))
    }

    fn publication(
        &self,
        topic: Topic,
        content: Content,
        options: MessageOptions,
    ) -> Publication<Content> {
        let accepted = self.mqtt.now();
        Publication {
            topic,
            content,
            qos: options.qos.unwrap_or(self.config.default_qos),
            lane: match options.priority {
                Priority::High => Lane::Urgent,
                Priority::Normal => Lane::Normal,
            },
            accepted,
            expires: options.expires_in.map(|time| accepted + time),
            on_link_end: OnLinkEnd::Resend,
            is_activity: true,
        }
    }

    /// Gives telemetry the time of its acceptance. Returns whether it has to wait for the wall clock;
    /// then everything behind it waits too, so that the order is kept. Also returns what undoes it.
    fn stamp(&self, body: &mut TelemetryBody, accepted: Instant) -> (bool, Option<Unstamped>) {
        let before = if !self.config.stamp {
            Some(body.leave_unstamped())
        } else if body.needs_stamp() {
            self.wall_clock
                .at(accepted)
                .map(|unix_ms| body.stamp(unix_ms))
        } else {
            None
        };
        let parked = matches!(self.wall_clock, WallClock::AwaitedUntil(_))
            && (body.needs_stamp() || !self.unstamped.is_empty());
        (parked, before)
    }

    /// Lets telemetry go that waited for the wall clock, with a time if there is one now.
    pub(super) fn release_unstamped(&mut self) {
        if matches!(self.wall_clock, WallClock::AwaitedUntil(_)) {
            return;
        }
        let mut without_time = 0;
        while let Some(id) = self.unstamped.pop_front() {
            let id = MessageId::from_raw(id.0);
            let wall_clock = self.wall_clock;
            self.mqtt.outbox_mut().edit(id, |publication| {
                let accepted = publication.accepted;
                if let Content::Telemetry(body) = &mut publication.content
                    && body.needs_stamp()
                {
                    match wall_clock.at(accepted) {
                        Some(unix_ms) => {
                            body.stamp(unix_ms);
                        }
                        None => {
                            body.leave_unstamped();
                            without_time += 1;
                        }
                    }
                }
            });
            self.mqtt.unpark(id);
        }
        self.unstamped = alloc::collections::VecDeque::new();
        if without_time > 0 {
            self.events.unstamped(without_time);
        }
    }

    /// The largest payload that fits into a packet with a topic of this length: the server's limit is on
    /// topic, packet identifier, property length and payload together (TB §14.1).
    pub(super) fn max_payload(&self, topic: usize) -> usize {
        self.config.max_packet_size.saturating_sub(topic + 5)
    }

    fn make_room(
        &mut self,
        content: &Content,
        topic: &Topic,
        kept: Option<usize>,
    ) -> Result<(), RefusedReason> {
        use crate::mqtt::Content as _;
        let payload: usize = content.parts().iter().map(|part| part.len()).sum();
        self.check_size(payload, topic.len())?;
        let memory = content.memory();
        // What the machine adds by itself, a reply for one, does not take kept room away.
        if kept.is_some_and(|kept| memory <= kept) {
            return Ok(());
        }
        while !self.has_room(memory) {
            let oldest = match self.config.overflow {
                Overflow::DropOldest if self.has_room_for_outcomes() => {
                    self.mqtt.outbox().oldest_droppable()
                }
                Overflow::DropOldest | Overflow::Reject => None,
            };
            let Some(entry) = oldest.and_then(|id| self.mqtt.take_back(id)) else {
                return Err(RefusedReason::QueueFull {
                    max_messages: self.config.max_queued_messages,
                    max_bytes: self.config.max_queued_bytes,
                });
            };
            match entry.publication.content {
                // The machine's own: what it was made of is what gives way.
                Content::Merged { members, .. } => {
                    self.attributes
                        .take_apart(&mut self.mqtt, entry.id, members);
                }
                _ => self.complete_message(entry, UndeliveredCause::Overflow),
            }
        }
        Ok(())
    }

    /// Whether so few outcomes wait to be fetched that more messages may be dropped.
    fn has_room_for_outcomes(&self) -> bool {
        self.config.overflow == Overflow::Reject
            || (self.events.completions() < self.config.max_queued_messages
                && self.events.completion_bytes() < self.config.max_queued_bytes)
    }

    pub(super) fn check_size(&self, payload: usize, topic: usize) -> Result<(), RefusedReason> {
        let limit = self.config.max_packet_size;
        let size = payload + topic + 5;
        if size > limit {
            Err(RefusedReason::TooLarge { size, limit })
        } else {
            Ok(())
        }
    }

    fn check_request(&self, payload: usize, topic: &Topic) -> Result<(), RefusedReason> {
        if self.mqtt.is_draining() {
            return Err(RefusedReason::Closed);
        }
        self.check_size(payload, topic.len())?;
        if self.requests.is_full() || !self.has_room(Requests::memory(payload)) {
            return Err(RefusedReason::TooManyRequests {
                limit: self.config.max_open_requests,
            });
        }
        Ok(())
    }

    fn cancel_request(&mut self, id: RequestId) -> bool {
        let Some(kind) = self.requests.kind(id) else {
            return false;
        };
        let Some((_, message)) = self.requests.close(id) else {
            return false;
        };
        let unwritten = match message {
            Some(message) => self.mqtt.take_back(message).is_some(),
            None => true,
        };
        self.events
            .complete(id, failed(kind, RequestError::Cancelled));
        unwritten
    }

    /// Ends a request without an answer.
    pub(super) fn fail_request(&mut self, id: RequestId, error: RequestError) {
        if let Some((kind, message)) = self.requests.close(id) {
            if let Some(message) = message {
                self.mqtt.take_back(message);
            }
            self.events.complete(id, failed(kind, error));
        }
    }

    /// Ends a message that was taken out of the outbox.
    fn complete_message(&mut self, entry: Entry<Content>, cause: UndeliveredCause) {
        let Entry {
            id,
            publication,
            writes,
            ..
        } = entry;
        let outcome = Outcome::Undelivered(cause);
        self.handle_settled(Settled {
            id,
            publication,
            written: writes > 0,
            outcome,
        });
    }

    /// Tells the outcome of a message.
    pub(super) fn finish_message(
        &mut self,
        id: RequestId,
        publication: &Publication<Content>,
        written: bool,
        outcome: Outcome,
    ) {
        let Some(target) = publication.content.target() else {
            return;
        };
        let outcome = match outcome {
            Outcome::Delivered(delivered) => {
                match delivered {
                    Delivered::Sent => self.counters.sent += 1,
                    Delivered::Acknowledged { .. } => self.counters.acknowledged += 1,
                }
                if self.mqtt.is_draining() {
                    self.drained.delivered += 1;
                }
                Ok(delivered)
            }
            Outcome::Undelivered(cause) => {
                match cause {
                    UndeliveredCause::Rejected(_) => self.counters.rejected += 1,
                    _ => self.counters.undelivered += 1,
                }
                if cause == UndeliveredCause::Abandoned {
                    self.drained.abandoned += 1;
                }
                Err(cause)
            }
            // Only requests end with their connection, and they have no target.
            Outcome::LinkEnded => Err(UndeliveredCause::Rejected(Rejection::CallOver)),
        };
        let completion = Completion::Delivery(outcome.map_err(|cause| {
            alloc::boxed::Box::new(Undelivered {
                id,
                target,
                payload: publication.content.payload(),
                accepted: publication.accepted,
                written,
                cause,
            })
        }));
        self.events.complete(id, completion);
    }
}

pub(super) const fn failed(kind: Kind, error: RequestError) -> Completion {
    match kind {
        Kind::Attributes => Completion::Attributes(Err(error)),
        Kind::Rpc => Completion::RpcAnswer(Err(error)),
    }
}

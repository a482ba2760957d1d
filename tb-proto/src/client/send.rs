//! Messages from the application, and the end that it asks for.

use super::attribute_lane::push_and_tidy;
use super::message::Content;
use super::wall_clock::WallClock;
use super::{
    ChildId, Client, Completion, Drained, Message, Pending, Refused, RefusedReason, RequestId, Room,
};
use crate::codec::Topic;
use crate::mqtt::{Delivered, Lane, MessageId, OnLinkEnd, Outcome, Publication, UndeliveredCause};
use crate::tb::{Attributes, Claim, MessageOptions, Priority, Telemetry, topics};
use crate::time::Instant;

/// Checked when it is compiled, not for every claim.
const CLAIM: Topic = Topic::from_static(topics::CLAIM);

impl Client {
    /// Accepts a message. Its outcome comes as a completion of the returned ticket, exactly once.
    ///
    /// The payload was serialised and checked when the message was made.
    ///
    /// # Errors
    /// [`Refused`] gives the message back: the payload breaks a rule or is of another
    /// [`PayloadFormat`](crate::PayloadFormat) than was configured, a single value is larger than the
    /// server takes, the queue is full, or the client is disconnecting.
    pub fn send(
        &mut self,
        now: Instant,
        message: impl Into<Message>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.mqtt.advance(now);
        self.accept(message.into(), None, None)
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
    /// those that wait are merged, the newest value of each key wins. Protobuf messages are not
    /// merged: each goes by itself, in the order of acceptance.
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
        self.accept(message.into(), Some(kept), None)
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
                    self.end_message(entry, Outcome::Undelivered(UndeliveredCause::Cancelled));
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
            self.send_together();
            self.release_children();
            self.drop_idle_doubts();
            self.mqtt.disconnect(now, deadline);
        }
        self.advance();
        Pending::new(id)
    }

    /// `kept` is the size of the room that was kept for this message; `child` the one that it is for.
    pub(super) fn accept(
        &mut self,
        message: Message,
        kept: Option<usize>,
        child: Option<ChildId>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        if self.mqtt.is_draining() {
            return Err(Refused::new(message, RefusedReason::Closed));
        }
        let format = self.config.payload_format;
        if let Err(invalid) = message.check(format) {
            return Err(Refused::new(message, invalid));
        }
        let (mut content, options) = match message.into_parts(format) {
            Ok(parts) => parts,
            // `check` has found nothing wrong with it.
            Err(invalid) => {
                return Err(Refused::new(Telemetry::batch().into(), invalid));
            }
        };
        let topic = match content {
            _ if child.is_some() => Self::child_topic(&content),
            Content::Telemetry(_) => self.topics.telemetry.clone(),
            Content::Claim(_) => CLAIM,
            _ => self.topics.attributes.clone(),
        };
        let now = self.mqtt.now();
        let (parked, before) = match &mut content {
            Content::Telemetry(body) => self.stamp(body, now),
            Content::Claim(_) => (false, None),
            _ => (true, None),
        };
        if let Err(reason) = self.make_room(&content, &topic, self.around_child(child), kept) {
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
        if is_telemetry && !parked && child.is_none() && self.config.coalesce.is_some() {
            return Ok(Pending::new(self.coalesce(topic, content, options)));
        }
        if let Some(child) = child {
            return Ok(Pending::new(
                self.accept_of_child(child, topic, content, options, parked),
            ));
        }
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

    /// Telemetry waits for others, or lets those go first that wait.
    fn coalesce(&mut self, topic: Topic, content: Content, options: MessageOptions) -> RequestId {
        let bytes = content.payload_len();
        let waits = self.waits_for_others(&content, &options);
        if !waits {
            self.send_together();
        }
        let publication = self.publication(topic, content, options);
        let id = RequestId(self.mqtt.submit(publication, waits).raw());
        self.counters.accepted += 1;
        if waits {
            self.wait_for_others(id, bytes);
        }
        id
    }

    #[inline]
    pub(super) fn publication(
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
            origin: None,
        }
    }
}

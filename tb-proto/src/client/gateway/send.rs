//! Messages for children.

use super::{ChildId, Gateway};
use crate::client::attribute_lane::push_and_tidy;
use crate::client::message::Content;
use crate::client::{Client, Message, Pending, Refused, RefusedReason, RequestId};
use crate::codec::{QoS, Topic};
use crate::mqtt::{Delivered, Lane, OnLinkEnd, Publication};
use crate::tb::gateway as payload;
use crate::tb::topics::gateway as topics;
use crate::tb::{Attributes, Claim, MessageOptions, Telemetry};
use crate::time::Instant;

impl Gateway<'_> {
    /// Accepts a message for a child. Its outcome comes as a completion of the returned ticket,
    /// exactly once; one that is given back names the child in its [`Target`](crate::Target) and has
    /// the payload as it was given, without the name around it.
    ///
    /// Telemetry of a child is sent in the order of acceptance.
    ///
    /// # Errors
    /// As [`Client::send`]; also when the child is one of another client.
    pub fn send(
        &mut self,
        now: Instant,
        child: ChildId,
        message: impl Into<Message>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.client.mqtt.advance(now);
        let message = message.into();
        if !self.client.children.contains(child) {
            return Err(Refused::new(message, RefusedReason::UnknownChild));
        }
        let accepted = self.client.accept(message, None, Some(child));
        let is_wanted = match &accepted {
            Ok(_) => true,
            // Of what waits for this child, perhaps: if it stayed deleted, nothing would ever make room.
            Err(refused) => matches!(refused.reason, RefusedReason::QueueFull { .. }),
        };
        if is_wanted {
            self.client.children.revive(child);
            self.client.advance();
        }
        accepted
    }

    /// Accepts telemetry of a child; `&values` of any type that serialises to an object will do.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_telemetry(
        &mut self,
        now: Instant,
        child: ChildId,
        telemetry: impl Into<Telemetry>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, child, telemetry.into())
    }

    /// Accepts client-side attributes of a child. As with those of the device itself, one message of
    /// each child is on its way at a time, and those that wait are merged.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_attributes(
        &mut self,
        now: Instant,
        child: ChildId,
        attributes: impl Into<Attributes>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, child, attributes.into())
    }

    /// Allows a customer to claim a child.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn claim(
        &mut self,
        now: Instant,
        child: ChildId,
        claim: impl Into<Claim>,
    ) -> Result<Pending<Delivered>, Refused<Message>> {
        self.send(now, child, claim.into())
    }

    /// Tells the server that a child is gone, behind the telemetry that was accepted for it before.
    ///
    /// The server then sends nothing for it any more, and it is not announced on later connections.
    /// The child stays known: whatever is sent for it later announces it again.
    ///
    /// # Errors
    /// [`Refused`]: a child of another client, a full queue, or the client is disconnecting.
    pub fn disconnect(
        &mut self,
        now: Instant,
        child: ChildId,
    ) -> Result<Pending<Delivered>, Refused<ChildId>> {
        let client = &mut *self.client;
        client.mqtt.advance(now);
        let reason = if !client.children.contains(child) {
            Some(RefusedReason::UnknownChild)
        } else if client.mqtt.is_draining() {
            Some(RefusedReason::Closed)
        } else {
            (!client.has_room(0)).then_some(RefusedReason::QueueFull {
                max_messages: client.config.max_queued_messages,
                max_bytes: client.config.max_queued_bytes,
            })
        };
        if let Some(reason) = reason {
            return Err(Refused::new(child, reason));
        }
        client.release_children();
        let device = payload::device(client.mqtt.outbox().name_of(child.0));
        let publication = Publication {
            topic: topics::DISCONNECT,
            content: Content::Leaving(payload::disconnect(device).into()),
            qos: QoS::AtLeastOnce,
            lane: Lane::Normal,
            accepted: client.mqtt.now(),
            expires: None,
            on_link_end: OnLinkEnd::Resend,
            is_activity: true,
            origin: Some(child.0),
        };
        let id = RequestId(client.mqtt.submit(publication, false).raw());
        client.counters.accepted += 1;
        client.advance();
        Ok(Pending::new(id))
    }
}

impl Client {
    /// A message of a child for which there is room; `parked` waits for the wall clock or in its lane.
    pub(in crate::client) fn accept_of_child(
        &mut self,
        child: ChildId,
        topic: Topic,
        content: Content,
        options: MessageOptions,
        parked: bool,
    ) -> RequestId {
        let is_telemetry = matches!(content, Content::Telemetry(_));
        let wait = if parked {
            None
        } else {
            self.waits_for_children(child, &content, &options)
        };
        if !parked && wait.is_none() {
            // What was accepted for the child before is not overtaken.
            self.release_children();
        }
        let publication = Publication {
            origin: Some(child.0),
            ..self.publication(topic, content, options)
        };
        let id = self.mqtt.submit(publication, parked || wait.is_some());
        let id = RequestId(id.raw());
        self.counters.accepted += 1;
        if let Some(wait) = wait {
            self.wait_for_children(id, wait);
        } else if parked && is_telemetry {
            push_and_tidy(&mut self.unstamped, id, &self.mqtt);
        } else if parked {
            if let Some(lane) = self.children.lane_or_new(child) {
                lane.push(id, &self.mqtt);
            }
            self.children.lanes_due.push(child);
            self.advance();
        }
        id
    }

    /// Where a message of a child goes.
    pub(in crate::client) const fn child_topic(content: &Content) -> Topic {
        match content {
            Content::Telemetry(_) => topics::TELEMETRY,
            Content::Claim(_) => topics::CLAIM,
            _ => topics::ATTRIBUTES,
        }
    }

    /// Bytes around the payload of a message of a child.
    pub(in crate::client) fn around_child(&self, child: Option<ChildId>) -> usize {
        const CLOSING: usize = 2;
        child.map_or(0, |child| {
            self.mqtt.outbox().name_of(child.0).len() + CLOSING
        })
    }

    /// Sends the attributes on of children whose turn it is.
    pub(in crate::client) fn advance_child_lanes(&mut self) {
        while let Some(child) = self.children.lanes_due.pop() {
            let together = self
                .max_payload(topics::ATTRIBUTES.len())
                .saturating_sub(self.around_child(Some(child)));
            if self.mqtt.outbox().is_open(child.0)
                && let Some(lane) = self.children.lane(child)
            {
                lane.advance(&mut self.mqtt, &topics::ATTRIBUTES, together, Some(child.0));
            } else if self.children.lane(child).is_some() {
                self.children.want(child);
            }
            self.children.tidy_lane(child);
        }
    }
}

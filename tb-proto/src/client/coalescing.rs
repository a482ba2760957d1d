//! Small readings wait for each other, if the application wants it, and travel as one message.
//!
//! ```text
//!   accepted ──▶ waiting ──enough bytes, or long enough──▶ one message ──▶ the outcome of all
//!                                                              │ refused
//!                                                              ▼
//!                                                        each by itself
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::message::Content;
use super::{Client, RequestId};
use crate::mqtt::{Lane, MessageId, OnLinkEnd, Publication, Stage};
use crate::tb::attributes::AttributeBody;
use crate::tb::split::Meaning;
use crate::tb::telemetry::TelemetryBody;
use crate::tb::{Encoding, MessageOptions, Priority};
use crate::time::Instant;

/// When telemetry is coalesced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coalesce {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Coalescing {
    /// In the order of acceptance; some may have ended meanwhile.
    waiting: VecDeque<RequestId>,
    bytes: usize,
    /// When the oldest of them has waited long enough.
    due: Option<Instant>,
}

impl Coalescing {
    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        self.due
    }
}

impl Client {
    /// Whether this message waits for others. Those with a wish of their own do not.
    pub(super) fn waits_for_others(&self, content: &Content, options: &MessageOptions) -> bool {
        let Content::Telemetry(body) = content else {
            return false;
        };
        let plain = options.expires_in.is_none()
            && options.priority == Priority::Normal
            && options.qos.is_none_or(|qos| qos == self.config.default_qos);
        self.config
            .coalesce
            .is_some_and(|coalesce| plain && body.len() < coalesce.bytes)
            && body.encoding() == Encoding::Json
            && !body.needs_stamp()
            && !self.mqtt.is_draining()
    }

    /// A message of so many bytes waits from now on.
    pub(super) fn wait_for_others(&mut self, id: RequestId, bytes: usize) {
        let Some(coalesce) = self.config.coalesce else {
            return;
        };
        let now = self.mqtt.now();
        self.coalescing.waiting.push_back(id);
        self.coalescing.bytes += bytes;
        self.coalescing.due.get_or_insert(now + coalesce.time);
        if self.coalescing.bytes >= coalesce.bytes {
            self.send_together();
        }
    }

    pub(super) fn send_together_when_due(&mut self) {
        if self
            .coalescing
            .due
            .is_some_and(|due| due <= self.mqtt.now())
        {
            self.send_together();
        }
    }

    /// Sends what waits, as one message.
    pub(super) fn send_together(&mut self) {
        let waiting = core::mem::take(&mut self.coalescing).waiting;
        let outbox = self.mqtt.outbox();
        let members: Vec<RequestId> = waiting
            .into_iter()
            .filter(|id| {
                let entry = outbox.get(MessageId::from_raw(id.0));
                entry.is_some_and(|entry| entry.stage == Stage::Parked)
            })
            .collect();
        if let [only] = members.as_slice() {
            self.mqtt.unpark(MessageId::from_raw(only.0));
        } else if !members.is_empty() {
            self.submit_together(members);
        }
    }

    fn submit_together(&mut self, members: Vec<RequestId>) {
        let mut together = TelemetryBody::empty();
        let mut accepted = self.mqtt.now();
        for id in &members {
            let id = MessageId::from_raw(id.0);
            self.mqtt.outbox_mut().join(id);
            if let Some(entry) = self.mqtt.outbox().get(id)
                && let Content::Telemetry(body) = &entry.publication.content
            {
                accepted = accepted.min(entry.publication.accepted);
                // Only JSON waits, and JSON goes together with JSON.
                let _ = together.append(body);
            }
        }
        let body = AttributeBody {
            data_points: together.data_points(),
            encoding: Encoding::Json,
            text: together.bytes().to_vec(),
        };
        let publication = Publication {
            topic: self.topics.telemetry.clone(),
            content: Content::Merged {
                meaning: Meaning::Telemetry,
                body,
                members,
            },
            qos: self.config.default_qos,
            lane: Lane::Normal,
            accepted,
            expires: None,
            on_link_end: OnLinkEnd::Resend,
            is_activity: true,
            origin: None,
        };
        self.mqtt.submit(publication, false);
    }

    /// The server refused these together: each is tried alone.
    pub(super) fn send_apart(&mut self, members: &[RequestId]) {
        for member in members {
            self.mqtt.unpark(MessageId::from_raw(member.0));
        }
    }

    /// The merged message will not be sent: its members wait again, before all others.
    pub(super) fn take_telemetry_apart(&mut self, members: Vec<RequestId>) {
        for member in members.into_iter().rev() {
            self.mqtt.outbox_mut().part(MessageId::from_raw(member.0));
            self.coalescing.waiting.push_front(member);
        }
        self.coalescing.due = Some(self.mqtt.now());
    }
}

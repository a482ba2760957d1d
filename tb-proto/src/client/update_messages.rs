//! What goes to and fro for updates: questions, chunks, reports.

use bytes::Bytes;

use super::message::Content;
use super::updates::Following;
use super::{Client, Completion, RefusedReason, RequestId};
use crate::codec::{ProtocolVersion, QoS, ReasonCode, Topic};
use crate::mqtt::{Cause, Lane, LinkLost, OnLinkEnd, Outcome, Publication};
use crate::tb::ota::{ChunkRequest, LinkEnd, Report};
use crate::tb::{
    AttributeQuery, AttributeUpdate, AttributeValues, ChunkRefusal, PackageType, PayloadFormat,
    Telemetry, topics,
};
use crate::time::Instant;

/// Bytes that reports may take when the queue is full of messages: the platform has to hear of an
/// update all the same.
const REPORT_RESERVE: usize = 16 * 1024;

/// Bytes of bookkeeping for a report on its way.
pub(super) const REPORT_OVERHEAD: usize = 256;

impl Client {
    /// The server has answered what is announced; `None` if it has not, or not with attributes.
    pub(super) fn handle_announcement(
        &mut self,
        package_type: PackageType,
        values: Option<&AttributeValues>,
    ) {
        let now = self.mqtt.now();
        let Following {
            followed, offers, ..
        } = &mut self.updates;
        if let Some(followed) = followed.get_mut(&package_type) {
            match values {
                Some(values) => followed.updates.handle_answer(&values.shared, offers),
                None => followed.updates.handle_no_answer(now),
            }
        }
    }

    /// A request has ended without an answer.
    pub(super) fn end_request(&mut self, id: RequestId, failed: Completion) {
        match self.updates.answered(id) {
            Some(package_type) => self.handle_announcement(package_type, None),
            None => self.events.complete(id, failed),
        }
    }

    pub(super) fn handle_update_of_package(&mut self, update: &AttributeUpdate) {
        let now = self.mqtt.now();
        let Following {
            followed, offers, ..
        } = &mut self.updates;
        for followed in followed.values_mut() {
            followed.updates.handle_update(now, update, offers);
        }
    }

    pub(super) fn handle_chunk(
        &mut self,
        package_type: PackageType,
        request: i32,
        chunk: u32,
        payload: Bytes,
    ) {
        let now = self.mqtt.now();
        let fits = self
            .updates
            .followed
            .get_mut(&package_type)
            .is_some_and(|it| it.updates.handle_chunk(now, request, chunk, payload));
        if !fits {
            self.counters.unexpected_answers += 1;
        }
    }

    /// The server refuses chunks and does not say of which package (C-122). It looks a package up at
    /// the first question under a number, so that one is meant; if there are none or two such, all
    /// that ask are.
    pub(super) fn handle_chunk_refusal(&mut self, payload: &[u8]) {
        let refusal = ChunkRefusal::parse(payload);
        let all = self.updates.followed.values();
        let one_opens = all.filter(|it| it.updates.is_opening()).count() == 1;
        let mut meant = false;
        for followed in self.updates.followed.values_mut() {
            if followed.updates.is_opening() || (!one_opens && followed.updates.is_asking()) {
                followed.updates.handle_refusal(refusal);
                meant = true;
            }
        }
        if meant {
            // The server is about to close with the code of a rate limit; it is none.
            self.mqtt.explain_end();
        } else {
            self.counters.unexpected_answers += 1;
        }
    }

    /// The message that asks for a chunk is settled; that is not yet the chunk.
    pub(super) fn handle_chunk_requested(
        &mut self,
        package_type: PackageType,
        asked: ChunkRequest,
        outcome: Outcome,
    ) {
        let now = self.mqtt.now();
        match outcome {
            // What the connection cannot carry is not answered either: the deadline counts.
            Outcome::Delivered(_) | Outcome::Undelivered(_) => {
                if let Some(followed) = self.updates.followed.get_mut(&package_type) {
                    followed.updates.written(now, asked);
                }
            }
            Outcome::LinkEnded { .. } => {}
        }
    }

    pub(super) fn handle_updates_offline(&mut self, cause: Cause) {
        let now = self.mqtt.now();
        let Some(version) = self.updates.version.take() else {
            return;
        };
        let end = link_end(cause, version);
        let mut questions = [None; PackageType::ALL.len()];
        for (followed, place) in self.updates.followed.values_mut().zip(&mut questions) {
            followed.updates.link_down(now, end);
            *place = followed.question.take();
        }
        for question in questions {
            self.withdraw_question(question);
        }
    }

    pub(super) fn withdraw_question(&mut self, question: Option<RequestId>) {
        if let Some((_, Some(message))) = question.and_then(|id| self.requests.close(id)) {
            self.mqtt.take_back(message);
        }
    }

    pub(super) fn ask_what_is_announced(&mut self, now: Instant, package_type: PackageType) {
        let Some(followed) = self.updates.followed.get_mut(&package_type) else {
            return;
        };
        if followed.question.is_some() || !followed.updates.asks(now) {
            return;
        }
        // The keys are ours: they can be asked for.
        let Ok(payload) =
            AttributeQuery::shared(package_type.attributes()).payload(self.config.payload_format)
        else {
            return;
        };
        let deadline = now + AttributeQuery::DEFAULT_TIMEOUT;
        followed.updates.asked();
        let question = self
            .requests
            .open_attributes(Bytes::from(payload), deadline);
        followed.question = Some(question);
        self.requests.advance(&mut self.mqtt, &self.topics);
    }

    /// At QoS 0: the chunk is the acknowledgement, and its deadline finds what was lost.
    pub(super) fn ask_for_chunk(
        &mut self,
        package_type: PackageType,
        asked: ChunkRequest,
        payload: Bytes,
    ) {
        let publication = Publication {
            topic: topics::chunk_request(package_type, asked.request, asked.chunk),
            content: Content::ChunkRequest {
                package_type,
                asked,
                payload,
            },
            qos: QoS::AtMostOnce,
            lane: Lane::Urgent,
            accepted: self.mqtt.now(),
            expires: None,
            on_link_end: OnLinkEnd::End,
            is_activity: false,
            origin: None,
        };
        self.mqtt.submit(publication, false);
    }

    /// Sends what the machine has to tell the platform, as far as there is room.
    pub(super) fn send_reports(&mut self) {
        for package_type in PackageType::ALL {
            while let Some(report) = self
                .updates
                .followed
                .get_mut(&package_type)
                .and_then(|it| it.updates.poll_report())
            {
                let sent = match self.mqtt.is_draining() {
                    true => Err(RefusedReason::Closed),
                    false => self.submit_report(package_type, &report, false),
                };
                // What is too large for the server now will be so later.
                if let Err(RefusedReason::Closed | RefusedReason::QueueFull { .. }) = sent {
                    if let Some(followed) = self.updates.followed.get_mut(&package_type) {
                        followed.updates.put_back(report);
                    }
                    break;
                }
            }
        }
    }

    pub(super) fn submit_report(
        &mut self,
        package_type: PackageType,
        report: &Report,
        ticket: bool,
    ) -> Result<RequestId, RefusedReason> {
        let (mut body, _) =
            Telemetry::json(report.payload(package_type)).into_parts(PayloadFormat::Json)?;
        let now = self.mqtt.now();
        // Without a wall clock the time of arrival has to do: no report waits for it.
        match self.wall_clock.at(now).filter(|_| self.config.stamp) {
            Some(unix_ms) => {
                body.stamp(unix_ms);
            }
            None => {
                body.leave_unstamped();
            }
        }
        // A report is no message of the profile's schema, but every profile takes JSON there.
        let topic = if self.config.payload_format.is_json() {
            self.topics.telemetry.clone()
        } else {
            Topic::from_static(topics::JSON_TELEMETRY)
        };
        self.check_size(body.len(), topic.len())?;
        let memory = body.memory() + REPORT_OVERHEAD;
        let has_reserve = self.updates.report_bytes + memory <= REPORT_RESERVE
            && self.events.completions() < self.config.max_queued_messages;
        if !has_reserve && !self.has_room(memory) {
            return Err(RefusedReason::QueueFull {
                max_messages: self.config.max_queued_messages,
                max_bytes: self.config.max_queued_bytes,
            });
        }
        self.updates.report_bytes += memory;
        let publication = Publication {
            topic,
            content: Content::Report { body, ticket },
            qos: QoS::AtLeastOnce,
            lane: Lane::Urgent,
            accepted: now,
            expires: None,
            on_link_end: OnLinkEnd::Resend,
            is_activity: true,
            origin: None,
        };
        Ok(RequestId(self.mqtt.submit(publication, false).raw()))
    }
}

/// How far the end of a connection speaks against what was asked on it (TB §0.2).
const fn link_end(cause: Cause, version: ProtocolVersion) -> LinkEnd {
    match (version, cause) {
        (
            ProtocolVersion::V5,
            Cause::ServerDisconnect(
                ReasonCode::SERVER_SHUTTING_DOWN
                | ReasonCode::MALFORMED_PACKET
                | ReasonCode::PAYLOAD_FORMAT_INVALID,
            ),
        ) => LinkEnd::BlamesPacket,
        (ProtocolVersion::V3_1_1, Cause::Lost(LinkLost::Closed | LinkLost::Reset)) => {
            LinkEnd::HungUp
        }
        _ => LinkEnd::Innocent,
    }
}

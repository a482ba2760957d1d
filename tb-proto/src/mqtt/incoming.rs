//! What the server sends.

use alloc::string::ToString;

use super::engine::{Mqtt, Phase};
use super::identifiers::Owner;
use super::outbox::{Content, SlotIndex, Stage};
use super::signal::{Outcome, Progress, Signal};
use super::{Cause, Delivered, LinkId, Refusal, Rejection, UndeliveredCause};
use crate::codec::{
    ConnAck, Incoming, Malformed, PacketIdentifier, ProtocolVersion, QoS, ReasonCode,
};
use crate::time::Instant;

impl<C: Content> Mqtt<C> {
    /// Bytes from the server. Whatever they are, the worst that follows is the end of this connection.
    ///
    /// What is in them is read by [`handle_next_packet`](Self::handle_next_packet): call it until it
    /// says that it is done, and fetch the signals in between, so that they never add up.
    pub(crate) fn handle_input(&mut self, now: Instant, link: LinkId, data: &[u8]) {
        self.advance(now);
        let now = self.now;
        match &mut self.phase {
            Phase::Handshake(current) | Phase::Online(current) if current.id == link => {
                current.received(now);
                current.decoder.push(data);
            }
            // The last words of a server that we leave matter no more.
            Phase::Leaving { link: current, .. } if current.id == link => {}
            _ => self.counters.stale_reports += 1,
        }
    }

    /// Reads the next packet out of the bytes that came.
    pub(crate) fn handle_next_packet(&mut self) -> Progress {
        if let Phase::Handshake(current) | Phase::Online(current) = &mut self.phase {
            // The most frequent one by far.
            if let Some(id) = current.decoder.poll_puback() {
                return self.handle_puback(id, 0);
            }
            match current.decoder.poll() {
                Ok(Some(Incoming::PubAck { id, reason })) => return self.handle_puback(id, reason),
                Ok(Some(packet)) => {
                    self.handle_packet(packet);
                    return Progress::Packet;
                }
                Ok(None) => {}
                Err(malformed) => self.end_link(Cause::Malformed(malformed)),
            }
        }
        if let Phase::Online(current) = &self.phase
            && current.is_stalled()
        {
            self.end_link(Cause::Stalled);
        }
        self.collect_tokens();
        self.end_drain_if_empty();
        Progress::Done
    }

    fn handle_packet(&mut self, packet: Incoming) {
        self.confirm();
        match (packet, &mut self.phase) {
            (Incoming::ConnAck(connack), Phase::Handshake(_)) => self.handle_connack(&connack),
            (Incoming::Disconnect { reason, .. }, _) => {
                self.end_link(Cause::ServerDisconnect(ReasonCode::new(reason)));
            }
            // We never ask for an authentication exchange [MQTT-4.12.0-6].
            (Incoming::Auth, _) => self.end_link(Cause::Malformed(Malformed::PacketType(15))),
            // ThingsBoard can answer early packets before CONNACK (TB §17.3); we send none.
            (_, Phase::Handshake(_)) => {}
            (Incoming::Publish(publish), Phase::Online(link)) => {
                if publish.qos == QoS::AtLeastOnce {
                    link.acknowledge(publish.packet_id);
                }
                self.signals.push_back(Signal::Received(publish));
            }
            (
                Incoming::OversizedPublish {
                    topic,
                    packet_id,
                    len,
                    ..
                },
                Phase::Online(link),
            ) => {
                link.acknowledge(packet_id.unwrap_or(0));
                let topic = topic.map(|topic| topic.to_string());
                self.signals
                    .push_back(Signal::ReceivedTooLarge { topic, size: len });
            }
            (Incoming::SubAck { id, codes }, Phase::Online(link)) => {
                match link.subscribed(id, codes) {
                    Some(answers) => self.signals.extend(
                        answers.map(|(filter, granted)| Signal::Subscribed { filter, granted }),
                    ),
                    None => self.counters.unexpected_acknowledgements += 1,
                }
            }
            (Incoming::UnsubAck { id, .. }, Phase::Online(link)) => {
                if link.identifiers.owner(id) == Owner::Unsubscribe {
                    link.identifiers.release(id);
                } else {
                    self.counters.unexpected_acknowledgements += 1;
                }
            }
            (Incoming::PingResp, Phase::Online(link)) => {
                let tokens = link.unproven.ponged();
                self.pacer.take(self.now, tokens);
            }
            // A second CONNACK (C-025) and parts of a QoS 2 exchange concern nobody.
            (Incoming::ConnAck(_) | Incoming::Qos2 { .. }, _) => {}
            (_, _) => {}
        }
    }

    fn handle_connack(&mut self, connack: &ConnAck) {
        let version = self.versions.current();
        if connack.code != 0 {
            let refusal = match version {
                ProtocolVersion::V3_1_1 => Refusal::from_v3(connack.code),
                ProtocolVersion::V5 => Refusal::from_v5(connack.code),
            };
            self.end_link(Cause::Refused(refusal));
            return;
        }
        let Phase::Handshake(mut link) = core::mem::replace(&mut self.phase, Phase::Closed) else {
            return;
        };
        link.accepted(self.now, &connack.properties, self.wanted());
        self.charge_connect();
        self.phase = Phase::Online(link);
        self.timers.stop(super::timers::Timer::Connect);
        self.counters.connects += 1;
        self.start_holding();
        if let Some(at) = self.versions.accepted(self.now) {
            self.timers.set(super::timers::Timer::VersionRetry, at);
        }
        self.signals.push_back(Signal::Online { version });
    }

    fn handle_puback(&mut self, id: PacketIdentifier, reason: u8) -> Progress {
        self.confirm();
        let Phase::Online(link) = &mut self.phase else {
            return Progress::Packet;
        };
        match link.identifiers.release_message(id) {
            Owner::Message(place) if self.doubt(place) => {}
            Owner::Message(place) => return self.acknowledged(place, ReasonCode::new(reason)),
            Owner::Messages(first) if self.doubt(first) => {}
            Owner::Messages(first) => self.acknowledged_together(first, ReasonCode::new(reason)),
            Owner::GivenUp => {}
            Owner::Nobody | Owner::Subscribe | Owner::Unsubscribe => {
                self.counters.unexpected_acknowledgements += 1;
            }
        }
        Progress::Packet
    }

    /// The server acknowledged the message at `place`, whatever that means.
    pub(super) fn acknowledged(&mut self, place: SlotIndex, reason: ReasonCode) -> Progress {
        let Self {
            phase: Phase::Online(link),
            outbox,
            ..
        } = self
        else {
            return Progress::Packet;
        };
        let Some(entry) = outbox.at(place) else {
            return Progress::Packet;
        };
        let id = entry.id;
        let is_over = entry.publication.content.is_over_when_delivered();
        if let Stage::InFlight { order, at, .. } = entry.stage {
            let micros = self.now.as_micros().saturating_sub(at.as_micros());
            self.counters.acknowledged_after(micros);
            link.newest_acknowledged = link.newest_acknowledged.max(Some(order));
        }
        if link.trial.is_some_and(|(trial, _)| trial == id) {
            link.trial = None;
        }
        if self.is_transient(place, reason) && self.pause_for_quota(place) {
            return Progress::Packet;
        }
        self.topic_works(place);
        if reason.is_error() {
            let rejected = UndeliveredCause::Rejected(Rejection::Reason(reason));
            self.settle(id, Outcome::Undelivered(rejected));
            return Progress::Packet;
        }
        let version = self.versions.current();
        let delivered = Delivered::Acknowledged { version };
        if is_over {
            self.outbox.forget_at(place);
            Progress::Delivered { id, delivered }
        } else {
            self.settle(id, Outcome::Delivered(delivered));
            Progress::Packet
        }
    }
}

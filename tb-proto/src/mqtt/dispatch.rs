//! Messages are written; whose turn it is, [`turn`](super::turn) tells.

use bytes::Bytes;

use super::cutting::packet_limit;
use super::engine::{Mqtt, Phase};
use super::identifiers::Owner;
use super::link::{CHUNK, Link};
use super::outbox::{Content, OnLinkEnd, Queue, SlotIndex};
use super::signal::{Outcome, Signal};
use super::timers::Timer;
use super::turn::Turn;
use super::{Delivered, UndeliveredCause};
use crate::codec::{QoS, ReasonCode, encode};

impl<C: Content> Mqtt<C> {
    /// The next bytes for the connection that was opened last. Many messages are coalesced into one
    /// chunk; what is written here counts as written to the server.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        if let Phase::Online(link) = &self.phase
            && self.has_work(link)
        {
            self.fill();
        }
        match &mut self.phase {
            Phase::Handshake(link) | Phase::Online(link) => {
                let chunk = link.take_chunk();
                if chunk.is_none() && self.outbox.count(Queue::InFlight) == 0 {
                    link.fall_idle();
                }
                chunk
            }
            Phase::Leaving { link, then } => {
                let then = *then;
                let chunk = link.take_chunk();
                if chunk.is_none() {
                    self.left(then);
                }
                chunk
            }
            _ => None,
        }
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to hand out, or to do.
    ///
    /// Never false while it has. It may be true in vain: what else is due for suspects, a drain or a
    /// goodbye is found out by polling.
    pub(crate) fn wants_transmit(&self) -> bool {
        match &self.phase {
            Phase::Online(link) => {
                link.has_output()
                    || (self.has_work(link)
                        && (self.outbox.first(Queue::Suspect).is_some()
                            || (self.is_draining() && self.outbox.is_empty())
                            || self.has_turn(link)))
            }
            Phase::Handshake(link) => link.has_output(),
            Phase::Leaving { .. } => true,
            _ => false,
        }
    }

    /// Whether there can be anything to write, or to set up for it; quickly told.
    fn has_work(&self, link: &Link) -> bool {
        self.outbox.waits() || self.is_draining() || link.has_subscriptions_due()
    }

    #[inline(never)]
    fn fill(&mut self) {
        self.collect_tokens();
        self.timers.stop(Timer::Pace);
        self.write_filters();
        while let Phase::Online(link) = &self.phase
            && link.out.len() < CHUNK
            && self.outbox.waits()
        {
            let goes_on = match self.next_turn(link) {
                Turn::Write {
                    place,
                    queue: queue @ (Queue::Again | Queue::Origins),
                } if self.settings.sharing.is_some() => self.write_together(place, queue),
                Turn::Write { place, queue } => {
                    self.count_turn(queue);
                    self.write(place, queue) && self.write_those_behind(queue)
                }
                Turn::Hold { place } => {
                    self.hold(place);
                    true
                }
                Turn::Cut { place, queue } => {
                    self.count_turn(queue);
                    self.cut(place)
                }
                Turn::Wait { until, prove } => {
                    if let Some(until) = until {
                        self.wake_for_tokens(until);
                    }
                    if prove {
                        self.prove();
                    }
                    false
                }
            };
            if !goes_on {
                break;
            }
        }
        self.arm_suspects();
        self.end_drain_if_empty();
    }

    fn write_filters(&mut self) {
        if matches!(&self.phase, Phase::Online(link) if !link.has_subscriptions_due()) {
            return;
        }
        let tokens = self.payable_filters();
        let Phase::Online(link) = &mut self.phase else {
            return;
        };
        if let Some(tokens) = tokens {
            for filter in link.write_subscriptions(self.now, tokens, C::filter_cost) {
                self.signals.push_back(Signal::Subscribed {
                    filter,
                    granted: Err(ReasonCode::PACKET_TOO_LARGE),
                });
            }
        }
    }

    /// Writes what is behind the message that had its turn, for as long as the next turn would go to the
    /// same queue: without limits that holds until something else comes first, within limits as long as
    /// nothing else waits and there are tokens. Returns whether there may be another turn.
    fn write_those_behind(&mut self, queue: Queue) -> bool {
        let in_a_row = matches!(queue, Queue::Again | Queue::Normal | Queue::Origins);
        let is_limited = self.pacer.is_limited();
        let others_wait = self.outbox.waiting() > self.outbox.count(queue);
        let shared = others_wait && (is_limited || self.outbox.first(Queue::Live).is_some());
        let Phase::Online(link) = &self.phase else {
            return true;
        };
        if !in_a_row || shared || self.outbox.count(queue) == 0 {
            return true;
        }
        let mut allowance = is_limited.then(|| self.pacer.allowance(self.now, self.owed(link)));
        while let Phase::Online(link) = &self.phase
            && link.out.len() < CHUNK
            && self.outbox.first(Queue::First).is_none()
            && let Some(place) = self.outbox.first(queue)
            && let Some(entry) = self.outbox.at(place)
            && self.outbox.waits_for_origin(entry).is_none()
            && (entry.publication.qos == QoS::AtMostOnce || self.window_is_open(link))
            && allowance
                .as_mut()
                .is_none_or(|left| left.pay(entry.publication.cost()))
        {
            if !self.write(place, queue) {
                return false;
            }
        }
        true
    }

    /// Gives the message its packet identifier and its frame, in the version of this connection.
    /// Returns whether anything came of it.
    pub(super) fn write(&mut self, place: SlotIndex, queue: Queue) -> bool {
        let Self {
            phase: Phase::Online(link),
            outbox,
            now,
            max_packet_size,
            ..
        } = self
        else {
            return false;
        };
        let Some(entry) = outbox.at(place) else {
            return false;
        };
        let id = entry.id;
        let publication = &entry.publication;
        if publication.expires.is_some_and(|expires| expires <= *now) {
            self.settle(id, Outcome::Undelivered(UndeliveredCause::Expired));
            return true;
        }
        if publication.content.is_cut() {
            return self.cut(place);
        }
        let id_is_needed = publication.qos.min(link.max_qos) == QoS::AtLeastOnce;
        let packet_id = id_is_needed
            .then(|| link.identifiers.take(Owner::Message(place)))
            .flatten();
        if id_is_needed && packet_id.is_none() {
            // All 65,535 identifiers wait for the server; the acknowledgement time-out frees them.
            return false;
        }
        let (before, after) = outbox.around(publication);
        let payload = [before, publication.content.bytes(), after];
        let limit = packet_limit(link, *max_packet_size);
        let packet = encode::Publish::new(link.version, &publication.topic, packet_id, &payload);
        let Some(packet) = packet.filter(|packet| packet.len() <= limit) else {
            if let Some(packet_id) = packet_id {
                link.identifiers.release(packet_id);
            }
            return self.cut(place);
        };
        link.make_room_for_many();
        packet.write(&mut link.out);
        if publication.is_activity {
            link.last_activity = *now;
            // What is no activity is not counted against rate limits either (TB §14.5).
            link.burst.count(*now);
        }
        if entry.writes > 0 {
            self.counters.resent += 1;
        }
        let origin = publication.origin;
        let closes = origin.filter(|_| publication.content.closes_origin());
        let Some(packet_id) = packet_id else {
            link.unproven.add(publication.cost().into());
            let is_over = publication.content.is_over_when_delivered();
            if let Some(origin) = origin {
                outbox.note_written(origin, *now);
            }
            if let Some(origin) = closes {
                outbox.close_origin(origin);
            }
            // Out of the machine on a live connection is all that will ever be known of QoS 0.
            let delivered = Delivered::Sent;
            if is_over {
                outbox.forget_at(place);
                self.signals.push_back(Signal::Delivered { id, delivered });
            } else {
                self.settle(id, Outcome::Delivered(delivered));
            }
            return true;
        };
        link.order += 1;
        outbox.written(place, packet_id, *now, link.order);
        if let Some(origin) = closes {
            outbox.close_origin(origin);
        }
        if queue == Queue::Suspect {
            let until = *now + super::suspects::TRIAL;
            link.trial = Some((id, until));
            self.timers.set(Timer::Suspect, until);
        }
        true
    }

    /// Puts a message aside whose origin is not open. One that lives only on this connection ends.
    fn hold(&mut self, place: SlotIndex) {
        let Some(entry) = self.outbox.at(place) else {
            return;
        };
        let id = entry.id;
        let origin = entry.publication.origin;
        if entry.publication.on_link_end == OnLinkEnd::End {
            self.settle(id, Outcome::LinkEnded { blamed: false });
        } else {
            self.outbox.hold(place);
        }
        if let Some(origin) = origin {
            self.signals.push_back(Signal::Held(origin));
        }
    }
}

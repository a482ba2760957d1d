//! What is written next.

use bytes::Bytes;

use super::engine::{Mqtt, Phase};
use super::identifiers::Owner;
use super::limits::SHORTEST_WAIT;
use super::link::{CHUNK, Link};
use super::outbox::{
    Content, Entry, Lane, MessageId, NextPart, PartLimits, Publication, Queue, SlotIndex, Stage,
};
use super::pacing::{Cost, Permission, Tokens};
use super::signal::{Outcome, Signal};
use super::timers::Timer;
use super::{Delivered, Rejection, UndeliveredCause};
use crate::codec::{QoS, ReasonCode, encode};
use crate::time::Instant;

/// While rate limits hold up a backlog, so many live messages go before one of the backlog does.
const LIVE_IN_A_ROW: u8 = 3;

impl<C: Content> Mqtt<C> {
    /// The next bytes for the connection that was opened last. Many messages are coalesced into one
    /// chunk; what is written here counts as written to the server.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.is_online() {
            self.fill();
        }
        match &mut self.phase {
            Phase::Handshake(link) | Phase::Online(link) => link.take_chunk(),
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
                    || self.outbox.first(Queue::Suspect).is_some()
                    || (self.is_draining() && self.outbox.is_empty())
                    || self.has_turn(link)
            }
            Phase::Handshake(link) => link.has_output(),
            Phase::Leaving { .. } => true,
            _ => false,
        }
    }

    fn has_turn(&self, link: &Link) -> bool {
        match self.next_turn(link) {
            Turn::Write { .. } | Turn::Cut { .. } => true,
            // The timer, or the question that an acknowledgement answers, may have to be set.
            Turn::Wait { until, prove } => {
                let is_set = |until| {
                    self.timers
                        .is_set_before(Timer::Pace, until + SHORTEST_WAIT)
                };
                until.is_some_and(|until| !is_set(until))
                    || (prove && !link.unproven.provable().is_none())
            }
        }
    }

    fn fill(&mut self) {
        self.collect_tokens();
        self.timers.stop(Timer::Pace);
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
        while let Phase::Online(link) = &self.phase
            && link.out.len() < CHUNK
        {
            let goes_on = match self.next_turn(link) {
                Turn::Write { place, alone } => {
                    self.count_turn(place);
                    self.write(place, alone)
                }
                Turn::Cut { place } => {
                    self.count_turn(place);
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
        self.rearm();
        self.end_drain_if_empty();
    }

    /// What is written next, if the connection can take it and the server's limits allow it.
    ///
    /// Urgent messages come first, then those that a lost connection carried, then the others in the
    /// order of acceptance; where rate limits hold up a backlog, live messages share the way with it.
    /// A suspect travels alone: the others wait until nothing is on its way, and again until its fate
    /// is known.
    fn next_turn(&self, link: &Link) -> Turn {
        const NOTHING: Turn = Turn::Wait {
            until: None,
            prove: false,
        };
        if self.paused_until.is_some_and(|until| until > self.now) || link.trial.is_some() {
            return NOTHING;
        }
        let in_flight = self.outbox.count(Queue::InFlight);
        let is_cutting = self.outbox.first(Queue::First).is_some();
        if !is_cutting && let Some(place) = self.due_suspect(link) {
            if in_flight > 0 {
                return NOTHING;
            }
            return self.turn(link, place, true);
        }
        // To the server, what was given up is still on its way [MQTT-3.3.4-9].
        let window_is_open = in_flight + link.identifiers.given_up() < link.window;
        let held = link.backlog_held.filter(|&until| until > self.now);
        let mut waits = Waits::default();
        let queues = [Queue::First, Queue::Urgent, Queue::Again, self.next_lane()];
        for &queue in &queues {
            let Some((place, entry)) = self
                .outbox
                .first(queue)
                .and_then(|place| Some((place, self.outbox.at(place)?)))
            else {
                continue;
            };
            let publication = &entry.publication;
            if let Some(until) = held
                && !(matches!(queue, Queue::First | Queue::Urgent)
                    && publication.content.cost().is_small())
            {
                waits.until(until);
                continue;
            }
            if publication.qos == QoS::AtLeastOnce && !window_is_open {
                return NOTHING;
            }
            if !self.pacer.is_limited() {
                return Turn::Write {
                    place,
                    alone: false,
                };
            }
            // Behind a message that waits for tokens nothing else takes them away.
            if waits.keep_back(publication.content.cost()) {
                continue;
            }
            match self.turn(link, place, false) {
                Turn::Wait { until, prove } => {
                    waits.add(publication.content.cost(), until, prove);
                }
                turn => return turn,
            }
        }
        Turn::Wait {
            until: waits.until,
            prove: waits.prove,
        }
    }

    /// Whether the message can be paid.
    fn turn(&self, link: &Link, place: SlotIndex, alone: bool) -> Turn {
        let write = Turn::Write { place, alone };
        let Some(entry) = self.outbox.at(place).filter(|_| self.pacer.is_limited()) else {
            return write;
        };
        let content = &entry.publication.content;
        let cost = Tokens::from(content.cost());
        let most = self.pacer.max_data_points().map(u64::from);
        let is_over = most.is_some_and(|most| cost.data_points > most);
        if content.is_cut() || (is_over && content.can_be_cut()) {
            return Turn::Cut { place };
        }
        let owed = self.owed(link);
        match self.pacer.permission(self.now, owed, cost) {
            Permission::Now => write,
            Permission::At(at) => Turn::Wait {
                until: Some(at),
                prove: self.pacer.weighs(link.unproven.provable()),
            },
            Permission::AfterAcknowledgement => Turn::Wait {
                until: None,
                prove: true,
            },
        }
    }

    /// The lane whose turn it is: the backlog gets every fourth turn.
    fn next_lane(&self) -> Queue {
        let backlog_waits = self.outbox.first(Queue::Normal).is_some();
        let live_waits = self.outbox.first(Queue::Live).is_some();
        if live_waits && !(backlog_waits && self.live_in_a_row >= LIVE_IN_A_ROW) {
            Queue::Live
        } else {
            Queue::Normal
        }
    }

    fn count_turn(&mut self, place: SlotIndex) {
        match self.outbox.at(place).map(|entry| entry.stage) {
            Some(Stage::Ready(Lane::Live)) => {
                self.live_in_a_row = self.live_in_a_row.saturating_add(1);
            }
            Some(Stage::Ready(Lane::Normal)) => self.live_in_a_row = 0,
            _ => {}
        }
    }

    /// Whether a message that comes now goes past a backlog that rate limits hold up.
    pub(super) fn is_live(&self, publication: &Publication<C>) -> bool {
        if publication.lane != Lane::Normal || !self.pacer.is_limited() {
            return false;
        }
        let Phase::Online(link) = &self.phase else {
            return false;
        };
        let backlog = self
            .outbox
            .first(Queue::Normal)
            .and_then(|place| self.outbox.at(place))
            .is_some_and(|oldest| oldest.publication.accepted < link.online_since);
        // What is live keeps its order, backlog or not.
        let live_waits = self.outbox.first(Queue::Live).is_some();
        (backlog || live_waits) && publication.content.has_time()
    }

    /// Gives the message its packet identifier and its frame, in the version of this connection.
    /// Returns whether anything came of it.
    fn write(&mut self, place: SlotIndex, alone: bool) -> bool {
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
        let acknowledged = publication.qos.min(link.max_qos) == QoS::AtLeastOnce;
        let payload = publication.content.parts();
        let payload_len = payload.iter().map(|part| part.len()).sum();
        let size = encode::publish_len(link.version, &publication.topic, acknowledged, payload_len);
        let limit = packet_limit(link, *max_packet_size);
        let fits = size.is_some_and(|size| size <= limit);
        let packet_id = (acknowledged && fits)
            .then(|| link.identifiers.take(Owner::Message(place)))
            .flatten();
        if acknowledged && fits && packet_id.is_none() {
            // All 65,535 identifiers wait for the server; the acknowledgement time-out frees them.
            return false;
        }
        let written = fits
            && encode::publish(
                link.version,
                &publication.topic,
                packet_id,
                &payload,
                &mut link.out,
            )
            .is_ok();
        if !written {
            if let Some(packet_id) = packet_id {
                link.identifiers.release(packet_id);
            }
            return self.cut(place);
        }
        if publication.is_activity {
            link.last_activity = *now;
            // What is no activity is not counted against rate limits either (TB §14.5).
            link.burst.count(*now);
        }
        if entry.writes > 0 {
            self.counters.resent += 1;
        }
        let Some(packet_id) = packet_id else {
            link.unproven.add(publication.content.cost().into());
            // Out of the machine on a live connection is all that will ever be known of QoS 0.
            self.settle(id, Outcome::Delivered(Delivered::Sent));
            return true;
        };
        link.order += 1;
        outbox.written(place, packet_id, *now, link.order);
        if alone {
            let until = *now + super::suspects::TRIAL;
            link.trial = Some((id, until));
            self.timers.set(Timer::Suspect, until);
        }
        true
    }

    /// Cuts the next part off a message that is over a limit. Returns whether anything came of it:
    /// otherwise so many parts are on their way that the message waits.
    fn cut(&mut self, place: SlotIndex) -> bool {
        let Phase::Online(link) = &self.phase else {
            return false;
        };
        let Some(Entry {
            id, publication, ..
        }) = self.outbox.at(place)
        else {
            return false;
        };
        let (id, limit) = (*id, packet_limit(link, self.max_packet_size));
        let acknowledged = publication.qos.min(link.max_qos) == QoS::AtLeastOnce;
        let packet = |payload| {
            encode::publish_len(link.version, &publication.topic, acknowledged, payload)
                .unwrap_or(usize::MAX)
        };
        let overhead = packet(0);
        // The length of the length grows with the payload, by three bytes at the most.
        let room = limit.saturating_sub(overhead);
        let bytes = (0..=3)
            .map(|growth| room.saturating_sub(growth))
            .find(|&payload| packet(payload) <= limit);
        let limits = PartLimits {
            bytes: bytes.unwrap_or(0),
            data_points: self.pacer.max_data_points().unwrap_or(u32::MAX),
        };
        let mut next = NextPart::Later;
        self.outbox
            .edit(id, |whole| next = whole.content.next_part(id, limits));
        match next {
            NextPart::Part(content) => {
                // From now on it has been written in part, and cannot be taken back.
                self.outbox.carried(id);
                self.insert_part(id, content);
            }
            NextPart::Later => return false,
            NextPart::AllUnderWay => self.outbox.join_parts(id),
            NextPart::Settled(outcome) => self.settle(id, outcome),
            NextPart::TooLarge { size } => {
                let size = size.saturating_add(overhead);
                let rejected = UndeliveredCause::Rejected(Rejection::TooLarge { size, limit });
                self.settle(id, Outcome::Undelivered(rejected));
            }
        }
        true
    }

    fn insert_part(&mut self, whole: MessageId, content: C) {
        let Some(Entry { publication, .. }) = self.outbox.get(whole) else {
            return;
        };
        let part = Publication {
            topic: publication.topic.clone(),
            content,
            lane: Lane::First,
            ..*publication
        };
        self.outbox.insert(part, false);
    }
}

/// What is done next.
enum Turn {
    /// The message is written; alone if it is a suspect: then nothing else is until its fate is known.
    Write { place: SlotIndex, alone: bool },
    /// The message is over a limit: a part of it is cut off.
    Cut { place: SlotIndex },
    /// Nothing, until then or until an acknowledgement comes, which can be asked for.
    Wait { until: Option<Instant>, prove: bool },
}

/// Why messages have been passed over.
#[derive(Default)]
struct Waits {
    until: Option<Instant>,
    prove: bool,
    for_messages: bool,
    for_telemetry: bool,
}

impl Waits {
    fn until(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |sooner| sooner.min(until)));
    }

    fn add(&mut self, cost: Cost, until: Option<Instant>, prove: bool) {
        let tokens = Tokens::from(cost);
        self.for_messages |= tokens.messages > 0;
        self.for_telemetry |= tokens.telemetry_messages > 0;
        self.prove |= prove;
        if let Some(until) = until {
            self.until(until);
        }
    }

    /// Whether a message with this cost would take tokens away from one that waits for them.
    fn keep_back(&self, cost: Cost) -> bool {
        let tokens = Tokens::from(cost);
        (self.for_messages && tokens.messages > 0)
            || (self.for_telemetry && tokens.telemetry_messages > 0)
    }
}

/// The largest packet that this server takes, fixed header included: what it said in CONNACK, and
/// what is known of its limit on the *remaining length*.
fn packet_limit(link: &Link, max_packet_size: usize) -> usize {
    let whole = encode::packet_len(max_packet_size).unwrap_or(usize::MAX);
    link.max_packet.map_or(whole, |limit| limit.min(whole))
}

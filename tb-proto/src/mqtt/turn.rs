//! Whose turn it is: order, window and the server's rate limits.
//!
//! ```text
//!   First ─▶ Urgent ─▶ Again ─▶ Live (three of four turns) | Normal
//! ```
//!
//! Of children what is urgent comes behind what is of their gateway, and all else at the end; each kind
//! only waits for limits of its own.

use super::engine::{Mqtt, Phase};
use super::limits::SHORTEST_WAIT;
use super::link::Link;
use super::outbox::{Content, Lane, Publication, Queue, SlotIndex};
use super::pacing::{Cost, Permission, Tokens};
use super::timers::Timer;
use crate::codec::QoS;
use crate::time::Instant;

/// While rate limits hold up a backlog, so many live messages go before one of the backlog does.
const LIVE_IN_A_ROW: u8 = 3;

impl<C: Content> Mqtt<C> {
    /// What is written next, if the connection can take it and the server's limits allow it.
    ///
    /// Urgent messages come first, then those that a lost connection carried, then the others in the
    /// order of acceptance; where rate limits hold up a backlog, live messages share the way with it.
    /// A suspect travels alone: the others wait until nothing is on its way, and again until its fate
    /// is known.
    pub(super) fn next_turn(&self, link: &Link) -> Turn {
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
            return self.turn(link, place, Queue::Suspect);
        }
        let window_is_open = self.window_is_open(link);
        let held = link.backlog_held.filter(|&until| until > self.now);
        let mut waits = Waits::default();
        for &queue in self.order_of_turns() {
            let Some((place, entry)) = self
                .outbox
                .first(queue)
                .and_then(|place| Some((place, self.outbox.at(place)?)))
            else {
                continue;
            };
            let publication = &entry.publication;
            if self.outbox.waits_for_origin(entry).is_some() {
                return Turn::Hold { place };
            }
            if let Some(until) = held
                && !(matches!(queue, Queue::First | Queue::Urgent) && publication.cost().is_small())
            {
                waits.until(until);
                continue;
            }
            if publication.qos == QoS::AtLeastOnce && !window_is_open {
                return NOTHING;
            }
            if !self.pacer.is_limited() {
                return Turn::Write { place, queue };
            }
            // Behind a message that waits for tokens nothing else takes them away.
            if waits.keep_back(publication.cost()) {
                continue;
            }
            match self.turn(link, place, queue) {
                Turn::Wait { until, prove } => {
                    waits.add(publication.cost(), until, prove);
                }
                turn => return turn,
            }
        }
        Turn::Wait {
            until: waits.until,
            prove: waits.prove,
        }
    }

    /// Whether one more message may wait for its acknowledgement. To the server, what was given up is
    /// still on its way [MQTT-3.3.4-9].
    pub(super) fn window_is_open(&self, link: &Link) -> bool {
        self.outbox.count(Queue::InFlight) + link.identifiers.given_up() < link.window + link.along
    }

    /// Whether the message can be paid.
    fn turn(&self, link: &Link, place: SlotIndex, queue: Queue) -> Turn {
        let write = Turn::Write { place, queue };
        let Some(entry) = self.outbox.at(place).filter(|_| self.pacer.is_limited()) else {
            return write;
        };
        let content = &entry.publication.content;
        let cost = Tokens::from(entry.publication.cost());
        let of_child = entry.publication.origin.is_some();
        let most = self.pacer.max_data_points(of_child).map(u64::from);
        let data_points = cost.data_points.max(cost.child_data_points);
        let is_over = most.is_some_and(|most| data_points > most);
        if content.is_cut() || (is_over && content.can_be_cut()) {
            return Turn::Cut { place, queue };
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

    /// The queues in their order: the backlog gets every fourth turn.
    fn order_of_turns(&self) -> &'static [Queue; 6] {
        const fn order(lane: Queue) -> [Queue; 6] {
            [
                Queue::First,
                Queue::Urgent,
                Queue::OriginsUrgent,
                Queue::Again,
                lane,
                Queue::Origins,
            ]
        }
        const LIVE: [Queue; 6] = order(Queue::Live);
        const NORMAL: [Queue; 6] = order(Queue::Normal);
        let backlog_waits = self.outbox.first(Queue::Normal).is_some();
        let live_waits = self.outbox.first(Queue::Live).is_some();
        if live_waits && !(backlog_waits && self.live_in_a_row >= LIVE_IN_A_ROW) {
            &LIVE
        } else {
            &NORMAL
        }
    }

    pub(super) const fn count_turn(&mut self, queue: Queue) {
        match queue {
            Queue::Live => self.live_in_a_row = self.live_in_a_row.saturating_add(1),
            Queue::Normal => self.live_in_a_row = 0,
            _ => {}
        }
    }

    /// Whether a message that comes now goes past a backlog that rate limits hold up.
    pub(super) fn is_live(&self, publication: &Publication<C>) -> bool {
        let is_own = publication.origin.is_none();
        if publication.lane != Lane::Normal || !is_own || !self.pacer.is_limited() {
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

    /// Whether a message can be written, or something has to be set up for its sake.
    pub(super) fn has_turn(&self, link: &Link) -> bool {
        // Quickly told of a burst that waits for the window, since a driver asks at every call.
        if let Some(entry) = self
            .outbox
            .first(Queue::Normal)
            .and_then(|at| self.outbox.at(at))
            && entry.publication.qos == QoS::AtLeastOnce
            && self.outbox.waiting() == self.outbox.count(Queue::Normal)
            && !self.window_is_open(link)
        {
            return false;
        }
        match self.next_turn(link) {
            Turn::Write { .. } | Turn::Cut { .. } | Turn::Hold { .. } => true,
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
}

/// What is done next.
pub(super) enum Turn {
    /// The origin of the message is not open: it is put aside.
    Hold { place: SlotIndex },
    /// The first message of the queue is written. If it is a suspect, nothing else is until its fate is
    /// known.
    Write { place: SlotIndex, queue: Queue },
    /// The message is over a limit: a part of it is cut off.
    Cut { place: SlotIndex, queue: Queue },
    /// Nothing, until then or until an acknowledgement comes, which can be asked for.
    Wait { until: Option<Instant>, prove: bool },
}

/// Why messages have been passed over.
#[derive(Default)]
struct Waits {
    until: Option<Instant>,
    prove: bool,
    /// What they cost.
    tokens: Tokens,
}

impl Waits {
    fn until(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |sooner| sooner.min(until)));
    }

    fn add(&mut self, cost: Cost, until: Option<Instant>, prove: bool) {
        self.tokens += cost;
        self.prove |= prove;
        if let Some(until) = until {
            self.until(until);
        }
    }

    /// Whether a message with this cost would take tokens away from one that waits for them.
    fn keep_back(&self, cost: Cost) -> bool {
        let waited_for = self.tokens.each();
        let mut both = waited_for.into_iter().zip(Tokens::from(cost).each());
        both.any(|(waited_for, cost)| waited_for > 0 && cost > 0)
    }
}

//! Messages that make the server hang up are found, and set aside without harming others.
//!
//! The loss of a connection alone says nothing about a message. Suspicious is an end that comes from
//! the server soon after a write (TB §0.2): on MQTT 5 a DISCONNECT that blames a packet, on 3.1.1 a
//! bare close. A message for which the last two connections that carried it ended so is a suspect and
//! travels alone from then on; a connection that did not carry it says nothing of it. Only a message
//! that ends the connection again and again while it is alone on it, and whose topic works for others,
//! is rejected.

use core::time::Duration;

use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::{Content, OnLinkEnd, Queue, SlotIndex, Stage};
use super::signal::Outcome;
use super::timers::Timer;
use super::{Cause, LinkLost, MessageId, Rejection, UndeliveredCause};
use crate::codec::{ProtocolVersion, ReasonCode};
use crate::time::Instant;

/// An end later than this after a write is not blamed on what was written. A suspect that has been
/// alone for this long is out of suspicion for this connection.
pub(super) const TRIAL: Duration = Duration::from_secs(5);

/// How long the others go first on a new connection, if they have that much to say.
const OTHERS_FIRST: Duration = Duration::from_secs(5);

/// The pause before a suspect is tried again while nothing shows that its topic works at all.
const SLOW: Duration = Duration::from_secs(600);

/// Slow tries before a suspect is rejected without that proof.
const ROUNDS: u8 = 5;

/// Ends of a connection by a lone message that are enough to reject it.
const fn strikes_needed(version: ProtocolVersion) -> u8 {
    match version {
        // The server names the packet as the reason.
        ProtocolVersion::V5 => 2,
        // A bare close can be anything.
        ProtocolVersion::V3_1_1 => 3,
    }
}

impl<C: Content> Mqtt<C> {
    /// Decides whether the end of `link`, if it is `suspicious`, speaks against what was on its way.
    /// Called while those messages are still in flight.
    pub(super) fn judge(&mut self, link: &Link, suspicious: bool) {
        if let Some((trial, _)) = link.trial {
            if suspicious
                && let Some(entry) = self.outbox.get(trial)
                && let Stage::InFlight { at, .. } = entry.stage
                && self.now.duration_since(at) <= TRIAL
            {
                self.strike(trial, link.version);
            }
            return;
        }
        let mut next = self.outbox.first(Queue::InFlight);
        while let Some(place) = next {
            next = self.outbox.behind(place);
            let Some(entry) = self.outbox.at_mut(place) else {
                break;
            };
            let Stage::InFlight { at, .. } = entry.stage else {
                break;
            };
            let blamed = suspicious && self.now.duration_since(at) <= TRIAL;
            let before = core::mem::replace(&mut entry.suspicion.blamed, blamed);
            // Requests of the machine's own making die with the connection and are judged by their owner.
            if before && blamed && entry.publication.on_link_end != OnLinkEnd::End {
                entry.suspicion.strikes = 0;
                let id = entry.id;
                self.outbox.suspect(id, self.now);
            }
        }
    }

    /// From now on a message travels alone, before the other suspects: others wait for it. It is rejected
    /// if it ends the connection again and again; one that has been `convicted` before if it does so once.
    pub(crate) fn suspect(&mut self, id: MessageId, convicted: bool) {
        if convicted && let Some(entry) = self.outbox.get_mut(id) {
            entry.suspicion.strikes = u8::MAX;
            entry.suspicion.topic_works = true;
        }
        self.outbox.suspect_first(id, self.now);
    }

    /// Gives up a suspect that the application knows nothing of. If it is on its way, it ends with this
    /// connection at the latest.
    pub(crate) fn acquit(&mut self, id: MessageId) {
        match self.outbox.get(id).map(|entry| entry.stage) {
            Some(Stage::Suspect { .. }) => {
                self.outbox.remove(id);
            }
            Some(_) => {
                self.outbox
                    .edit(id, |publication| publication.on_link_end = OnLinkEnd::End);
                if let Phase::Online(link) = &mut self.phase {
                    link.trial.take_if(|(trial, _)| *trial == id);
                }
            }
            None => {}
        }
    }

    /// The suspect whose turn to travel alone it is.
    pub(super) fn due_suspect(&self, link: &Link) -> Option<SlotIndex> {
        self.outbox.first(Queue::Suspect)?;
        let others = [
            Queue::Urgent,
            Queue::Again,
            Queue::Live,
            Queue::Normal,
            Queue::OriginsUrgent,
            Queue::Origins,
        ]
        .into_iter()
        .any(|queue| self.outbox.first(queue).is_some());
        let early = self.now < link.online_since + OTHERS_FIRST;
        if others && early {
            return None;
        }
        self.suspects()
            .filter(|&(place, _)| {
                // Of origins more is to come than waits here.
                let entry = self.outbox.at(place);
                entry.is_some_and(|entry| {
                    self.outbox.waits_for_origin(entry).is_none()
                        && !(early && entry.publication.content.is_of_gateway())
                })
            })
            .find(|&(_, not_before)| not_before <= self.now)
            .map(|(place, _)| place)
    }

    /// Wakes the driver when a suspect's turn comes.
    pub(super) fn arm_suspects(&mut self) {
        let Phase::Online(link) = &self.phase else {
            return;
        };
        if let Some((_, until)) = link.trial {
            self.timers.set(Timer::Suspect, until);
            return;
        }
        if self.outbox.first(Queue::Suspect).is_none() {
            self.timers.stop(Timer::Suspect);
            return;
        }
        let first = link.online_since + OTHERS_FIRST;
        match self.suspects().map(|(_, not_before)| not_before).min() {
            Some(due) if due.max(first) > self.now => {
                self.timers.set(Timer::Suspect, due.max(first))
            }
            _ => self.timers.stop(Timer::Suspect),
        }
    }

    /// The lone suspect has survived long enough: the others need not wait for its acknowledgement.
    pub(super) fn end_trial_by_time(&mut self) {
        if let Phase::Online(link) = &mut self.phase
            && link.trial.is_some_and(|(_, until)| until <= self.now)
        {
            link.trial = None;
        }
    }

    /// A message was acknowledged: its topic works, whatever is suspected of others on it.
    #[inline]
    pub(super) fn topic_works(&mut self, place: SlotIndex) {
        if self.outbox.first(Queue::Suspect).is_some() {
            self.clear_topic_of(place);
        }
    }

    fn clear_topic_of(&mut self, place: SlotIndex) {
        let entry = self.outbox.at(place);
        let Some(topic) = entry.map(|entry| entry.publication.topic.clone()) else {
            return;
        };
        let mut next = self.outbox.first(Queue::Suspect);
        while let Some(suspect) = next {
            next = self.outbox.behind(suspect);
            if let Some(entry) = self.outbox.at_mut(suspect)
                && entry.publication.topic == topic
            {
                entry.suspicion.topic_works = true;
            }
        }
    }

    /// A lone suspect ended the connection.
    fn strike(&mut self, trial: MessageId, version: ProtocolVersion) {
        let Some(entry) = self.outbox.get_mut(trial) else {
            return;
        };
        let suspicion = &mut entry.suspicion;
        suspicion.strikes = suspicion.strikes.saturating_add(1);
        let mut not_before = self.now;
        if suspicion.strikes >= strikes_needed(version) {
            if suspicion.topic_works || suspicion.rounds >= ROUNDS {
                let rejected = UndeliveredCause::Rejected(Rejection::ClosesConnection);
                self.settle(trial, Outcome::Undelivered(rejected));
                return;
            }
            suspicion.rounds += 1;
            not_before = self.now + SLOW;
        }
        self.outbox.suspect(trial, not_before);
    }

    fn suspects(&self) -> impl Iterator<Item = (SlotIndex, Instant)> + '_ {
        let mut next = self.outbox.first(Queue::Suspect);
        core::iter::from_fn(move || {
            let place = next?;
            next = self.outbox.behind(place);
            match self.outbox.at(place)?.stage {
                Stage::Suspect { not_before } => Some((place, not_before)),
                _ => None,
            }
        })
    }
}

/// Whether this end can have been caused by a message.
pub(super) const fn is_suspicious(link: &Link, cause: Cause) -> bool {
    matches!(
        (link.version, cause),
        (
            ProtocolVersion::V5,
            Cause::ServerDisconnect(
                ReasonCode::SERVER_SHUTTING_DOWN
                    | ReasonCode::MALFORMED_PACKET
                    | ReasonCode::PAYLOAD_FORMAT_INVALID,
            ),
        ) | (
            ProtocolVersion::V3_1_1,
            Cause::Lost(LinkLost::Closed | LinkLost::Reset)
        )
    )
}

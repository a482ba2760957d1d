//! A connection ends: what becomes of its messages, and when the next one is tried.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::ending::Retry;
use super::engine::{AfterLeaving, Mqtt, Phase};
use super::link::Link;
use super::outbox::{Content, OnLinkEnd, Queue, SlotIndex};
use super::signal::{Outcome, Signal, VersionChange};
use super::suspects::is_suspicious;
use super::timers::Timer;
use super::{Cause, LinkLost, LinkRequest, Refusal, UndeliveredCause};
use crate::codec::{ProtocolVersion, ReasonCode};
use crate::time::Instant;

/// Two clients with one token show as three take-overs in this time; fewer are a ghost of our own
/// (observed trap 10).
const TAKEOVER_SPAN: Duration = Duration::from_secs(600);
const TAKEOVERS: usize = 3;

/// Malformed input on so many connections in a row will not go away by itself soon.
const MALFORMED: u8 = 3;

/// Refusals for quota (0x97) after which a message is rejected.
const QUOTA_TRIES: u32 = 5;

/// The same for the children of a gateway, of which many are refused when one was too much.
pub(super) const QUOTA_TRIES_OF_CHILD: u32 = 20;

/// A close so soon after a refusal for quota has the same cause (TB §9.10).
const QUOTA_CLOSE: Duration = Duration::from_secs(5);

/// The pause after a refusal for quota.
const QUOTA_PAUSE: Duration = Duration::from_secs(10);

impl<C: Content> Mqtt<C> {
    /// Ends the current connection, or the attempt to get one.
    pub(super) fn end_link(&mut self, cause: Cause) {
        let phase = mem::replace(&mut self.phase, Phase::Closed);
        let lost = matches!(cause, Cause::Lost(_) | Cause::ClosedBeforeConnAck(_));
        let (link_id, online) = match &phase {
            Phase::Dialling { link } => (*link, None),
            Phase::Handshake(link) => (link.id, None),
            Phase::Online(link) => (link.id, Some(link)),
            _ => {
                self.phase = phase;
                return;
            }
        };
        let retry = self.classify(cause, online.map(|link| &**link));
        match online {
            Some(link) => self.put_back(link, cause, retry),
            None => self.endpoint = self.endpoint.wrapping_add(1),
        }
        match &phase {
            Phase::Online(link) => self.charge_end(link, true),
            Phase::Handshake(link) => self.charge_end(link, false),
            _ => {}
        }
        self.timers.stop_link();
        self.paused_until = None;
        if matches!(cause, Cause::CredentialsChanged | Cause::VersionRetry) && online.is_some() {
            self.signals.push_back(Signal::Offline {
                cause,
                next_attempt: Some(self.now),
            });
            self.phase = phase;
            self.leave(AfterLeaving::Reconnect);
            return;
        }
        if !lost {
            self.requests
                .push_back(LinkRequest::Close { link: link_id });
        }
        self.wait(cause, retry);
        self.end_drain_if_empty();
    }

    /// What follows from the end, and from those before it.
    fn classify(&mut self, cause: Cause, online: Option<&Link>) -> Retry {
        if !matches!(cause, Cause::Malformed(_)) && online.is_some() {
            self.malformed = 0;
        }
        match cause {
            Cause::Requested => Retry::Stop,
            Cause::CredentialsChanged | Cause::VersionRetry | Cause::AcknowledgementTimeout => {
                Retry::AtOnce
            }
            Cause::Refused(Refusal::Credentials) => Retry::Slow,
            Cause::Refused(Refusal::RateLimited) => self.rate_limited(),
            Cause::Refused(Refusal::ProtocolVersion) => {
                let from = self.versions.current();
                match self.versions.refused() {
                    Some(to) => {
                        let why = VersionChange::Refused;
                        self.signals
                            .push_back(Signal::VersionChanged { from, to, why });
                        // Both versions refused in turn: not faster than any other failure.
                        if from == ProtocolVersion::V5 {
                            Retry::AtOnce
                        } else {
                            Retry::BackOff
                        }
                    }
                    None => Retry::Slow,
                }
            }
            Cause::ClosedBeforeConnAck(_) => {
                let from = self.versions.current();
                if let Some(to) = self.versions.silence() {
                    let why = VersionChange::Silence;
                    self.signals
                        .push_back(Signal::VersionChanged { from, to, why });
                }
                Retry::BackOff
            }
            Cause::Malformed(_) => {
                self.malformed = self.malformed.saturating_add(1);
                if self.malformed >= MALFORMED {
                    Retry::Slow
                } else {
                    Retry::BackOff
                }
            }
            Cause::ServerDisconnect(ReasonCode::SESSION_TAKEN_OVER) => self.taken_over(),
            Cause::ServerDisconnect(
                ReasonCode::MESSAGE_RATE_TOO_HIGH
                | ReasonCode::QUOTA_EXCEEDED
                | ReasonCode::CONNECTION_RATE_EXCEEDED,
            ) => self.rate_limited(),
            // ThingsBoard's code for a rate limit, but also for inactivity (TB §13.1).
            Cause::ServerDisconnect(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR)
                if online.is_some_and(|link| link.burst.is_recent(self.now)) =>
            {
                self.rate_limited()
            }
            Cause::Lost(LinkLost::Closed | LinkLost::Reset)
                if online
                    .and_then(|link| link.refused_for_quota)
                    .is_some_and(|at| self.now.duration_since(at) <= QUOTA_CLOSE) =>
            {
                self.rate_limited()
            }
            Cause::Lost(LinkLost::Closed | LinkLost::Reset)
                if online.is_some_and(|link| self.assume_rate_limit(link)) =>
            {
                self.rate_limited()
            }
            _ => Retry::BackOff,
        }
    }

    fn taken_over(&mut self) -> Retry {
        self.takeovers.push_back(self.now);
        while self.takeovers.len() > TAKEOVERS {
            self.takeovers.pop_front();
        }
        let quick = self.takeovers.len() == TAKEOVERS
            && self
                .takeovers
                .front()
                .is_some_and(|&first| self.now.duration_since(first) <= TAKEOVER_SPAN);
        if quick { Retry::Slow } else { Retry::BackOff }
    }

    /// On MQTT 3.1.1 a rate limit shows as a bare close after many messages. It is believed once, until
    /// a connection has held; if it happens again after the pause, something else is wrong.
    fn assume_rate_limit(&mut self, link: &Link) -> bool {
        let plausible = link.version == ProtocolVersion::V3_1_1
            && link.trial.is_none()
            && link.burst.makes_rate_limit_plausible(self.now);
        plausible && !mem::replace(&mut self.rate_limit_assumed, plausible)
    }

    /// Sets the time of the next attempt.
    fn wait(&mut self, cause: Cause, retry: Retry) {
        let pause = match retry {
            Retry::AtOnce => Duration::ZERO,
            Retry::BackOff => self.backoff.next(&mut self.random),
            // Late by up to half as much again, so that a fleet does not come back together.
            Retry::NotBefore(pause) => pause + self.random.up_to(pause / 2),
            Retry::Slow => match self.settings.slow_retry {
                Some(pause) => pause / 2 + self.random.up_to(pause),
                None => return self.stop(cause),
            },
            Retry::Stop => return self.stop(cause),
        };
        let until = self.connect_at(self.now + pause);
        self.timers.set(Timer::Retry, until);
        self.phase = Phase::Waiting { until, cause };
        self.signals.push_back(Signal::Offline {
            cause,
            next_attempt: Some(until),
        });
    }

    /// What was written and not acknowledged waits to be written again, in the same order and before
    /// everything else, unless it is suspected of having ended the connection.
    fn put_back(&mut self, link: &Link, cause: Cause, retry: Retry) {
        self.outbox.close_origins();
        // A rate limit is the fault of no single message.
        let by_rate = matches!(retry, Retry::NotBefore(_));
        self.judge(link, !by_rate && is_suspicious(link, cause));
        if let Some((suspect, _)) = link.trial {
            // However the connection ended: it goes on travelling alone.
            if self
                .outbox
                .get(suspect)
                .is_some_and(|entry| entry.stage.queue() == Some(Queue::InFlight))
            {
                self.outbox.suspect(suspect, self.now);
            }
        }
        let mut written: Vec<SlotIndex> = Vec::new();
        let mut next = self.outbox.first(Queue::InFlight);
        while let Some(place) = next {
            written.push(place);
            next = self.outbox.behind(place);
        }
        for &place in written.iter().rev() {
            let Some(entry) = self.outbox.at(place) else {
                continue;
            };
            let id = entry.id;
            let expires = match entry.publication.on_link_end {
                OnLinkEnd::End => None,
                OnLinkEnd::Resend => Some(entry.publication.expires),
                OnLinkEnd::ResendFor(span) => {
                    let limit = self.now + span;
                    Some(Some(
                        entry.publication.expires.map_or(limit, |at| at.min(limit)),
                    ))
                }
            };
            let outcome = match expires {
                None => Some(Outcome::LinkEnded {
                    blamed: entry.suspicion.blamed,
                }),
                Some(Some(at)) if at <= self.now => {
                    Some(Outcome::Undelivered(UndeliveredCause::Expired))
                }
                Some(expires) => {
                    self.outbox.again_first(place);
                    self.outbox
                        .edit(id, |publication| publication.expires = expires);
                    None
                }
            };
            if let Some(outcome) = outcome {
                self.settle(id, outcome);
            }
        }
        self.outbox.live_is_over();
        self.end_with_link(Queue::Urgent);
        self.end_with_link(Queue::First);
        self.end_with_link(Queue::Normal);
        self.end_with_link(Queue::OriginsUrgent);
        self.end_with_link(Queue::Origins);
    }

    /// Ends the messages of a queue that were to end with the connection.
    fn end_with_link(&mut self, queue: Queue) {
        let mut next = self.outbox.first(queue);
        while let Some(place) = next {
            next = self.outbox.behind(place);
            let Some(entry) = self.outbox.at(place) else {
                continue;
            };
            if entry.publication.on_link_end == OnLinkEnd::End {
                let id = entry.id;
                self.settle(id, Outcome::LinkEnded { blamed: false });
            }
        }
    }

    /// Whether a refusal says nothing of the message: no quota, or for a child that it could not be
    /// queued (TB §9.10).
    pub(super) fn is_transient(&self, place: SlotIndex, reason: ReasonCode) -> bool {
        let of_child = || {
            let entry = self.outbox.at(place);
            entry.is_some_and(|entry| entry.publication.origin.is_some())
        };
        reason == ReasonCode::QUOTA_EXCEEDED
            || (reason == ReasonCode::UNSPECIFIED_ERROR && of_child())
    }

    /// The server has no quota for this message now (0x97). Returns whether it is to be tried again.
    pub(super) fn pause_for_quota(&mut self, place: SlotIndex) -> bool {
        let Some(entry) = self.outbox.at(place) else {
            return false;
        };
        let tries = match entry.publication.origin {
            Some(_) => QUOTA_TRIES_OF_CHILD,
            None => QUOTA_TRIES,
        };
        if entry.writes >= tries || entry.publication.on_link_end == OnLinkEnd::End {
            return false;
        }
        self.outbox.again_first(place);
        self.pause_after_refusal();
        true
    }

    /// Nothing is written for a while, for which the server has no quota.
    pub(super) fn pause_after_refusal(&mut self) {
        let until: Instant = self.now + QUOTA_PAUSE;
        if let Phase::Online(link) = &mut self.phase {
            link.refused_for_quota = Some(self.now);
        }
        self.paused_until = Some(until);
        self.timers.set(Timer::Resume, until);
    }
}

//! What falls due, and what is done then.

use core::time::Duration;

use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::{Content, Queue, Stage};
use super::overdue::REPLACE_INTERVAL;
use super::signal::{Outcome, Signal};
use super::timers::{Timer, Timers};
use super::{Cause, UndeliveredCause, VersionChange};
use crate::time::Instant;

/// When something is due about the connection.
struct LinkDeadlines {
    /// PINGREQ, unless its answer is awaited.
    ping: Option<Instant>,
    /// The connection is given up if nothing has come.
    dead: Instant,
    /// What was written first should have been acknowledged.
    acknowledgement: Option<Acknowledgement>,
}

/// When an acknowledgement is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledgement {
    due: Instant,
    /// Only a server that is heard from this late has kept it back. If it was not, the connection may
    /// have died without a word before the acknowledgement came.
    pub(super) alive_from: Instant,
}

impl<C: Content> Mqtt<C> {
    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.expire();
        self.set_link_deadlines();
        // At the end of time every new timer is due at once: what is left is left to the next call.
        for _ in 0..Timers::MOST_AT_ONCE {
            let Some(timer) = self.timers.expired(self.now) else {
                break;
            };
            self.fire(timer);
        }
        if let Phase::Online(link) = &mut self.phase {
            link.identifiers.fall_idle();
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.outbox.next_expiry().map(|(at, _)| at);
        let next = Instant::sooner(self.timers.next_of_their_own(), expiry);
        let Phase::Online(link) = &self.phase else {
            return next;
        };
        let deadlines = self.link_deadlines(link);
        let next = Instant::sooner(next, deadlines.ping);
        let next = Instant::sooner(next, Some(deadlines.dead));
        Instant::sooner(next, deadlines.acknowledgement.map(|missing| missing.due))
    }

    /// When the acknowledgement that is due first counts as missing.
    pub(super) fn missing_acknowledgement(&self, link: &Link) -> Option<Acknowledgement> {
        self.link_deadlines(link).acknowledgement
    }

    /// The deadlines that follow from what was written and received. They move with every packet, so they
    /// are made out when somebody asks.
    #[inline]
    fn link_deadlines(&self, link: &Link) -> LinkDeadlines {
        let last = link.last_activity.min(link.last_received);
        let silent = link.last_received + link.keep_alive + self.settings.ping_timeout;
        let first = self.outbox.first(Queue::InFlight);
        let oldest = first.and_then(|place| self.outbox.at(place));
        let (written, passed) = match oldest.map(|entry| entry.stage) {
            Some(Stage::InFlight { at, order, .. }) => {
                (Some(at), link.newest_acknowledged > Some(order))
            }
            _ => (None, false),
        };
        let oldest = Instant::sooner(written, link.subscribing_since());
        let acknowledgement = oldest.map(|oldest| {
            let mut missing = self.missing_from(link, oldest);
            // It has come, and is believed in a moment.
            if let Some(believed) = self.timers.at(Timer::Confirm)
                && first.is_some_and(|first| link.unconfirmed.contains(&first))
            {
                missing.due = missing.due.max(believed);
            }
            missing
        });
        let sign_of_life = acknowledgement
            .map(|missing| missing.alive_from)
            .filter(|&from| passed && link.last_received < from);
        let ping = Instant::sooner(Some(last + link.keep_alive), sign_of_life);
        LinkDeadlines {
            ping: ping.filter(|_| !link.pinging),
            dead: link.probed.map_or(silent, |probed| probed.min(silent)),
            acknowledgement,
        }
    }

    /// When the acknowledgement of what was written at this time counts as missing.
    fn missing_from(&self, link: &Link, written: Instant) -> Acknowledgement {
        let timeout = self.settings.acknowledgement_timeout;
        // As long as an answer to PINGREQ takes at the most.
        let shortest = timeout.min(REPLACE_INTERVAL);
        let answer = self.settings.ping_timeout.min(shortest / 2);
        let at_least = |before: Duration| {
            let from = written + timeout.saturating_sub(before);
            let again = self.replaced.map(|replaced| {
                let since_then = replaced.interval(link).saturating_sub(before);
                replaced.at + since_then
            });
            again.map_or(from, |again| from.max(again))
        };
        Acknowledgement {
            due: at_least(Duration::ZERO),
            alive_from: at_least(answer),
        }
    }

    fn set_link_deadlines(&mut self) {
        let Phase::Online(link) = &self.phase else {
            return;
        };
        let LinkDeadlines {
            ping,
            dead,
            acknowledgement,
        } = self.link_deadlines(link);
        self.timers.set(Timer::Dead, dead);
        for (timer, due) in [
            (Timer::Ping, ping),
            (
                Timer::Acknowledgement,
                acknowledgement.map(|missing| missing.due),
            ),
        ] {
            match due {
                Some(due) => self.timers.set(timer, due),
                None => self.timers.stop(timer),
            }
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Connect => match &self.phase {
                Phase::Dialling { .. } => self.end_link(Cause::NoConnection),
                Phase::Handshake(_) => self.end_link(Cause::NoConnAck),
                Phase::Leaving { then, .. } => {
                    let then = *then;
                    self.left(then);
                }
                _ => {}
            },
            Timer::Retry => self.dial(),
            Timer::Held => {
                self.backoff.reset();
                self.rate_limit_assumed = false;
                self.malformed = 0;
            }
            Timer::Ping => {
                if let Phase::Online(link) = &mut self.phase
                    && !link.pinging
                {
                    link.ping(self.now);
                }
            }
            Timer::Dead => {
                if self.is_online() {
                    self.end_link(Cause::KeepAlive);
                }
            }
            Timer::Acknowledgement => {
                self.acknowledgement_overdue();
                // Another message is the oldest now, and a sign of life may be due at once for it.
                self.set_link_deadlines();
            }
            Timer::VersionRetry => self.retry_v5(),
            Timer::Resume => self.paused_until = None,
            // Dispatch looks at the suspects again whenever it runs; this only wakes the driver.
            Timer::Suspect => self.end_trial_by_time(),
            // Dispatch counts the tokens whenever it runs; this, too, only wakes the driver.
            Timer::Pace => {}
            Timer::Confirm => {
                self.confirm();
                // Another message is the oldest now, and a sign of life may be overdue for it.
                self.set_link_deadlines();
            }
            Timer::Drain => self.finish_drain(),
        }
    }

    /// Ends every message whose time to live is over, except those on their way, which are looked at
    /// again when their connection ends.
    fn expire(&mut self) {
        while let Some((at, id)) = self.outbox.next_expiry().filter(|&(at, _)| at <= self.now) {
            let under_way = self
                .outbox
                .get(id)
                .is_some_and(|entry| matches!(entry.stage, Stage::InFlight { .. } | Stage::Joined));
            if under_way {
                self.outbox.forget_expiry(at, id);
            } else {
                self.settle(id, Outcome::Undelivered(UndeliveredCause::Expired));
            }
        }
        self.end_drain_if_empty();
    }

    /// MQTT 5 gets another chance, as soon as nothing is on its way.
    fn retry_v5(&mut self) {
        if !self.is_online() {
            return;
        }
        if self.outbox.count(Queue::InFlight) > 0 {
            self.timers
                .set(Timer::VersionRetry, self.now + Duration::from_secs(10));
            return;
        }
        let from = self.versions.current();
        let to = self.versions.retry();
        self.signals.push_back(Signal::VersionChanged {
            from,
            to,
            why: VersionChange::Retry,
        });
        self.end_link(Cause::VersionRetry);
    }
}

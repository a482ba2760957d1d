//! What falls due, and what is done then.

use core::time::Duration;

use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::{Content, Queue, Stage};
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
    acknowledgement: Option<Instant>,
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
        Instant::sooner(next, deadlines.acknowledgement)
    }

    /// The deadlines that follow from what was written and received. They move with every packet, so they
    /// are made out when somebody asks.
    #[inline]
    fn link_deadlines(&self, link: &Link) -> LinkDeadlines {
        let last = link.last_activity.min(link.last_received);
        let silent = link.last_received + link.keep_alive + self.settings.ping_timeout;
        let oldest = self
            .outbox
            .first(Queue::InFlight)
            .and_then(|place| self.outbox.at(place));
        let written = match oldest.map(|entry| entry.stage) {
            Some(Stage::InFlight { at, .. }) => Some(at),
            _ => None,
        };
        let oldest = Instant::sooner(written, link.subscribing_since());
        LinkDeadlines {
            ping: (!link.pinging).then(|| last + link.keep_alive),
            dead: link.probed.map_or(silent, |probed| probed.min(silent)),
            acknowledgement: oldest.map(|oldest| {
                let due = oldest + self.settings.acknowledgement_timeout;
                self.replaced.map_or(due, |replaced| {
                    due.max(replaced + super::link_end::REPLACE_INTERVAL)
                })
            }),
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
            (Timer::Acknowledgement, acknowledgement),
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
            Timer::Acknowledgement => self.acknowledgement_overdue(),
            Timer::VersionRetry => self.retry_v5(),
            Timer::Resume => self.paused_until = None,
            // Dispatch looks at the suspects again whenever it runs; this only wakes the driver.
            Timer::Suspect => self.end_trial_by_time(),
            // Dispatch counts the tokens whenever it runs; this, too, only wakes the driver.
            Timer::Pace => {}
            Timer::Confirm => self.confirm(),
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

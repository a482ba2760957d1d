//! The end that the application asks for: what is left is written, then the client disconnects for good.

use super::UndeliveredCause;
use super::engine::{AfterLeaving, Mqtt, Phase};
use super::outbox::Content;
use super::signal::Outcome;
use super::timers::Timer;
use crate::time::Instant;

impl<C: Content> Mqtt<C> {
    /// Writes what is left until `deadline`, then disconnects for good.
    pub(crate) fn disconnect(&mut self, now: Instant, deadline: Instant) {
        self.advance(now);
        if self.draining || matches!(self.phase, Phase::Closed) {
            return;
        }
        self.draining = true;
        self.timers.set(Timer::Drain, deadline.max(self.now));
        self.end_drain_if_empty();
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }

    /// When everything has its outcome, there is nothing left to drain.
    pub(crate) fn end_drain_if_empty(&mut self) {
        if self.draining && self.outbox.is_empty() {
            self.finish_drain();
        }
    }

    pub(super) fn finish_drain(&mut self) {
        if !self.draining || self.is_leaving_for_good() {
            return;
        }
        self.timers.stop(Timer::Drain);
        self.timers.stop(Timer::Retry);
        while let Some(id) = self.outbox.any() {
            self.settle(id, Outcome::Undelivered(UndeliveredCause::Abandoned));
        }
        self.leave(AfterLeaving::Close);
    }
}

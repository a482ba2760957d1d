//! The limits of the server, as the connection and the messages meet them.

use core::time::Duration;

use super::ending::Retry;
use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::Content;
use super::pacing::{Cost, Permission, RateLimits, Tokens, Windows};
use super::timers::Timer;
use crate::time::Instant;

/// A pause after a refusal is as long as the longest window, but not longer than this: with empty
/// buckets the rest of a window of a day is kept message by message.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Tokens come back one by one; the driver is not woken for each of a thousand a second.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// ThingsBoard ends a session in which nothing happens (TB §14.4).
const SESSION_TIMEOUT: Duration = Duration::from_secs(600);

/// What was on its way when connections ended, and when the last one did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    tokens: Tokens,
    ended: Instant,
}

impl<C: Content> Mqtt<C> {
    /// The server's rate limits are these now, of the device and of its children together.
    pub(crate) fn set_rate_limits(&mut self, own: &RateLimits, children: &RateLimits) {
        self.collect_tokens();
        let were_known = self.pacer.is_limited();
        self.pacer.set_limits(self.now, own, children);
        if let Phase::Online(link) = &mut self.phase
            && !were_known
            && self.pacer.may_have_overdrawn(link.unproven.owed())
        {
            // What is over the limit is acknowledged and not done (C-038).
            link.subscribe_again();
        }
    }

    /// The windows of each limit, with the tokens left.
    pub(crate) fn limit_windows(&self) -> Windows {
        self.pacer.windows(self.now)
    }

    /// Takes over the tokens that a former client had left.
    pub(crate) fn restore_limits(&mut self, windows: &Windows) {
        self.pacer.restore(self.now, windows);
    }

    /// The largest packet that the server takes, as *remaining length*.
    pub(crate) const fn set_max_packet_size(&mut self, remaining_length: usize) {
        self.max_packet_size = remaining_length;
    }

    /// Until then, or until it is released, only requests and replies are written on this connection.
    pub(crate) fn hold_backlog(&mut self, until: Instant) {
        if let Phase::Online(link) = &mut self.phase {
            link.backlog_held = Some(until);
        }
    }

    pub(crate) fn release_backlog(&mut self) {
        if let Phase::Online(link) = &mut self.phase {
            link.backlog_held = None;
        }
    }

    /// The server charges for something that is no message: the acknowledgement of an RPC call.
    pub(crate) fn charge(&mut self, cost: Cost) {
        if let Phase::Online(link) = &mut self.phase {
            link.unproven.add(cost.into());
        }
    }

    /// What was acknowledged has been taken by the server.
    pub(super) fn collect_tokens(&mut self) {
        let tokens = self.outbox.take_landed();
        self.pacer.take(self.now, tokens);
    }

    /// A connection, or the attempt to get one, is over. When the server charges for what was on its
    /// way, and for the end itself, nobody here knows.
    pub(super) fn charge_end(&mut self, link: &Link, was_online: bool) {
        let mut owed = self.outbox.take_landed();
        owed += link.unproven.owed();
        owed += Tokens::messages(if was_online { 1 } else { 2 });
        owed += self.lost.tokens;
        // The server closes a session of each child (TB §14.5).
        owed += Tokens::child_messages(self.outbox.take_closed_origins());
        self.lost = Lost {
            tokens: owed,
            ended: self.now,
        };
    }

    /// The server accepted the connection, and knows of the end of the last one: nothing of it comes
    /// any more. After ten minutes of silence it knew without being told (TB §14.4).
    pub(super) fn charge_connect(&mut self) {
        let Lost { tokens, ended } = core::mem::take(&mut self.lost);
        self.pacer
            .take(self.now.min(ended + SESSION_TIMEOUT), tokens);
        self.pacer.take(self.now, Tokens::messages(1));
    }

    /// When CONNECT can be paid, not before `earliest`.
    pub(super) fn connect_at(&self, earliest: Instant) -> Instant {
        let connect = Tokens::messages(1);
        let permission = match self.pacer.permission(self.now, self.lost.tokens, connect) {
            // The bucket is smaller than a close and a connect together.
            Permission::AfterAcknowledgement => {
                self.pacer.permission(self.now, Tokens::NONE, connect)
            }
            permission => permission,
        };
        match permission {
            Permission::At(at) => at.max(earliest),
            Permission::Now | Permission::AfterAcknowledgement => earliest,
        }
    }

    /// What is on its way to the server.
    pub(super) fn owed(&self, link: &Link) -> Tokens {
        let mut owed = self.outbox.in_flight_tokens();
        owed += link.unproven.owed();
        owed
    }

    /// The server refused something for its rate.
    pub(super) fn rate_limited(&mut self) -> Retry {
        // Others share its limits, or it counts otherwise.
        self.pacer.empty(self.now);
        let window = self.pacer.longest_window();
        let pause = window.map_or(self.settings.rate_limit_pause, |seconds| {
            Duration::from_secs(u64::from(seconds)).min(LONGEST_PAUSE)
        });
        Retry::NotBefore(pause)
    }

    /// How many filters may be subscribed to or given up now. `None` waits; the timer is set.
    pub(super) fn payable_filters(&mut self) -> Option<u64> {
        let Phase::Online(link) = &self.phase else {
            return None;
        };
        if !self.pacer.is_limited() || !link.has_subscriptions_due() {
            return Some(u64::MAX);
        }
        let owed = self.owed(link);
        match self.pacer.permission(self.now, owed, Tokens::messages(1)) {
            Permission::Now => Some(self.pacer.messages_left(self.now, owed).max(1)),
            Permission::At(at) => {
                self.wake_for_tokens(at);
                None
            }
            Permission::AfterAcknowledgement => {
                self.prove();
                None
            }
        }
    }

    pub(super) fn wake_for_tokens(&mut self, at: Instant) {
        let at = at.max(self.now + SHORTEST_WAIT);
        self.timers.set_sooner(Timer::Pace, at);
    }

    /// Asks for the PINGRESP that shows that the server has what nothing else acknowledges. PINGREQ
    /// costs no token (C-150).
    pub(super) fn prove(&mut self) {
        if let Phase::Online(link) = &mut self.phase
            && !link.unproven.provable().is_none()
        {
            link.unproven.prove();
            link.ping(self.now);
        }
    }
}

//! The limits of the client under test, and what may come on top of them.

use core::time::Duration;

use super::children::CHILDREN;
use super::{Wire, World};
use crate::{Config, Overflow, RateLimits, State};

pub(super) const QUEUED_MESSAGES: usize = 24;
pub(super) const QUEUED_BYTES: usize = 32 * 1024;
pub(super) const INCOMING: usize = 2_048;
pub(super) const OPEN_REQUESTS: usize = 6;
pub(super) const RPC_CALLS: usize = 4;

/// What the promise of bounded memory adds to the limits, in bytes.
const CONSTANT: usize = 256 * 1024;

/// Replies to RPC calls go beside a full queue: 64 KiB of them, of 256 bytes at least.
const REPLIES: usize = 256;

/// Reports of updates go beside a full queue: 16 KiB of them, of 256 bytes at least.
const REPORTS: usize = 64;

/// What the machine asks by itself: which firmware and which software is announced.
const OWN_REQUESTS: usize = 2;

/// What the machine says by itself of each child: it is there, it is kept alive, its old name is gone.
const OF_CHILDREN: usize = 3 * CHILDREN;

/// Events about the connection that are kept, and the one that tells how many were not.
const NOTICES: usize = 64;

/// The server's rate limits as they are configured, where they are.
pub(super) fn of_the_server(config: Config, choice: u8) -> Config {
    match choice % 4 {
        1 => config.rate_limits(RateLimits {
            messages: "10:1".parse().expect("a rate limit"),
            telemetry_messages: "3:1,60:60".parse().expect("a rate limit"),
            data_points: "20:1".parse().expect("a rate limit"),
        }),
        2 => config.coalesce(200, Duration::from_secs(1)),
        3 => config.ask_session_limits(false),
        _ => config,
    }
}

impl World {
    /// What holds after every step, whatever has not been fetched yet.
    pub(super) fn check_limits(&self) {
        let stats = self.client.stats();
        let disconnects = self.ledger.open_disconnects();
        // Where messages may be dropped, as many outcomes may wait to be fetched beside the queue.
        let times = if self.client.config().overflow == Overflow::DropOldest {
            2
        } else {
            1
        };
        let queued = times * QUEUED_MESSAGES;
        // Each open request may have a message of its own, and its answer may wait to be fetched.
        let messages = queued
            + 2 * (OPEN_REQUESTS + OWN_REQUESTS)
            + REPLIES
            + REPORTS
            + OF_CHILDREN
            + disconnects;
        assert!(stats.queued_messages <= messages, "{stats:?}");
        let bytes = times * QUEUED_BYTES + INCOMING + OPEN_REQUESTS * INCOMING + CONSTANT;
        assert!(stats.queued_bytes <= bytes, "{stats:?}");
        assert!(
            stats.buffered_bytes <= INCOMING + self.largest_input + CONSTANT,
            "{stats:?}"
        );
        assert!(
            stats.open_requests <= OPEN_REQUESTS + OWN_REQUESTS,
            "{stats:?}"
        );
        assert!(stats.rpc_calls <= RPC_CALLS, "{stats:?}");
        // Of the replies only those to calls of the application have tickets. One event tells all
        // changes of attributes.
        let tickets = queued + REPORTS + 2 * OPEN_REQUESTS + RPC_CALLS + disconnects;
        assert!(
            stats.events <= NOTICES + tickets + RPC_CALLS + 1 + CHILDREN + 1,
            "{stats:?}"
        );
        if let State::Waiting { until, .. } = self.client.state() {
            let due = self.client.poll_timeout();
            assert!(
                due.is_some_and(|due| due <= until),
                "nobody wakes it: {self:?}"
            );
        }
        assert!(stats.connects <= stats.connect_attempts, "{stats:?}");
    }

    /// What holds when everything was fetched: a message is open or has its outcome.
    pub(super) fn check_counts(&self) {
        let stats = self.client.stats();
        assert_eq!(stats.events, 0, "{stats:?}");
        let ended = stats.acknowledged + stats.sent + stats.rejected + stats.undelivered;
        let open = u64::try_from(self.ledger.open_messages()).expect("few");
        assert_eq!(stats.accepted, ended + open, "{stats:?}");
    }

    /// What holds when the client has closed.
    pub(super) fn check_empty(&mut self) {
        let stats = self.client.stats();
        assert_eq!(self.client.state(), State::Closed);
        assert_eq!(
            self.client.poll_timeout(),
            None,
            "it is closed and wants to be woken"
        );
        assert_eq!((stats.queued_messages, stats.inflight), (0, 0), "{stats:?}");
        assert_eq!(
            (stats.open_requests, stats.buffered_bytes),
            (0, 0),
            "{stats:?}"
        );
        assert!(
            matches!(self.wire, Wire::Idle),
            "{:?} was never closed",
            self.wire
        );
    }
}

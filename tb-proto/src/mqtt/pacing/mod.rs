//! The server's rate limits, kept (TB §14.5).
//!
//! ```text
//!   written ──▶ owed ──acknowledged, or the link ended──▶ taken out of the bucket
//! ```

mod bucket;
mod rate_limit;
mod tokens;
mod unproven;

use alloc::vec::Vec;

use bucket::Bucket;
pub(crate) use bucket::Share;
pub use rate_limit::{InvalidRateLimit, RateLimit, RateLimits, RateWindow};
pub(crate) use tokens::{Cost, Tokens};
pub(crate) use unproven::Unproven;

use crate::time::Instant;

/// Whether a message may be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Now,
    /// When the buckets will have refilled.
    At(Instant),
    /// When what is on its way has been acknowledged.
    AfterAcknowledgement,
}

/// Which limit the buckets at a place keep; see [`Tokens::each`].
const MESSAGES: usize = 0;
const DATA_POINTS: usize = 2;
const CHILD_DATA_POINTS: usize = 5;

/// The windows of each limit with the tokens left in them, in the order of [`Tokens::each`].
pub(crate) type Windows = [Vec<(RateWindow, i64)>; 6];

/// All buckets of a device and of its children. They live as long as the client, not as long as a
/// connection: the server's do too.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    share: Share,
    buckets: [Vec<Bucket>; 6],
    is_limited: bool,
    /// Taken so far, limited or not: when limits become known, the server has counted it already.
    spent: Tokens,
}

impl Pacer {
    pub(crate) const fn new(share: Share) -> Self {
        Self {
            share,
            buckets: [const { Vec::new() }; 6],
            is_limited: false,
            spent: Tokens::NONE,
        }
    }

    /// The limits are these now, of the device and of its children together. A window that stays keeps
    /// its fill.
    pub(crate) fn set_limits(&mut self, now: Instant, own: &RateLimits, children: &RateLimits) {
        let limits = [own, children].map(|limits| {
            [
                &limits.messages,
                &limits.telemetry_messages,
                &limits.data_points,
            ]
        });
        let limits = limits.into_iter().flatten().zip(self.spent.each());
        for (buckets, (limit, spent)) in self.buckets.iter_mut().zip(limits) {
            let old = core::mem::take(buckets);
            let windows = limit.windows().iter();
            *buckets = windows
                .map(|&window| {
                    old.iter()
                        .find(|bucket| bucket.window() == window)
                        .cloned()
                        .unwrap_or_else(|| Bucket::new(window, self.share, now, spent))
                })
                .collect();
        }
        self.is_limited = self.buckets.iter().any(|buckets| !buckets.is_empty());
    }

    /// Whether anything is limited.
    pub(crate) const fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Whether `cost` can be paid while `owed` is on its way to the server.
    pub(crate) fn permission(&self, now: Instant, owed: Tokens, cost: Tokens) -> Permission {
        let mut latest = now;
        let (owed, cost) = (owed.each(), cost.each());
        for (limit, buckets) in self.buckets.iter().enumerate() {
            let (owed, cost) = (owed[limit], cost[limit]);
            if cost == 0 {
                continue;
            }
            for bucket in buckets {
                match bucket.payable_at(now, owed, cost) {
                    Some(at) => latest = latest.max(at),
                    None => return Permission::AfterAcknowledgement,
                }
            }
        }
        if latest > now {
            Permission::At(latest)
        } else {
            Permission::Now
        }
    }

    /// What can be paid at once now, while `owed` is on its way.
    pub(crate) fn allowance(&self, now: Instant, owed: Tokens) -> Tokens {
        let mut left = owed.each();
        for (buckets, left) in self.buckets.iter().zip(&mut left) {
            let tokens = buckets.iter().map(|bucket| bucket.tokens(now)).min();
            *left = tokens.map_or(u64::MAX, |tokens| {
                u64::try_from(tokens).unwrap_or(0).saturating_sub(*left)
            });
        }
        Tokens::of_each(left)
    }

    /// Whether these tokens can ever be there at once.
    pub(crate) fn can_hold(&self, tokens: Tokens) -> bool {
        let mut each = self.buckets.iter().zip(tokens.each());
        each.all(|(buckets, tokens)| {
            let mut capacities = buckets.iter().map(Bucket::capacity);
            capacities.all(|capacity| tokens <= u64::from(capacity))
        })
    }

    /// The server has taken these tokens, at `now` at the latest.
    pub(crate) fn take(&mut self, now: Instant, tokens: Tokens) {
        if tokens.is_none() {
            return;
        }
        self.spent += tokens;
        if !self.is_limited() {
            return;
        }
        let tokens = tokens.each();
        for (limit, buckets) in self.buckets.iter_mut().enumerate() {
            if tokens[limit] == 0 {
                continue;
            }
            for bucket in buckets {
                bucket.take(now, tokens[limit]);
            }
        }
    }

    /// The server has refused something although it seemed payable: others share its limits.
    pub(crate) fn empty(&mut self, now: Instant) {
        for bucket in self.buckets.iter_mut().flatten() {
            bucket.empty(now);
        }
    }

    /// Whole messages that can be paid at once now, while `owed` is on its way.
    pub(crate) fn messages_left(&self, now: Instant, owed: Tokens) -> u64 {
        self.allowance(now, owed).messages
    }

    /// Whether these tokens are a good part of some bucket.
    pub(crate) fn weighs(&self, tokens: Tokens) -> bool {
        let mut each = self.buckets.iter().zip(tokens.each());
        each.any(|(buckets, tokens)| {
            let mut capacities = buckets.iter().map(Bucket::capacity);
            capacities.any(|capacity| tokens.saturating_mul(4) >= u64::from(capacity))
        })
    }

    /// Whether more messages were sent while nothing was known than the server takes at once.
    pub(crate) fn may_have_overdrawn(&self, owed: Tokens) -> bool {
        let sent = self.spent.messages.saturating_add(owed.messages);
        let mut windows = self.buckets[MESSAGES].iter().map(Bucket::window);
        windows.any(|window| sent > u64::from(window.capacity()))
    }

    /// The most values that one message may have, if that is limited.
    pub(crate) fn max_data_points(&self, of_child: bool) -> Option<u32> {
        let limit = if of_child {
            CHILD_DATA_POINTS
        } else {
            DATA_POINTS
        };
        self.buckets[limit].iter().map(Bucket::capacity).min()
    }

    /// The seconds of the longest window.
    pub(crate) fn longest_window(&self) -> Option<u32> {
        let buckets = self.buckets.iter().flatten();
        buckets.map(|bucket| bucket.window().seconds()).max()
    }

    /// The windows of each limit with the tokens left in them.
    pub(crate) fn windows(&self, now: Instant) -> Windows {
        self.buckets.each_ref().map(|buckets| {
            buckets
                .iter()
                .map(|bucket| (bucket.window(), bucket.tokens(now)))
                .collect()
        })
    }

    /// Takes over the fill that a former client told. Windows that are not there now are left out.
    pub(crate) fn restore(&mut self, now: Instant, windows: &Windows) {
        for (buckets, windows) in self.buckets.iter_mut().zip(windows) {
            for bucket in buckets {
                let known = windows
                    .iter()
                    .find(|(window, _)| *window == bucket.window());
                if let Some(&(_, tokens)) = known {
                    bucket.set_tokens(now, tokens);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const START: Instant = Instant::from_micros(0);

    fn pacer(messages: &str, telemetry_messages: &str, data_points: &str) -> Pacer {
        let mut pacer = Pacer::new(Share::percent(100));
        let limits = limits(messages, telemetry_messages, data_points);
        pacer.set_limits(START, &limits, &RateLimits::default());
        pacer
    }

    fn limits(messages: &str, telemetry_messages: &str, data_points: &str) -> RateLimits {
        RateLimits {
            messages: messages.parse().unwrap(),
            telemetry_messages: telemetry_messages.parse().unwrap(),
            data_points: data_points.parse().unwrap(),
        }
    }

    #[test]
    fn each_kind_of_message_pays_into_its_own_limits() {
        let mut pacer = pacer("1:1", "1:1", "10:1");
        let telemetry = Tokens::from(Cost::Telemetry { data_points: 10 });
        pacer.take(START, telemetry);
        let message = Tokens::from(Cost::Message);
        assert_eq!(
            pacer.permission(START, Tokens::NONE, message),
            Permission::Now
        );
        let second = START + Duration::from_secs(1);
        assert_eq!(
            pacer.permission(START, Tokens::NONE, telemetry),
            Permission::At(second)
        );
        let free = Tokens::from(Cost::Free);
        assert_eq!(pacer.permission(START, telemetry, free), Permission::Now);
    }

    #[test]
    fn every_window_must_hold() {
        let mut pacer = pacer("10:1,12:60", "", "");
        pacer.take(START, Tokens::messages(10));
        let second = START + Duration::from_secs(1);
        pacer.take(second, Tokens::messages(2));
        let Permission::At(at) = pacer.permission(second, Tokens::NONE, Tokens::messages(1)) else {
            panic!("the window of a minute is used up");
        };
        assert!(at > START + Duration::from_secs(4) && at < START + Duration::from_secs(6));
    }

    #[test]
    fn a_window_that_stays_keeps_its_fill_and_a_new_one_knows_what_was_sent() {
        let mut pacer = pacer("10:60", "", "");
        pacer.take(START, Tokens::messages(7));
        pacer.set_limits(
            START,
            &limits("10:60,20:3600", "", ""),
            &RateLimits::default(),
        );
        let left: Vec<i64> = pacer.windows(START)[0]
            .iter()
            .map(|&(_, left)| left)
            .collect();
        assert_eq!(left, [3, 13]);
    }

    #[test]
    fn a_snapshot_is_taken_over() {
        let mut old = pacer("10:60", "", "100:60");
        old.take(START, Tokens::messages(7));
        let mut new = pacer("10:60", "", "100:60");
        new.restore(START, &old.windows(START));
        assert_eq!(new.windows(START), old.windows(START));
    }

    #[test]
    fn what_others_have_used_up_is_believed() {
        let mut pacer = pacer("10:60", "", "");
        pacer.empty(START);
        assert_eq!(
            pacer.permission(START, Tokens::NONE, Tokens::messages(1)),
            Permission::At(START + Duration::from_secs(6))
        );
    }

    #[test]
    fn children_pay_together_and_neither_for_their_gateway_nor_it_for_them() {
        let mut pacer = Pacer::new(Share::percent(100));
        pacer.set_limits(START, &limits("1:1", "", ""), &limits("2:1", "1:1", ""));
        let announcement = Tokens::child_messages(2);
        let telemetry = Tokens::from(Cost::Telemetry { data_points: 3 }.of_children());
        let message = Tokens::from(Cost::Message);
        pacer.take(START, announcement);
        let now = |cost| pacer.permission(START, Tokens::NONE, cost) == Permission::Now;
        assert!(!now(announcement));
        assert!(now(telemetry) && now(message));
        assert_eq!(
            pacer.permission(START, telemetry, telemetry),
            Permission::AfterAcknowledgement
        );
    }
}

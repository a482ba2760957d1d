//! One window of a rate limit, seen from the side that has to keep it.

use core::time::Duration;

use super::RateWindow;
use crate::time::Instant;

/// How much of a limit is used, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share(u8);

impl Share {
    pub(crate) const fn percent(percent: u8) -> Self {
        Self(if percent == 0 {
            1
        } else if percent > 100 {
            100
        } else {
            percent
        })
    }
}

/// Our share of a bucket of the server.
///
/// The server takes its tokens when a message arrives, and when that is, nobody here knows: between
/// the write and the acknowledgement. So tokens are *owed* from the write on, and taken out when the
/// acknowledgement comes, the latest moment at which the server can have taken them. However late
/// and however bunched messages arrive, this bucket is never fuller than the server's.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    window: RateWindow,
    /// Tokens that may be taken at once when it is full.
    capacity: u32,
    /// Units per microsecond.
    rate: i128,
    /// Units of one token.
    token: i128,
    /// Units when it is full.
    full: i128,
    /// Units below which it never falls: the server refuses what it cannot pay.
    floor: i128,
    /// In units of a token divided by the microseconds of the window times 100, so that refilling
    /// is exact in whole numbers. Negative after what could not wait.
    level: i128,
    as_of: Instant,
}

impl Bucket {
    /// A bucket from which `spent` tokens have been taken lately; it is never less than empty.
    pub(crate) fn new(window: RateWindow, share: Share, now: Instant, spent: u64) -> Self {
        let micros = i128::from(window.seconds()) * 1_000_000;
        let rate = i128::from(window.capacity()) * i128::from(share.0);
        let token = micros * 100;
        // Whole tokens, and at least one, however small the share.
        let full = (rate * micros / token).max(1) * token;
        let mut bucket = Self {
            window,
            capacity: u32::try_from(full / token).unwrap_or(u32::MAX),
            rate,
            token,
            full,
            floor: full - i128::from(window.capacity()) * token,
            level: 0,
            as_of: now,
        };
        bucket.level = (full - bucket.units(spent)).max(0);
        bucket
    }

    pub(crate) const fn window(&self) -> RateWindow {
        self.window
    }

    /// Tokens that may be taken at once when it is full; at least one, however small the share.
    pub(crate) const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Whole tokens in it at `now`; negative if more was taken than there was.
    pub(crate) fn tokens(&self, now: Instant) -> i64 {
        let tokens = self.level_at(now).div_euclid(self.token);
        i64::try_from(tokens).unwrap_or(if tokens < 0 { i64::MIN } else { i64::MAX })
    }

    pub(crate) fn set_tokens(&mut self, now: Instant, tokens: i64) {
        self.as_of = now;
        self.level = (i128::from(tokens) * self.token).clamp(-self.full, self.full);
    }

    /// Takes tokens out. What could not wait comes out of the rest of the limit, the share that is
    /// not used; more than that the server does not charge, it refuses.
    pub(crate) fn take(&mut self, now: Instant, tokens: u64) {
        self.level = (self.level_at(now) - self.units(tokens)).max(self.floor);
        self.as_of = self.as_of.max(now);
    }

    /// Nothing is left in it, as the server has shown.
    pub(crate) fn empty(&mut self, now: Instant) {
        self.level = self.level_at(now).min(0);
        self.as_of = self.as_of.max(now);
    }

    /// When `tokens` can be paid while `owed` are still owed: `None` if time alone does not help.
    ///
    /// More than the bucket holds can be paid when it is full and nothing is owed; it then owes the rest.
    pub(crate) fn payable_at(&self, now: Instant, owed: u64, tokens: u64) -> Option<Instant> {
        if tokens == 0 {
            return Some(now);
        }
        let needed = self.units(owed) + self.units(tokens).min(self.full);
        if needed > self.full {
            return None;
        }
        let missing = needed - self.level_at(now);
        if missing <= 0 {
            return Some(now);
        }
        // Rounded up: a token that is a fraction short is none.
        let micros = (missing + self.rate - 1) / self.rate;
        let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        Some(now + wait)
    }

    fn level_at(&self, now: Instant) -> i128 {
        // At most 2^64 microseconds times 2^39: far below 2^127.
        let elapsed = now.as_micros().saturating_sub(self.as_of.as_micros());
        (self.level + i128::from(elapsed) * self.rate).min(self.full)
    }

    /// Units of so many tokens. The tokens of all that can be in flight stay far below 2^64.
    fn units(&self, tokens: u64) -> i128 {
        i128::from(tokens.min(1 << 48)) * self.token
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::super::RateLimit;
    use super::*;
    use proptest::prelude::*;

    const START: Instant = Instant::from_micros(0);

    fn bucket(text: &str, percent: u8) -> Bucket {
        let limit: RateLimit = text.parse().unwrap();
        Bucket::new(limit.windows()[0], Share::percent(percent), START, 0)
    }

    #[test]
    fn a_share_is_rounded_down_but_never_to_nothing() {
        assert_eq!(bucket("20:1", 80).capacity(), 16);
        assert_eq!(bucket("4:1", 80).capacity(), 3);
        assert_eq!(bucket("1:60", 80).capacity(), 1);
    }

    #[test]
    fn a_message_waits_until_the_bucket_has_refilled() {
        let mut bucket = bucket("10:1", 100);
        bucket.take(START, 10);
        let soon = START + Duration::from_millis(100);
        assert_eq!(bucket.payable_at(START, 0, 1), Some(soon));
        assert_eq!(bucket.payable_at(soon, 0, 1), Some(soon));
        assert_eq!(bucket.tokens(soon), 1);
    }

    #[test]
    fn what_is_owed_is_as_good_as_spent_but_time_does_not_pay_it() {
        let bucket = bucket("10:1", 100);
        assert_eq!(bucket.payable_at(START, 9, 1), Some(START));
        assert_eq!(bucket.payable_at(START, 10, 1), None);
    }

    #[test]
    fn more_than_a_bucket_holds_goes_when_it_is_full() {
        let bucket = bucket("10:1", 100);
        assert_eq!(bucket.payable_at(START, 0, 25), Some(START));
        assert_eq!(bucket.payable_at(START, 1, 25), None);
    }

    #[test]
    fn what_could_not_wait_comes_out_of_the_rest_of_the_limit() {
        let mut bucket = bucket("10:1", 80);
        bucket.take(START, 9);
        assert_eq!(bucket.tokens(START), -1);
        bucket.take(START, 100);
        assert_eq!(bucket.tokens(START), -2);
        assert_eq!(
            bucket.payable_at(START, 0, 1),
            Some(START + Duration::from_millis(375))
        );
    }

    /// The server: takes tokens when messages arrive, and refuses what it cannot pay.
    struct Greedy {
        capacity: i128,
        micros: i128,
        level: i128,
        as_of: i128,
    }

    impl Greedy {
        fn arrive(&mut self, now: i128, tokens: i128) -> bool {
            let full = self.capacity * self.micros;
            self.level = full.min(self.level + (now - self.as_of) * self.capacity);
            self.as_of = now;
            self.level -= tokens * self.micros;
            self.level >= 0
        }
    }

    proptest! {
        #[test]
        fn a_bucket_of_the_server_is_never_overdrawn_however_late_messages_arrive(
            capacity in 1_u32..40,
            seconds in 1_u32..5,
            percent in 1_u8..=100,
            messages in proptest::collection::vec((1_u64..4, 0_u64..3_000_000, 0_u64..3_000_000, any::<bool>()), 1..200),
        ) {
            let limit: RateLimit = format!("{capacity}:{seconds}").parse().unwrap();
            let mut ours = Bucket::new(limit.windows()[0], Share::percent(percent), START, 0);
            let micros = i128::from(seconds) * 1_000_000;
            let mut server = Greedy {
                capacity: i128::from(capacity),
                micros,
                level: i128::from(capacity) * micros,
                as_of: 0,
            };
            let mut now = START;
            // On their way to the server, in the order of their writing: arrival, tokens.
            let mut up: Vec<(Instant, u64)> = Vec::new();
            // On their way back.
            let mut down: Vec<(Instant, u64)> = Vec::new();
            let mut last_arrival = START;
            let mut owed = 0;
            for (tokens, there, back, pause) in messages {
                let tokens = tokens.min(u64::from(ours.capacity()));
                loop {
                    if let Some(at) = ours.payable_at(now, owed, tokens)
                        && at == now
                    {
                        break;
                    }
                    // The next thing that happens.
                    let payable = ours.payable_at(now, owed, tokens);
                    let arrival = up.first().map(|&(at, _)| at);
                    let acknowledged = down.iter().map(|&(at, _)| at).min();
                    now = [payable, arrival, acknowledged].into_iter().flatten().min().unwrap();
                    while let Some(&(at, cost)) = up.first()
                        && at <= now
                    {
                        up.remove(0);
                        prop_assert!(server.arrive(i128::from(at.as_micros()), i128::from(cost)));
                        down.push((at + Duration::from_micros(back), cost));
                    }
                    down.retain(|&(at, cost)| {
                        if at <= now {
                            ours.take(now, cost);
                            owed -= cost;
                        }
                        at > now
                    });
                }
                owed += tokens;
                last_arrival = last_arrival.max(now + Duration::from_micros(there));
                up.push((last_arrival, tokens));
                if pause {
                    now = now + Duration::from_micros(there / 3);
                }
                // What arrives meanwhile is looked at before the next write.
                while let Some(&(at, cost)) = up.first()
                    && at <= now
                {
                    up.remove(0);
                    prop_assert!(server.arrive(i128::from(at.as_micros()), i128::from(cost)));
                    down.push((at + Duration::from_micros(back), cost));
                }
            }
        }
    }
}

//! The only place that asks a clock: below it time is a number.

use core::time::Duration;
use std::time::SystemTime;

use tb_proto::Instant;

/// The wall clock is told to the machine at least this often.
const WALL_PERIOD: Duration = Duration::from_secs(60);

/// The wall clock is looked at this often while it cannot be right (a device that boots in 1970).
const WALL_SEARCH: Duration = Duration::from_secs(1);

/// A wall clock before this (September 2020) has not been set.
const FIRST_PLAUSIBLE_MS: i64 = 1_600_000_000_000;

/// A deviation from the monotonic clock of more than this is a jump: somebody set the clock, or the
/// machine was suspended.
const JUMP_MS: u64 = 1_000;

/// It is looked at once in so much time at most: a look costs as much as all else in a turn.
const WALL_REST: Duration = Duration::from_millis(10);

/// The monotonic clock of one client; it counts from the client's start.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            epoch: std::time::Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        let micros = self.epoch.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The same moment for the timer of a runtime.
    pub(crate) fn to_std(&self, instant: Instant) -> std::time::Instant {
        const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let since = Duration::from_micros(instant.as_micros());
        self.epoch
            .checked_add(since)
            .unwrap_or_else(|| self.epoch + FAR)
    }
}

/// Decides when the machine has to be told the wall clock: at the start, every minute, and when it
/// has moved against the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    told: Option<Told>,
    rest_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Instant,
    unix_ms: i64,
}

impl WallClock {
    /// The wall clock in milliseconds since 1970, if it has to be told.
    pub(crate) fn due(&mut self, now: Instant) -> Option<i64> {
        if self.rest_until.is_some_and(|until| now < until) {
            return None;
        }
        self.rest_until = Some(now + WALL_REST);
        self.due_at(now, unix_ms(SystemTime::now()))
    }

    /// When to look again.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.told.map(|told| told.at + told.period())
    }

    fn due_at(&mut self, now: Instant, unix_ms: i64) -> Option<i64> {
        let due = self.told.is_none_or(|told| {
            now.duration_since(told.at) >= told.period()
                || told.expected_at(now).abs_diff(unix_ms) > JUMP_MS
        });
        due.then(|| {
            self.told = Some(Told { at: now, unix_ms });
            unix_ms
        })
    }
}

impl Told {
    const fn period(self) -> Duration {
        if self.unix_ms < FIRST_PLAUSIBLE_MS {
            WALL_SEARCH
        } else {
            WALL_PERIOD
        }
    }

    fn expected_at(self, now: Instant) -> i64 {
        let elapsed = now.duration_since(self.at).as_millis();
        self.unix_ms
            .saturating_add(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}

fn unix_ms(time: SystemTime) -> i64 {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 1_767_225_600_000;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    #[test]
    fn the_wall_clock_is_told_at_the_start_and_every_minute() {
        let mut wall = WallClock::default();
        assert_eq!(wall.due_at(at(0), TODAY), Some(TODAY));
        assert_eq!(wall.due_at(at(59_999), TODAY + 59_999), None);
        assert_eq!(wall.next_look(), Some(at(60_000)));
        assert_eq!(
            wall.due_at(at(60_000), TODAY + 60_000),
            Some(TODAY + 60_000)
        );
    }

    #[test]
    fn a_jump_is_told_at_once_and_a_slow_drift_is_not() {
        let mut wall = WallClock::default();
        wall.due_at(at(0), TODAY);
        assert_eq!(wall.due_at(at(10), TODAY + 900), None);
        assert_eq!(
            wall.due_at(at(20), TODAY + 3_600_000),
            Some(TODAY + 3_600_000)
        );
        assert_eq!(
            wall.due_at(at(30), TODAY),
            Some(TODAY),
            "backwards is a jump as well"
        );
    }

    #[test]
    fn while_it_is_1970_the_wall_clock_is_looked_at_every_second() {
        let mut wall = WallClock::default();
        assert_eq!(wall.due_at(at(0), 5_000), Some(5_000));
        assert_eq!(wall.next_look(), Some(at(1_000)));
    }
}

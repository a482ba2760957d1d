//! From monotonic time to the time of the world.

use core::time::Duration;

use crate::time::Instant;

/// 1 January 2020, in milliseconds: no device that runs this was made before.
const PLAUSIBLE_MS: i64 = 1_577_836_800_000;

/// A wall clock that goes ahead of the monotonic one by this much was not merely adjusted: the device
/// slept.
const SLEPT: Duration = Duration::from_secs(5);

/// What is known about the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WallClock {
    /// Nothing plausible yet; telemetry waits until then.
    AwaitedUntil(Instant),
    /// Nothing plausible came in time: telemetry goes without a time until it does.
    Missing,
    /// Milliseconds since 1970 at the machine's own epoch.
    Known { offset_ms: i64 },
}

impl WallClock {
    /// The wall clock shows `unix_ms` now. Returns whether the device has slept in between.
    pub(super) fn set(&mut self, now: Instant, unix_ms: i64) -> bool {
        if unix_ms < PLAUSIBLE_MS {
            return false;
        }
        let offset_ms = unix_ms.saturating_sub(millis(now));
        let before = core::mem::replace(self, Self::Known { offset_ms });
        matches!(before, Self::Known { offset_ms: before }
            if i128::from(offset_ms) - i128::from(before) > SLEPT.as_millis() as i128)
    }

    /// The time of the world at `moment`, in milliseconds since 1970.
    pub(super) fn at(self, moment: Instant) -> Option<i64> {
        match self {
            Self::Known { offset_ms } => Some(offset_ms.saturating_add(millis(moment))),
            Self::AwaitedUntil(_) | Self::Missing => None,
        }
    }
}

fn millis(moment: Instant) -> i64 {
    i64::try_from(moment.as_micros() / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_767_268_800_000;

    #[test]
    fn a_clock_that_shows_1970_is_not_believed() {
        let mut clock = WallClock::Missing;
        clock.set(Instant::default(), 86_400_000);
        assert_eq!(clock, WallClock::Missing);
    }

    #[test]
    fn a_known_clock_tells_the_time_of_any_moment() {
        let mut clock = WallClock::Missing;
        assert!(!clock.set(Instant::from_micros(5_000_000), NOON));
        assert_eq!(
            clock.at(Instant::from_micros(7_000_000)),
            Some(NOON + 2_000)
        );
        assert_eq!(
            clock.at(Instant::from_micros(4_000_000)),
            Some(NOON - 1_000)
        );
    }

    #[test]
    fn only_a_jump_ahead_means_that_the_device_slept() {
        let mut clock = WallClock::Missing;
        clock.set(Instant::default(), NOON);
        assert!(!clock.set(Instant::from_micros(60_000_000), NOON + 60_400));
        assert!(!clock.set(Instant::from_micros(61_000_000), NOON - 3_600_000));
        assert!(clock.set(Instant::from_micros(62_000_000), NOON + 3_600_000));
    }
}

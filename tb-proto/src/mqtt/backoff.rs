//! How long to wait between attempts to connect.

use core::time::Duration;

use super::random::Random;

/// Exponential back-off with full jitter: a fleet that lost its server together does not come back
/// together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            failures: 0,
        }
    }

    /// The pause before the next attempt; each call stands for one more failure.
    pub(crate) fn next(&mut self, random: &mut Random) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let ceiling = self.min.saturating_mul(factor).min(self.max);
        self.failures = self.failures.saturating_add(1);
        random.up_to(ceiling)
    }

    /// A connection has held for a while: the next failure is a first one again.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_its_limit_and_is_spread_over_all_of_it() {
        let mut random = Random::new(7);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let pauses: alloc::vec::Vec<_> = (0..200).map(|_| backoff.next(&mut random)).collect();
        assert!(pauses[0] <= Duration::from_secs(1));
        assert!(pauses.iter().all(|&pause| pause <= Duration::from_secs(60)));
        let late = &pauses[10..];
        assert!(late.iter().any(|&pause| pause < Duration::from_secs(10)));
        assert!(late.iter().any(|&pause| pause > Duration::from_secs(50)));
        backoff.reset();
        assert!(backoff.next(&mut random) <= Duration::from_secs(1));
    }
}

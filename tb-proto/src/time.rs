//! Time as a number: the machine never asks a clock.

use core::ops::Add;
use core::time::Duration;

/// A moment on the driver's monotonic clock, in microseconds since an epoch of the driver's choosing.
///
/// It is a plain number, so that property tests and fuzz inputs can make any moment. A driver
/// typically counts from its own start. Arithmetic saturates.
///
/// ```
/// # use tb_proto::Instant;
/// # use core::time::Duration;
/// let start = Instant::from_micros(0);
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later.duration_since(start), Duration::from_secs(2));
/// assert_eq!(start.duration_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is later.
    pub const fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The first of two deadlines that may not be.
    #[inline]
    pub(crate) fn sooner(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        let seconds = rhs.as_secs().saturating_mul(1_000_000);
        let micros = seconds.saturating_add(u64::from(rhs.subsec_micros()));
        Self(self.0.saturating_add(micros))
    }
}

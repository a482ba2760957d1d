//! Rate limits as ThingsBoard writes them: `20:1,600:60`.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// A rate limit: every window must hold. Without windows nothing is limited.
///
/// It is written as in the tenant profile of ThingsBoard, `capacity:seconds[,capacity:seconds…]`
/// (TB §14.5). Each window is a bucket that starts full and refills evenly.
///
/// ```
/// # use tb_proto::RateLimit;
/// let limit: RateLimit = "20:1,600:60".parse()?;
/// assert_eq!(limit.to_string(), "20:1,600:60");
/// assert!("".parse::<RateLimit>()?.is_unlimited());
/// # Ok::<(), tb_proto::InvalidRateLimit>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    windows: Vec<RateWindow>,
}

/// So many in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateWindow {
    capacity: u32,
    seconds: u32,
}

/// The three limits that ThingsBoard has for the traffic of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// CONNECT, subscriptions, requests, RPC replies and acknowledgements, claims.
    pub messages: RateLimit,
    /// Messages with telemetry or attributes.
    pub telemetry_messages: RateLimit,
    /// The values in them.
    pub data_points: RateLimit,
}

/// A text that is no rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRateLimit {
    /// A part is not `capacity:seconds`, both whole numbers and at most 4,294,967,295.
    Form,
    /// There are more than [`RateLimit::MAX_WINDOWS`] windows.
    TooManyWindows,
}

impl RateLimit {
    /// The most windows that a limit may have. ThingsBoard's own user interface makes a handful.
    pub const MAX_WINDOWS: usize = 16;

    pub(crate) fn of_windows(windows: impl Iterator<Item = RateWindow>) -> Self {
        Self {
            windows: windows.take(Self::MAX_WINDOWS).collect(),
        }
    }

    /// The windows, in the order of the text.
    pub fn windows(&self) -> &[RateWindow] {
        &self.windows
    }

    /// Whether nothing is limited.
    pub const fn is_unlimited(&self) -> bool {
        self.windows.is_empty()
    }
}

impl RateWindow {
    /// How many may come at once after a long rest. Never 0.
    pub const fn capacity(self) -> u32 {
        self.capacity
    }

    /// In how many seconds the bucket refills. Never 0.
    pub const fn seconds(self) -> u32 {
        self.seconds
    }
}

impl RateLimits {
    /// Whether nothing at all is limited.
    pub const fn are_unlimited(&self) -> bool {
        self.messages.is_unlimited()
            && self.telemetry_messages.is_unlimited()
            && self.data_points.is_unlimited()
    }
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    /// Blank parts and `0:0` limit nothing; `;` separates as well as `,`, as in the Python SDK.
    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        let mut windows = Vec::new();
        for part in text.split([',', ';']).map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let (capacity, seconds) = part.split_once(':').ok_or(InvalidRateLimit::Form)?;
            let number = |text: &str| text.trim().parse().map_err(|_| InvalidRateLimit::Form);
            let (capacity, seconds): (u32, u32) = (number(capacity)?, number(seconds)?);
            if capacity == 0 || seconds == 0 {
                continue;
            }
            if windows.len() == Self::MAX_WINDOWS {
                return Err(InvalidRateLimit::TooManyWindows);
            }
            windows.push(RateWindow { capacity, seconds });
        }
        Ok(Self { windows })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, RateWindow { capacity, seconds }) in self.windows.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{capacity}:{seconds}")?;
        }
        Ok(())
    }
}

impl fmt::Display for InvalidRateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a rate limit is written as capacity:seconds[,capacity:seconds…]",
            Self::TooManyWindows => "a rate limit may have 16 windows",
        })
    }
}

impl core::error::Error for InvalidRateLimit {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_the_server_and_the_python_sdk_write_is_read() {
        for (text, written) in [
            ("20:1,600:60", "20:1,600:60"),
            ("10:1,60:60,", "10:1,60:60"),
            ("10:1; 60:60", "10:1,60:60"),
            ("0:0", ""),
            ("", ""),
        ] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in ["20", "20:", ":1", "a:1", "-1:1", "1.5:1", "4294967296:1"] {
            assert_eq!(
                text.parse::<RateLimit>(),
                Err(InvalidRateLimit::Form),
                "{text}"
            );
        }
        let many = "1:1,".repeat(RateLimit::MAX_WINDOWS + 1);
        assert_eq!(
            many.parse::<RateLimit>(),
            Err(InvalidRateLimit::TooManyWindows)
        );
    }
}

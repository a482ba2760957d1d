//! What a packet costs.

use core::ops::{AddAssign, SubAssign};

/// What ThingsBoard's rate limits charge for a message (TB §14.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Nothing: getSessionLimits, chunks of a firmware after the first.
    Free,
    /// One message.
    Message,
    /// One telemetry message with so many values.
    Telemetry { data_points: u32 },
}

impl Cost {
    /// A request or a reply: few, and waited for.
    pub(crate) const fn is_small(self) -> bool {
        matches!(self, Self::Free | Self::Message)
    }
}

/// Tokens of each of the three limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) messages: u64,
    pub(crate) telemetry_messages: u64,
    pub(crate) data_points: u64,
}

impl Tokens {
    pub(crate) const NONE: Self = Self::messages(0);

    pub(crate) const fn messages(messages: u64) -> Self {
        Self {
            messages,
            telemetry_messages: 0,
            data_points: 0,
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

impl From<Cost> for Tokens {
    fn from(cost: Cost) -> Self {
        match cost {
            Cost::Free => Self::NONE,
            // Nothing but nulls is an ordinary message to the server.
            Cost::Message | Cost::Telemetry { data_points: 0 } => Self::messages(1),
            Cost::Telemetry { data_points } => Self {
                messages: 0,
                telemetry_messages: 1,
                data_points: u64::from(data_points),
            },
        }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.messages = self.messages.saturating_add(other.messages);
        self.telemetry_messages = self
            .telemetry_messages
            .saturating_add(other.telemetry_messages);
        self.data_points = self.data_points.saturating_add(other.data_points);
    }
}

impl SubAssign for Tokens {
    fn sub_assign(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.telemetry_messages = self
            .telemetry_messages
            .saturating_sub(other.telemetry_messages);
        self.data_points = self.data_points.saturating_sub(other.data_points);
    }
}

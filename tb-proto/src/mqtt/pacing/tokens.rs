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
    /// Something of the children of a gateway, which have limits of their own together.
    OfChildren {
        messages: u32,
        telemetry_messages: u32,
        data_points: u32,
    },
}

impl Cost {
    /// The same for a child.
    pub(crate) const fn of_children(self) -> Self {
        let (messages, telemetry_messages, data_points) = match self {
            Self::Free | Self::OfChildren { .. } => return self,
            Self::Message | Self::Telemetry { data_points: 0 } => (1, 0, 0),
            Self::Telemetry { data_points } => (0, 1, data_points),
        };
        Self::OfChildren {
            messages,
            telemetry_messages,
            data_points,
        }
    }

    /// A request or a reply: few, and waited for.
    pub(crate) const fn is_small(self) -> bool {
        matches!(self, Self::Free | Self::Message)
    }
}

/// Tokens of each of the three limits that a device has, and of those that the children of a gateway
/// have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) messages: u64,
    pub(crate) telemetry_messages: u64,
    pub(crate) data_points: u64,
    pub(crate) child_messages: u64,
    pub(crate) child_telemetry_messages: u64,
    pub(crate) child_data_points: u64,
}

impl Tokens {
    pub(crate) const NONE: Self = Self::messages(0);

    pub(crate) const fn messages(messages: u64) -> Self {
        Self {
            messages,
            telemetry_messages: 0,
            data_points: 0,
            child_messages: 0,
            child_telemetry_messages: 0,
            child_data_points: 0,
        }
    }

    pub(crate) const fn child_messages(child_messages: u64) -> Self {
        Self {
            child_messages,
            ..Self::NONE
        }
    }

    /// Those of each limit, in the order of [`Pacer`](super::Pacer)'s.
    pub(crate) const fn each(self) -> [u64; 6] {
        [
            self.messages,
            self.telemetry_messages,
            self.data_points,
            self.child_messages,
            self.child_telemetry_messages,
            self.child_data_points,
        ]
    }

    /// What [`each`](Self::each) tells, put together again.
    pub(crate) const fn of_each(tokens: [u64; 6]) -> Self {
        let [
            messages,
            telemetry_messages,
            data_points,
            child_messages,
            child_telemetry_messages,
            child_data_points,
        ] = tokens;
        Self {
            messages,
            telemetry_messages,
            data_points,
            child_messages,
            child_telemetry_messages,
            child_data_points,
        }
    }

    /// Takes a cost out if there is as much of each kind. Returns whether there was.
    pub(crate) fn pay(&mut self, cost: Cost) -> bool {
        let mut left = self.each();
        for (left, cost) in left.iter_mut().zip(&Self::from(cost).each()) {
            match left.checked_sub(*cost) {
                Some(rest) => *left = rest,
                None => return false,
            }
        }
        *self = Self::of_each(left);
        true
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
                telemetry_messages: 1,
                data_points: u64::from(data_points),
                ..Self::NONE
            },
            Cost::OfChildren {
                messages,
                telemetry_messages,
                data_points,
            } => Self {
                child_messages: u64::from(messages),
                child_telemetry_messages: u64::from(telemetry_messages),
                child_data_points: u64::from(data_points),
                ..Self::NONE
            },
        }
    }
}

/// As with [`Tokens`], at a fraction of the cost: done for every message.
impl AddAssign<Cost> for Tokens {
    #[inline]
    fn add_assign(&mut self, cost: Cost) {
        match cost {
            Cost::Telemetry { data_points } if data_points > 0 => {
                self.telemetry_messages = self.telemetry_messages.saturating_add(1);
                self.data_points = self.data_points.saturating_add(data_points.into());
            }
            cost => *self += Self::from(cost),
        }
    }
}

impl SubAssign<Cost> for Tokens {
    #[inline]
    fn sub_assign(&mut self, cost: Cost) {
        match cost {
            Cost::Telemetry { data_points } if data_points > 0 => {
                self.telemetry_messages = self.telemetry_messages.saturating_sub(1);
                self.data_points = self.data_points.saturating_sub(data_points.into());
            }
            cost => *self -= Self::from(cost),
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
        self.child_messages = self.child_messages.saturating_add(other.child_messages);
        self.child_telemetry_messages = self
            .child_telemetry_messages
            .saturating_add(other.child_telemetry_messages);
        self.child_data_points = self
            .child_data_points
            .saturating_add(other.child_data_points);
    }
}

impl SubAssign for Tokens {
    fn sub_assign(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.telemetry_messages = self
            .telemetry_messages
            .saturating_sub(other.telemetry_messages);
        self.data_points = self.data_points.saturating_sub(other.data_points);
        self.child_messages = self.child_messages.saturating_sub(other.child_messages);
        self.child_telemetry_messages = self
            .child_telemetry_messages
            .saturating_sub(other.child_telemetry_messages);
        self.child_data_points = self
            .child_data_points
            .saturating_sub(other.child_data_points);
    }
}

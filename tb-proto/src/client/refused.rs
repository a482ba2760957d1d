//! Calls that the machine does not accept.

use alloc::boxed::Box;
use core::fmt;

use crate::tb::{InvalidPayload, InvalidQuery};

/// A call that was not accepted, with everything that was given to it.
///
/// Nothing has happened and no event will follow: the caller still owns `item` and can keep it, mend
/// it or try again.
#[derive(Clone, PartialEq)]
pub struct Refused<T> {
    /// What was not accepted.
    pub item: Box<T>,
    /// Why.
    pub reason: RefusedReason,
}

/// Why a call was not accepted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RefusedReason {
    /// The payload breaks a rule of ThingsBoard; mend it.
    Payload(InvalidPayload),
    /// The attribute request breaks a rule of ThingsBoard; mend it.
    Query(InvalidQuery),
    /// The queue is full. Wait for room, or choose another [`Overflow`](crate::Overflow).
    QueueFull {
        /// The limit in messages.
        max_messages: usize,
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// The message is larger than the server takes and cannot be cut into parts: a single value is too
    /// large, or it is no telemetry and no attributes in JSON.
    TooLarge {
        /// MQTT remaining length of the least that would have to be sent at once, in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many requests are unanswered; wait for one of them.
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// The RPC call is over: answered before, given up, or replaced by another call of the same number.
    CallOver,
    /// The child is one of another client.
    UnknownChild,
    /// The client is disconnecting or was shut down.
    Closed,
}

impl<T> Refused<T> {
    pub(crate) fn new(item: T, reason: impl Into<RefusedReason>) -> Self {
        Self {
            item: Box::new(item),
            reason: reason.into(),
        }
    }

    /// What was not accepted.
    pub fn into_item(self) -> T {
        *self.item
    }
}

impl From<InvalidPayload> for RefusedReason {
    fn from(invalid: InvalidPayload) -> Self {
        Self::Payload(invalid)
    }
}

impl From<InvalidQuery> for RefusedReason {
    fn from(invalid: InvalidQuery) -> Self {
        Self::Query(invalid)
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for RefusedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(invalid) => invalid.fmt(f),
            Self::Query(invalid) => invalid.fmt(f),
            Self::QueueFull {
                max_messages,
                max_bytes,
            } => write!(
                f,
                "the queue is full ({max_messages} messages or {max_bytes} bytes): wait for room"
            ),
            Self::TooLarge { size, limit } => write!(
                f,
                "it takes {size} bytes that cannot be sent in parts, the server takes {limit}: send less at once"
            ),
            Self::TooManyRequests { limit } => {
                write!(f, "{limit} requests are unanswered: wait for one of them")
            }
            Self::CallOver => f.write_str("the call is over: it cannot be answered any more"),
            Self::UnknownChild => f.write_str("the child is one of another client"),
            Self::Closed => f.write_str("the client is disconnecting or was shut down"),
        }
    }
}

impl<T> core::error::Error for Refused<T> {}
impl core::error::Error for RefusedReason {}

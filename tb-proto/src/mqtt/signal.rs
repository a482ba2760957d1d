//! What the MQTT layer tells the layer above.

use alloc::string::String;

use super::{Cause, Delivered, MessageId, Origin, UndeliveredCause};
use crate::codec::{Filter, ProtocolVersion, Publish, ReasonCode};
use crate::time::Instant;

#[derive(Debug)]
pub(crate) enum Signal {
    /// The server accepted the connection.
    Online {
        version: ProtocolVersion,
    },
    /// The connection, or the attempt, ended.
    Offline {
        cause: Cause,
        next_attempt: Option<Instant>,
    },
    VersionChanged {
        from: ProtocolVersion,
        to: ProtocolVersion,
        why: VersionChange,
    },
    /// The server answered a SUBSCRIBE for this filter.
    Subscribed {
        filter: Filter,
        granted: Result<(), ReasonCode>,
    },
    Received(Publish),
    /// A message over the limit was skipped.
    ReceivedTooLarge {
        topic: Option<String>,
        size: usize,
    },
    /// A message has its one outcome; it keeps its place in the outbox until it is taken.
    Settled {
        id: MessageId,
        outcome: Outcome,
    },
    /// A message waits for this origin to be opened.
    Held(Origin),
    /// A message was delivered and is gone, since [nothing of it](super::Content::is_over_when_delivered)
    /// is needed any more.
    Delivered {
        id: MessageId,
        delivered: Delivered,
    },
    /// Draining is over; nothing follows.
    Closed,
}

/// What has come of reading on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is no further packet.
    Done,
    /// A packet was read; signals tell what it means.
    Packet,
    /// An acknowledgement was read: as [`Signal::Delivered`], without the way through the queue that a
    /// client under load would take for every message.
    Delivered { id: MessageId, delivered: Delivered },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered(Delivered),
    Undelivered(UndeliveredCause),
    /// The connection ended, and the message was to end with it. `blamed`: it was on its way, and may
    /// have been what ended the connection.
    LinkEnded {
        blamed: bool,
    },
}

/// Why the version of MQTT changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionChange {
    /// The server refused the version in so many words.
    Refused,
    /// The server closed three connections in a row without a word.
    Silence,
    /// An hour has passed since silence led to 3.1.1: MQTT 5 gets another chance.
    Retry,
}

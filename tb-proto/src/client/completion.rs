//! How each kind of ticket ends.

use alloc::boxed::Box;
use bytes::Bytes;
use core::convert::Infallible;
use core::fmt;

use super::{ChildId, Flushed, RequestId};
use crate::codec::ReasonCode;
use crate::mqtt::{Delivered, UndeliveredCause};
use crate::tb::{AttributeValues, RpcError, RpcResponse};
use crate::time::Instant;

/// How the thing behind a ticket ended; the kind fits the ticket's type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Completion {
    /// A message: telemetry, attributes, a claim, an RPC reply.
    Delivery(Result<Delivered, Box<Undelivered>>),
    /// An attribute request.
    Attributes(Result<AttributeValues, RequestError>),
    /// A client-side RPC call.
    RpcAnswer(Result<RpcResponse, RequestError>),
    /// A disconnect.
    Drained(Drained),
    /// A flush.
    Flushed(Flushed),
}

/// What can be behind a [`Pending`](super::Pending) ticket.
///
/// Implemented by this crate only.
pub trait Answer: Sized + sealed::Sealed {
    /// What comes instead when it did not work.
    type Error;

    /// The outcome, if `completion` is of this kind.
    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>>;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else shall implement `Answer`")]
    pub trait Sealed {}
    impl Sealed for super::Delivered {}
    impl Sealed for super::AttributeValues {}
    impl Sealed for super::RpcResponse {}
    impl Sealed for super::Drained {}
    impl Sealed for super::Flushed {}
}

impl Answer for Delivered {
    type Error = Box<Undelivered>;

    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>> {
        match completion {
            Completion::Delivery(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl Answer for AttributeValues {
    type Error = RequestError;

    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>> {
        match completion {
            Completion::Attributes(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl Answer for RpcResponse {
    type Error = RequestError;

    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>> {
        match completion {
            Completion::RpcAnswer(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl Answer for Flushed {
    type Error = Infallible;

    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>> {
        match completion {
            Completion::Flushed(flushed) => Some(Ok(flushed)),
            _ => None,
        }
    }
}

impl Answer for Drained {
    type Error = Infallible;

    fn from_completion(completion: Completion) -> Option<Result<Self, Self::Error>> {
        match completion {
            Completion::Drained(drained) => Some(Ok(drained)),
            _ => None,
        }
    }
}

/// A message that was accepted and did not reach the server, with all that is needed to keep it.
#[derive(Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The message's id.
    pub id: RequestId,
    /// What the message was.
    pub target: Target,
    /// The payload as it would have been, or was, sent: time stamp included.
    pub payload: Bytes,
    /// When it was accepted.
    pub accepted: Instant,
    /// Whether it was ever handed to a connection; then the server may have it all the same.
    pub written: bool,
    /// Why it ended.
    pub cause: UndeliveredCause,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Telemetry of this device.
    Telemetry,
    /// Client-side attributes of this device.
    Attributes,
    /// The device allows to be claimed.
    Claim,
    /// The reply to a server-side RPC call.
    RpcReply {
        /// The server's number of the call.
        request_id: i32,
    },
    /// Telemetry of a child of this gateway.
    ChildTelemetry {
        /// The child.
        child: ChildId,
    },
    /// Client-side attributes of a child.
    ChildAttributes {
        /// The child.
        child: ChildId,
    },
    /// A child allows to be claimed.
    ChildClaim {
        /// The child.
        child: ChildId,
    },
    /// The reply to a call to a child.
    ChildRpcReply {
        /// The child.
        child: ChildId,
        /// The server's number of the call.
        request_id: i32,
    },
    /// A child is gone.
    ChildDisconnect {
        /// The child.
        child: ChildId,
    },
}

impl Target {
    /// The child that it is about, if it is about one.
    pub const fn child(self) -> Option<ChildId> {
        match self {
            Self::Telemetry | Self::Attributes | Self::Claim | Self::RpcReply { .. } => None,
            Self::ChildTelemetry { child }
            | Self::ChildAttributes { child }
            | Self::ChildClaim { child }
            | Self::ChildRpcReply { child, .. }
            | Self::ChildDisconnect { child } => Some(child),
        }
    }

    pub(super) fn telemetry(child: Option<ChildId>) -> Self {
        child.map_or(Self::Telemetry, |child| Self::ChildTelemetry { child })
    }

    pub(super) fn attributes(child: Option<ChildId>) -> Self {
        child.map_or(Self::Attributes, |child| Self::ChildAttributes { child })
    }
}

/// Why a request (attributes, client-side RPC) got no answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// No answer came before the request's deadline. ThingsBoard stays silent when a look-up fails.
    Timeout,
    /// The server refused the request (MQTT 5).
    Rejected(ReasonCode),
    /// The connection was lost after the call had been written: it may have run (client-side RPC).
    LinkLost,
    /// The answer is an error: `{"error": …}`.
    Answered(RpcError),
    /// The answer is not what ThingsBoard answers to such a request.
    Unexpected,
    /// The answer came, but those that were not fetched yet left no room for it: fetch events more
    /// often, or raise [`max_incoming_packet_size`](crate::Config::max_incoming_packet_size).
    Overflow,
    /// The application gave it up.
    Cancelled,
    /// The client was shut down first.
    Abandoned,
}

/// The end of a disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Messages that got their outcome from the server while draining.
    pub delivered: u64,
    /// Messages that were left at the deadline. Each has ended as *abandoned*, with its payload.
    pub abandoned: u64,
}

/// Tells the size of the payload, not its content: it belongs into no log.
impl fmt::Debug for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undelivered")
            .field("id", &self.id)
            .field("target", &self.target)
            .field("payload_bytes", &self.payload.len())
            .field("accepted", &self.accepted)
            .field("written", &self.written)
            .field("cause", &self.cause)
            .finish()
    }
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer before the deadline"),
            Self::Rejected(reason) => write!(f, "the server refused the request: {reason}"),
            Self::LinkLost => f.write_str("the connection was lost: the call may have run"),
            Self::Answered(failure) => failure.fmt(f),
            Self::Unexpected => f.write_str("the answer is not what was asked for"),
            Self::Overflow => f.write_str("the answer found no room beside those not fetched yet"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Abandoned => f.write_str("abandoned: the client was shut down"),
        }
    }
}

impl core::error::Error for Undelivered {}
impl core::error::Error for RequestError {}

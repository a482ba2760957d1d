//! How an accepted message ends.

use core::fmt;

use crate::codec::{ProtocolVersion, ReasonCode};

/// How a message ended that the server got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivered {
    /// QoS 1: the server acknowledged this very message on the connection that carried it.
    ///
    /// On MQTT 3.1.1 ThingsBoard also acknowledges messages that it refuses (an unknown topic, for
    /// one); on MQTT 5 the acknowledgement says that the message was handed to the rule engine.
    Acknowledged {
        /// The version of MQTT in which it was acknowledged.
        version: ProtocolVersion,
    },
    /// QoS 0: the bytes were handed to a live connection; nothing more is known.
    Sent,
}

/// Why a message did not end as [`Delivered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UndeliveredCause {
    /// The server refused it, or it makes the server hang up.
    Rejected(Rejection),
    /// Its time to live was over before the server acknowledged it.
    Expired,
    /// It gave way to newer messages because the queue was full and drops the oldest.
    Overflow,
    /// The application took it back before it was written.
    Cancelled,
    /// The client was shut down first.
    Abandoned,
}

/// Why a message was given up although the server is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The server answered with this code (MQTT 5).
    Reason(ReasonCode),
    /// Whenever this message is sent, the server closes the connection.
    ///
    /// On MQTT 5 the server says so, and no lost connection rejects a message that is innocent. On 3.1.1 a
    /// bare close is all there is: an innocent message is rejected at most if the other side ends two
    /// connections in a row with it in company, and then three on which it is alone.
    ClosesConnection,
    /// The server acknowledges other messages but never this one: on two connections it acknowledged a
    /// younger one, and still answered at the end of the
    /// [acknowledgement time-out](crate::Config::acknowledgement_timeout).
    NoAnswer,
    /// It is larger than the largest packet that this server takes.
    TooLarge {
        /// Size of the whole packet in bytes.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// A reply whose RPC call the server has given up or replaced.
    CallOver,
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged { version } => write!(f, "acknowledged ({version})"),
            Self::Sent => f.write_str("sent"),
        }
    }
}

impl fmt::Display for UndeliveredCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Expired => f.write_str("expired before the server acknowledged it"),
            Self::Overflow => f.write_str("dropped: the queue was full"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Abandoned => f.write_str("abandoned: the client was shut down"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(reason) => write!(f, "rejected by the server: {reason}"),
            Self::ClosesConnection => f.write_str(
                "rejected: the server closes the connection whenever it gets this message",
            ),
            Self::NoAnswer => {
                f.write_str("rejected: the server acknowledges other messages but not this one")
            }
            Self::TooLarge { size, limit } => {
                write!(
                    f,
                    "rejected: {size} bytes, but the server takes {limit} at most"
                )
            }
            Self::CallOver => f.write_str("rejected: the call is over"),
        }
    }
}

impl core::error::Error for Rejection {}

//! Why a connection ended, and what follows from it.

use core::fmt;
use core::time::Duration;

use super::LinkLost;
use crate::codec::{Malformed, ReasonCode};

/// Why the client is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection could not be opened, or was lost.
    Lost(LinkLost),
    /// Within the time for connecting no connection was opened.
    NoConnection,
    /// A connection was opened, but no CONNACK came in time: no MQTT server, or an overloaded one.
    NoConnAck,
    /// The peer closed the connection before CONNACK: no MQTT server, a TLS port, or another version of MQTT.
    ClosedBeforeConnAck(LinkLost),
    /// The server refused CONNECT.
    Refused(Refusal),
    /// The server said why it closes (MQTT 5 DISCONNECT).
    ServerDisconnect(ReasonCode),
    /// Nothing came from the server for the keep alive and the ping time-out.
    KeepAlive,
    /// A message was not acknowledged in time; the connection was replaced.
    AcknowledgementTimeout,
    /// The server sent something that is not MQTT.
    Malformed(Malformed),
    /// The server sent faster than it reads: more answers wait than may be held.
    Stalled,
    /// Replaced by this side to try MQTT 5 again.
    VersionRetry,
    /// Replaced by this side because the credentials were changed.
    CredentialsChanged,
    /// This side disconnected.
    Requested,
}

/// Why the server refused CONNECT (C-003 to C-005, C-022, C-023).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Token, user name, password, client identifier or certificate are unknown or wrong.
    Credentials,
    /// The server does not speak this version of MQTT.
    ProtocolVersion,
    /// The server cannot serve now: busy, its core is down, or the profile is of another transport.
    Unavailable,
    /// A rate limit of the tenant, or its transport is switched off.
    RateLimited,
    /// Another code.
    Other(ReasonCode),
}

/// When the client connects again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// At once; the ending was part of a plan.
    AtOnce,
    /// After the usual exponential back-off.
    BackOff,
    /// After the back-off, but not before this time has passed: a rate limit must refill.
    NotBefore(Duration),
    /// After a long pause: only a person can mend the cause.
    Slow,
    /// Not before the application says so.
    Stop,
}

impl Cause {
    /// Whether trying again can help without somebody changing something.
    ///
    /// `connect` of the adapters fails early where this is false.
    pub const fn is_permanent(self) -> bool {
        match self {
            Self::Refused(Refusal::Credentials) | Self::Lost(LinkLost::Proxy) => true,
            Self::Lost(LinkLost::Tls(fault)) => fault.is_permanent(),
            _ => false,
        }
    }
}

impl Refusal {
    /// The reason of a CONNACK code of MQTT 3.1.1.
    pub(crate) const fn from_v3(code: u8) -> Self {
        match code {
            0x01 => Self::ProtocolVersion,
            // ThingsBoard answers wrong credentials with 2 and 5, never with 4 (§1.3); other brokers use 4.
            0x02 | 0x04 | 0x05 => Self::Credentials,
            0x03 => Self::Unavailable,
            _ => Self::Other(ReasonCode::from_return_code(code)),
        }
    }

    /// The reason of a CONNACK code of MQTT 5; 0x01 is what a server sends that knows only MQTT 3.1.1.
    pub(crate) const fn from_v5(code: u8) -> Self {
        match code {
            0x01 | 0x84 => Self::ProtocolVersion,
            0x85..=0x87 | 0x8C => Self::Credentials,
            0x88 | 0x89 => Self::Unavailable,
            0x96 | 0x97 | 0x9F => Self::RateLimited,
            _ => Self::Other(ReasonCode::new(code)),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(lost) => lost.fmt(f),
            Self::NoConnection => f.write_str("no connection was opened in time"),
            Self::NoConnAck => f.write_str("the server did not answer CONNECT in time"),
            Self::ClosedBeforeConnAck(_) => {
                f.write_str("the connection was closed before the server answered CONNECT")
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::ServerDisconnect(reason) => write!(f, "the server disconnected: {reason}"),
            Self::KeepAlive => f.write_str("the server has gone silent"),
            Self::AcknowledgementTimeout => f.write_str(
                "a message was not acknowledged in time, so the connection was replaced",
            ),
            Self::Malformed(malformed) => write!(f, "the server sent malformed MQTT: {malformed}"),
            Self::Stalled => f.write_str("the server reads too slowly for what it sends"),
            Self::VersionRetry => f.write_str("MQTT 5 is tried again"),
            Self::CredentialsChanged => f.write_str("the credentials were changed"),
            Self::Requested => f.write_str("this side disconnected"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials => f.write_str("the server does not accept these credentials"),
            Self::ProtocolVersion => f.write_str("the server does not speak this version of MQTT"),
            Self::Unavailable => f.write_str("the server cannot serve this device now"),
            Self::RateLimited => {
                f.write_str("the server refuses connections for a while: rate limit")
            }
            Self::Other(reason) => write!(f, "the server refused the connection: {reason}"),
        }
    }
}

impl core::error::Error for Cause {}
impl core::error::Error for Refusal {}

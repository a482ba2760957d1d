use alloc::string::String;
use core::fmt;

use super::ChildId;
use crate::codec::ReasonCode;
use crate::tb::InvalidChildName;

/// Why there is no such child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidChild {
    /// The client was not configured as a gateway: use [`Config::gateway`](crate::Config::gateway).
    NotAGateway,
    /// No device can have this name.
    Name(InvalidChildName),
    /// No device profile can have this name: it is blank, longer than 255 characters or contains U+0000.
    Profile(InvalidChildName),
    /// The child is known with another profile, or without one. A profile matters only when the server
    /// creates the device; it never changes one that exists.
    OtherProfile {
        /// The child.
        child: ChildId,
        /// Its profile.
        profile: Option<String>,
    },
    /// The client is disconnecting or was shut down.
    Closed,
    /// The gateway has as many children as it may have.
    TooMany {
        /// The limit ([`GatewayConfig::max_children`](crate::GatewayConfig::max_children)).
        limit: usize,
    },
}

/// Why the server does not take a child. Its messages wait; it is announced again after ten minutes, or
/// after an hour if that closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildRefusal {
    /// The tenant may have no more devices (C-137).
    DeviceLimit,
    /// The server answered with this code: a name that it does not take, or it cannot create devices
    /// now (TB §9.10).
    Reason(ReasonCode),
    /// Whenever the child is announced the server closes the connection. It was found out by announcing
    /// it alone.
    ClosesConnection,
    /// The server does not answer, or the announcement fits into no packet.
    NoAnswer,
}

impl fmt::Display for InvalidChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAGateway => f.write_str("the client was not configured as a gateway"),
            Self::Name(invalid) => invalid.fmt(f),
            Self::Profile(invalid) => write!(f, "device profile: {invalid}"),
            Self::OtherProfile { profile, .. } => match profile {
                Some(profile) => write!(f, "the child is known with the profile `{profile}`"),
                None => f.write_str("the child is known without a profile"),
            },
            Self::Closed => f.write_str("the client is disconnecting or was shut down"),
            Self::TooMany { limit } => {
                write!(f, "a gateway may have {limit} children: raise the limit")
            }
        }
    }
}

impl fmt::Display for ChildRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceLimit => f.write_str("the tenant may have no more devices"),
            Self::Reason(reason) => write!(f, "the server does not take the child: {reason}"),
            Self::ClosesConnection => {
                f.write_str("the server closes the connection whenever the child is announced")
            }
            Self::NoAnswer => f.write_str("the server does not answer to the child's announcement"),
        }
    }
}

impl core::error::Error for InvalidChild {}
impl core::error::Error for ChildRefusal {}

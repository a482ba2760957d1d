//! What the machine and its driver say to each other about connections.

use core::fmt;

use super::{Endpoint, TlsFault};

/// One attempt to reach the server, from dialling to the end of the connection.
///
/// Every [`LinkRequest::Open`] carries a new one; it is never reused. Whatever a driver reports under
/// an older one is ignored and counted, so a late report cannot disturb the connection of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub(crate) u64);

impl LinkId {
    /// The position of this attempt in the life of the client, from 1.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What the driver has to do about connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkRequest {
    /// Open a connection (TCP, TLS, …) to `endpoint`, then report
    /// [`handle_connected`](crate::Client::handle_connected), or
    /// [`handle_disconnected`](crate::Client::handle_disconnected) if that failed.
    Open {
        /// The name under which everything about this connection is reported.
        link: LinkId,
        /// Where to.
        endpoint: Endpoint,
    },
    /// Close this connection, or give up opening it. All bytes that the machine had to send over it
    /// were handed out before: write what is left of them if that does not block, then close.
    Close {
        /// The connection to close.
        link: LinkId,
    },
}

/// Why a connection could not be opened or did not last, as the driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkLost {
    /// Nobody listens at that address and port.
    ConnectionRefused,
    /// The host name could not be resolved.
    HostNotFound,
    /// The network or the host cannot be reached, or did not answer.
    Unreachable,
    /// TLS could not be set up or failed.
    Tls(TlsFault),
    /// A proxy on the way refuses: it wants another login, has rules against it, or is no proxy.
    Proxy,
    /// The peer ended the connection in an orderly way (FIN).
    Closed,
    /// The peer, or something on the way, ended the connection with a reset (RST).
    Reset,
    /// Something on this side failed: no descriptor left, a transport that accepts no bytes, …
    Local,
}

impl LinkLost {
    /// Whether the peer itself ended an established connection.
    pub(crate) const fn is_by_peer(self) -> bool {
        matches!(self, Self::Closed | Self::Reset)
    }
}

impl fmt::Display for LinkLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls(fault) => return fault.fmt(f),
            Self::ConnectionRefused => "nobody listens at that address and port",
            Self::HostNotFound => "the host name could not be resolved",
            Self::Unreachable => "the host cannot be reached",
            Self::Proxy => "the proxy refuses the connection",
            Self::Closed => "the peer closed the connection",
            Self::Reset => "the connection was reset",
            Self::Local => "the transport failed on this side",
        })
    }
}

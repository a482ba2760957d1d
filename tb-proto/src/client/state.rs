//! What the machine is doing, and what it has done.

use core::time::Duration;

use crate::codec::ProtocolVersion;
use crate::mqtt::Cause;
use crate::time::Instant;

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// A connection is being opened, or CONNACK is awaited.
    Connecting,
    /// The server has accepted the connection.
    Connected {
        /// The version of MQTT that is spoken.
        version: ProtocolVersion,
    },
    /// Between two attempts.
    Waiting {
        /// When the next one begins.
        until: Instant,
        /// Why the last one ended.
        cause: Cause,
    },
    /// No attempt is made until the application asks for one.
    Stopped {
        /// Why.
        cause: Cause,
    },
    /// Disconnected for good; every ticket has ended.
    Closed,
}

/// Counters since the client was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages accepted.
    pub accepted: u64,
    /// Messages acknowledged by the server (QoS 1).
    pub acknowledged: u64,
    /// Messages sent at QoS 0.
    pub sent: u64,
    /// Messages rejected.
    pub rejected: u64,
    /// Messages expired, dropped, cancelled or abandoned.
    pub undelivered: u64,
    /// Messages written again on a later connection.
    pub resent: u64,
    /// Connections that were accepted by the server.
    pub connects: u64,
    /// Attempts to connect, failed ones included.
    pub connect_attempts: u64,
    /// Reports about a connection that was over, ignored.
    pub stale_reports: u64,
    /// Acknowledgements that fit no message, ignored.
    pub unexpected_acknowledgements: u64,
    /// Answers to requests that nobody waits for any more, ignored.
    pub unexpected_answers: u64,
    /// RPC calls that the server repeated and that were not given to the application again.
    pub repeated_calls: u64,
    /// Messages without outcome.
    pub queued_messages: usize,
    /// Time from the write of a message to its acknowledgement, averaged with more weight on the
    /// latest (an eighth each, RFC 6298). `None` before the first.
    pub round_trip: Option<Duration>,
    /// Bytes that they take, bookkeeping included.
    pub queued_bytes: usize,
    /// Messages written and not acknowledged.
    pub inflight: usize,
    /// Requests without answer, the machine's own for updates included.
    pub open_requests: usize,
    /// RPC calls remembered.
    pub rpc_calls: usize,
    /// Memory held for packets on their way in and out and for chunks that wait to be fetched, in bytes.
    pub buffered_bytes: usize,
    /// Children of this gateway.
    pub children: usize,
    /// Bytes that they take, their messages apart.
    pub children_bytes: usize,
    /// Events not yet fetched.
    pub events: usize,
}

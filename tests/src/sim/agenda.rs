//! What will happen later, in the order of time and, at one instant, of scheduling.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use super::simulator::ConnectionId;
use super::time::Time;

/// Something that the server does at a moment that has been fixed already.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// The credential service answers.
    AnswerConnect(ConnectionId),
    /// The queue confirms a publish.
    Acknowledge {
        connection: ConnectionId,
        packet_id: u16,
    },
    /// The core answers an attribute request.
    AttributeResponse {
        connection: ConnectionId,
        found: super::attributes::Found,
    },
    /// The core announces a change of shared attributes.
    AttributePush {
        connection: ConnectionId,
        change: super::attributes::Change,
    },
    /// The core hands a server-side RPC to the session.
    RpcRequest {
        connection: ConnectionId,
        device: super::backend::DeviceId,
        rpc: i32,
    },
    /// The time for the PUBACK of an RPC request is over.
    RpcAckTimeout {
        connection: ConnectionId,
        downlink: u32,
    },
    /// A server-side RPC expires.
    RpcDeadline {
        device: super::backend::DeviceId,
        serial: u64,
    },
    /// The rule chain answers a client-side RPC.
    ClientRpcReply {
        connection: ConnectionId,
        request: i32,
        serial: u64,
        reply: super::client_rpc::Reply,
    },
    /// Nobody answered a client-side RPC.
    ClientRpcTimeout {
        connection: ConnectionId,
        request: i32,
        serial: u64,
    },
    /// The core sends something to a gateway about a child.
    GatewayDownlink {
        connection: ConnectionId,
        topic: &'static str,
        body: Vec<u8>,
    },
    /// The latencies of a gateway's connectors are reported.
    GatewayMetrics(super::backend::DeviceId),
    /// The look-up of an OTA package is answered.
    OtaLookUp {
        connection: ConnectionId,
        wanted: super::ota::ChunkRequest,
    },
    /// A provisioning request is answered, or the transport waits no longer.
    ProvisionAnswer {
        connection: ConnectionId,
        packet_id: Option<u16>,
        answer: super::provision::Answer,
    },
    /// A provisioning session has had its answer for long enough.
    ProvisionEnd(ConnectionId),
    /// The periodic check finds a session that may be inactive.
    InactivityCheck(ConnectionId),
    /// The session of a dead connection shows up and throws this one out.
    Ghost(ConnectionId),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    scheduled: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    at: Time,
    serial: u64,
    job: Job,
}

impl Agenda {
    pub(super) fn schedule(&mut self, at: Time, job: Job) {
        self.scheduled += 1;
        self.entries.push(Reverse(Entry {
            at,
            serial: self.scheduled,
            job,
        }));
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.entries.peek().map(|entry| entry.0.at)
    }

    /// The next job that is due, with its own time.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<(Time, Job)> {
        if self.next_time()? > now {
            return None;
        }
        self.entries.pop().map(|entry| (entry.0.at, entry.0.job))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

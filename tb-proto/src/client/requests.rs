//! Open requests: attribute requests and client-side RPC calls.
//!
//! ```text
//!   Waiting ──link up, filter answered──▶ Asked ──answer──▶ outcome
//!      ▲                                    │
//!      └── the link ended: attributes, ─────┤
//!          idempotent calls, unwritten ones │
//!                                           └── the link ended: other calls ──▶ LinkLost
//! ```
//! A deadline or a cancellation ends a request in any state.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use bytes::Bytes;

use super::RequestId;
use super::message::Content;
use crate::codec::QoS;
use crate::mqtt::{Lane, MessageId, Mqtt, OnLinkEnd, Publication};
use crate::tb::topics::DeviceTopics;
use crate::time::Instant;

/// How often an attribute request is asked again, each on a connection of its own, before it is
/// taken for the reason why they end.
const MAX_ASKS: u8 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Attributes,
    Rpc,
}

#[derive(Debug)]
struct Request {
    kind: Kind,
    payload: Bytes,
    deadline: Instant,
    /// Whether it may be asked again although it may have been carried out.
    repeatable: bool,
    asks: u8,
    /// The number under which it was asked on this connection, and the message that carries it.
    asked: Option<(i32, MessageId)>,
}

/// What became of a request when its connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterLinkEnd {
    AskedAgain,
    Lost,
}

#[derive(Debug)]
pub(super) struct Requests {
    limit: usize,
    open: BTreeMap<RequestId, Request>,
    deadlines: BTreeSet<(Instant, RequestId)>,
    waiting: VecDeque<RequestId>,
    /// Numbers in use on this connection; ThingsBoard echoes them and knows nothing more of them.
    asked: BTreeMap<(Kind, i32), RequestId>,
    next_number: i32,
    sequence: u64,
    bytes: usize,
    /// Whether the server has answered the SUBSCRIBE for the responses of each kind on this connection.
    attributes_ready: bool,
    rpc_ready: bool,
}

impl Requests {
    /// Bytes of bookkeeping per request, roughly.
    const OVERHEAD: usize = 256;

    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            open: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            asked: BTreeMap::new(),
            next_number: 0,
            sequence: 0,
            bytes: 0,
            attributes_ready: false,
            rpc_ready: false,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn memory(payload: usize) -> usize {
        payload + Self::OVERHEAD
    }

    /// An id for something that is no message.
    pub(super) const fn next_id(&mut self) -> RequestId {
        self.sequence += 1;
        RequestId::of_request(self.sequence)
    }

    pub(super) fn open(
        &mut self,
        kind: Kind,
        payload: Bytes,
        deadline: Instant,
        repeatable: bool,
    ) -> RequestId {
        let id = self.next_id();
        self.bytes += Self::memory(payload.len());
        self.deadlines.insert((deadline, id));
        self.waiting.push_back(id);
        let request = Request {
            kind,
            payload,
            deadline,
            repeatable,
            asks: 0,
            asked: None,
        };
        self.open.insert(id, request);
        self.tidy_waiting();
        id
    }

    /// Forgets the places of requests that have ended while they waited. Offline nobody takes them
    /// out of the line, and a device may be offline for months.
    fn tidy_waiting(&mut self) {
        if self.waiting.len() > 2 * self.open.len() + 64 {
            self.waiting.retain(|id| self.open.contains_key(id));
        }
    }

    pub(super) fn kind(&self, id: RequestId) -> Option<Kind> {
        self.open.get(&id).map(|request| request.kind)
    }

    /// Ends a request. Returns its kind and the message that carries it, if there is one.
    pub(super) fn close(&mut self, id: RequestId) -> Option<(Kind, Option<MessageId>)> {
        let request = self.open.remove(&id)?;
        self.deadlines.remove(&(request.deadline, id));
        self.bytes -= Self::memory(request.payload.len());
        let message = request.asked.map(|(number, message)| {
            self.asked.remove(&(request.kind, number));
            message
        });
        if self.open.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some((request.kind, message))
    }

    /// The request that an answer with this number is for.
    pub(super) fn answered(&self, kind: Kind, number: i32) -> Option<RequestId> {
        self.asked.get(&(kind, number)).copied()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// A request whose deadline has passed.
    pub(super) fn overdue(&self, now: Instant) -> Option<RequestId> {
        self.deadlines
            .first()
            .filter(|&&(deadline, _)| deadline <= now)
            .map(|&(_, id)| id)
    }

    pub(super) fn any(&self) -> Option<RequestId> {
        self.open.keys().next().copied()
    }

    /// The server has answered the SUBSCRIBE for the responses of this kind. Even if it refused,
    /// the responses come (C-040).
    pub(super) const fn ready(&mut self, kind: Kind) {
        match kind {
            Kind::Attributes => self.attributes_ready = true,
            Kind::Rpc => self.rpc_ready = true,
        }
    }

    /// Whether a request waits to be asked.
    pub(super) fn is_due(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Asks what waits and can be asked now.
    pub(super) fn advance(&mut self, mqtt: &mut Mqtt<Content>, topics: &DeviceTopics) {
        for _ in 0..self.waiting.len() {
            let Some(id) = self.waiting.pop_front() else {
                break;
            };
            let Some(request) = self.open.get_mut(&id) else {
                continue;
            };
            let ready = match request.kind {
                Kind::Attributes => self.attributes_ready,
                Kind::Rpc => self.rpc_ready,
            };
            if !ready || !mqtt.is_online() {
                self.waiting.push_back(id);
                continue;
            }
            // A connection would have to last for two thousand million requests.
            self.next_number = self.next_number.checked_add(1).unwrap_or(1);
            let number = self.next_number;
            let publication = Publication {
                topic: match request.kind {
                    Kind::Attributes => topics.attribute_request(number),
                    Kind::Rpc => topics.rpc_request(number),
                },
                content: Content::Request {
                    request: id,
                    payload: request.payload.clone(),
                },
                qos: QoS::AtLeastOnce,
                lane: Lane::Urgent,
                accepted: mqtt.now(),
                expires: None,
                on_link_end: OnLinkEnd::End,
                is_activity: true,
            };
            let message = mqtt.submit(publication, false);
            request.asked = Some((number, message));
            request.asks = request.asks.saturating_add(1);
            self.asked.insert((request.kind, number), id);
        }
    }

    /// The message that carried the request ended with its connection.
    pub(super) fn link_ended(&mut self, id: RequestId, written: bool) -> AfterLinkEnd {
        let Some(request) = self.open.get_mut(&id) else {
            return AfterLinkEnd::AskedAgain;
        };
        if let Some((number, _)) = request.asked.take() {
            self.asked.remove(&(request.kind, number));
        }
        if (written && !request.repeatable) || request.asks >= MAX_ASKS {
            return AfterLinkEnd::Lost;
        }
        self.waiting.push_back(id);
        AfterLinkEnd::AskedAgain
    }

    /// The connection is over. Returns a request that was asked, acknowledged and not answered;
    /// call until there is none.
    pub(super) fn offline(&mut self) -> Option<RequestId> {
        self.attributes_ready = false;
        self.rpc_ready = false;
        self.next_number = 0;
        self.asked.values().next().copied()
    }
}

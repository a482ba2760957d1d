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
use alloc::string::String;
use bytes::Bytes;

use super::message::Content;
use super::{ChildId, RequestId};
use crate::codec::QoS;
use crate::mqtt::{Lane, MessageId, Mqtt, OnLinkEnd, Publication};
use crate::tb::gateway::{self, ChildQuery};
use crate::tb::topics::DeviceTopics;
use crate::tb::topics::gateway::ATTRIBUTE_REQUEST;
use crate::time::Instant;

/// How often an attribute request is asked again, each on a connection of its own, before it is
/// taken for the reason why they end.
const MAX_ASKS: u8 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Attributes,
    Rpc,
    /// Attributes of a child of this gateway.
    ChildAttributes,
}

/// What is asked.
#[derive(Debug)]
enum Question {
    Attributes(Bytes),
    Rpc(Bytes),
    OfChild { child: ChildId, query: ChildQuery },
}

#[derive(Debug)]
struct Request {
    question: Question,
    /// What it counts for.
    bytes: usize,
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

impl Request {
    const fn kind(&self) -> Kind {
        match self.question {
            Question::Attributes(_) => Kind::Attributes,
            Question::Rpc(_) => Kind::Rpc,
            Question::OfChild { .. } => Kind::ChildAttributes,
        }
    }

    const fn child(&self) -> Option<ChildId> {
        match self.question {
            Question::OfChild { child, .. } => Some(child),
            Question::Attributes(_) | Question::Rpc(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Requests {
    limit: usize,
    open: BTreeMap<RequestId, Request>,
    deadlines: BTreeSet<(Instant, RequestId)>,
    waiting: VecDeque<RequestId>,
    /// Those that wait for their child to be announced.
    held: BTreeSet<(ChildId, RequestId)>,
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
            held: BTreeSet::new(),
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

    /// What a question about a child takes.
    pub(super) fn memory_of_child(query: &ChildQuery) -> usize {
        query
            .keys
            .iter()
            .map(|key| key.len() + 2 * size_of::<String>())
            .sum()
    }

    pub(super) fn open_attributes(&mut self, payload: Bytes, deadline: Instant) -> RequestId {
        let bytes = Self::memory(payload.len());
        self.open(Question::Attributes(payload), bytes, deadline, true)
    }

    pub(super) fn open_rpc(
        &mut self,
        payload: Bytes,
        deadline: Instant,
        idempotent: bool,
    ) -> RequestId {
        let bytes = Self::memory(payload.len());
        self.open(Question::Rpc(payload), bytes, deadline, idempotent)
    }

    /// It waits until it is told that the [child is there](Self::child_is_there).
    pub(super) fn open_for_child(
        &mut self,
        child: ChildId,
        query: ChildQuery,
        deadline: Instant,
    ) -> RequestId {
        let bytes = Self::memory(Self::memory_of_child(&query));
        let question = Question::OfChild { child, query };
        self.open(question, bytes, deadline, true)
    }

    fn open(
        &mut self,
        question: Question,
        bytes: usize,
        deadline: Instant,
        repeatable: bool,
    ) -> RequestId {
        let id = self.next_id();
        self.bytes += bytes;
        self.deadlines.insert((deadline, id));
        let request = Request {
            question,
            bytes,
            deadline,
            repeatable,
            asks: 0,
            asked: None,
        };
        let child = request.child();
        self.open.insert(id, request);
        self.wait(child, id);
        self.tidy_waiting();
        id
    }

    fn wait(&mut self, child: Option<ChildId>, id: RequestId) {
        match child {
            Some(child) => {
                self.held.insert((child, id));
            }
            None => self.waiting.push_back(id),
        }
    }

    /// The child is announced on this connection.
    pub(super) fn child_is_there(&mut self, child: ChildId) {
        let first = (child, RequestId(0));
        let last = (child, RequestId(u64::MAX));
        while let Some(&held) = self.held.range(first..=last).next() {
            self.held.remove(&held);
            self.waiting.push_back(held.1);
        }
    }

    /// Forgets the places of requests that have ended while they waited. Offline nobody takes them
    /// out of the line, and a device may be offline for months.
    fn tidy_waiting(&mut self) {
        if self.waiting.len() > 2 * self.open.len() + 64 {
            self.waiting.retain(|id| self.open.contains_key(id));
        }
    }

    pub(super) fn kind(&self, id: RequestId) -> Option<Kind> {
        self.open.get(&id).map(Request::kind)
    }

    /// Ends a request. Returns its kind and the message that carries it, if there is one.
    pub(super) fn close(&mut self, id: RequestId) -> Option<(Kind, Option<MessageId>)> {
        let request = self.open.remove(&id)?;
        Some(self.forget(id, &request))
    }

    fn forget(&mut self, id: RequestId, request: &Request) -> (Kind, Option<MessageId>) {
        let kind = request.kind();
        self.deadlines.remove(&(request.deadline, id));
        self.bytes -= request.bytes;
        if let Some(child) = request.child() {
            self.held.remove(&(child, id));
        }
        let message = request.asked.map(|(number, message)| {
            self.asked.remove(&(kind, number));
            message
        });
        if self.open.is_empty() {
            self.waiting = VecDeque::new();
        }
        (kind, message)
    }

    /// The question about a child that an answer with this number is for; it is closed.
    pub(super) fn take_child_question(&mut self, number: i32) -> Option<(RequestId, ChildQuery)> {
        let id = self.answered(Kind::ChildAttributes, number)?;
        let request = self.open.remove(&id)?;
        self.forget(id, &request);
        match request.question {
            Question::OfChild { query, .. } => Some((id, query)),
            Question::Attributes(_) | Question::Rpc(_) => None,
        }
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
            // They come without a subscription, and after the announcement of their child.
            Kind::ChildAttributes => {}
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
            let ready = match request.question {
                Question::Attributes(_) => self.attributes_ready,
                Question::Rpc(_) => self.rpc_ready,
                Question::OfChild { child, .. } => mqtt.outbox().is_open(child.0),
            };
            if !ready || !mqtt.is_online() {
                let child = request.child();
                self.wait(child, id);
                continue;
            }
            // A connection would have to last for two thousand million requests.
            self.next_number = self.next_number.checked_add(1).unwrap_or(1);
            let number = self.next_number;
            let (topic, payload) = match &request.question {
                Question::Attributes(payload) => {
                    (topics.attribute_request(number), payload.clone())
                }
                Question::Rpc(payload) => (topics.rpc_request(number), payload.clone()),
                Question::OfChild { child, query } => {
                    let device = gateway::device(mqtt.outbox().name_of(child.0));
                    let payload = gateway::numbered(number, device, &query.payload());
                    (ATTRIBUTE_REQUEST, payload.into())
                }
            };
            let publication = Publication {
                topic,
                content: Content::Request {
                    request: id,
                    payload,
                },
                qos: QoS::AtLeastOnce,
                lane: Lane::Urgent,
                accepted: mqtt.now(),
                expires: None,
                on_link_end: OnLinkEnd::End,
                is_activity: true,
                origin: request.child().map(|child| child.0),
            };
            let message = mqtt.submit(publication, false);
            request.asked = Some((number, message));
            request.asks = request.asks.saturating_add(1);
            self.asked.insert((request.kind(), number), id);
        }
    }

    /// The message that carried the request ended with its connection.
    pub(super) fn link_ended(&mut self, id: RequestId, written: bool) -> AfterLinkEnd {
        let Some(request) = self.open.get_mut(&id) else {
            return AfterLinkEnd::AskedAgain;
        };
        if let Some((number, _)) = request.asked.take() {
            self.asked.remove(&(request.kind(), number));
        }
        if (written && !request.repeatable) || request.asks >= MAX_ASKS {
            return AfterLinkEnd::Lost;
        }
        let child = request.child();
        self.wait(child, id);
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

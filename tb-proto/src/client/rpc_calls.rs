//! Server-side RPC: who serves which method, and the calls that came.
//!
//! ```text
//!   call ──▶ Open ──reply──▶ Replied ──▶ forgotten when others need the place
//!             │ same id and body again: not given to the application twice;
//!             │ a repeat of a replied call gets the reply again
//!             └─ another body under the same id: the server has restarted (C-093), the old call is over
//! ```

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

use super::{AlreadyServed, ChildId, RpcMethods, RpcServer};
use crate::tb::gateway;
use crate::time::Instant;

/// A call with the same number and body within this time is the same call (TB §4.6: the server sends
/// unfinished calls again at every SUBSCRIBE).
const REPEAT_SPAN: Duration = Duration::from_secs(600);

/// After the connection that brought a call has ended, its reply is worth sending for so long, unless
/// the server repeats the call.
pub(super) const REPLY_SPAN: Duration = Duration::from_secs(30);

/// Bytes of replies that are remembered for repeats.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Whose methods are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Callees {
    /// The device of this connection.
    Device,
    /// Every child of this gateway.
    Children,
    /// This child.
    Child(ChildId),
}

/// The server numbers the calls to each child by themselves (TB §9.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallNumber {
    pub(super) child: Option<ChildId>,
    pub(super) request_id: i32,
}

#[derive(Debug)]
struct Call {
    number: CallNumber,
    fingerprint: u64,
    arrived: Instant,
    /// Since its connection ended and the server has not repeated it.
    worthless_at: Option<Instant>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open { server: RpcServer, bytes: usize },
    Replied { payload: Bytes },
}

/// What to do with a call that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Give it to this taker, under this key.
    New {
        key: u64,
        server: RpcServer,
    },
    /// The application has it already.
    Repeated,
    /// It was answered already: answer again.
    AnswerAgain(Bytes),
    UnknownMethod,
    TooManyCalls,
}

/// Who takes the calls to somebody.
#[derive(Debug, Default)]
struct Served {
    named: BTreeMap<String, RpcServer>,
    all: Option<RpcServer>,
}

#[derive(Debug)]
pub(super) struct RpcCalls {
    limit: usize,
    max_open_bytes: usize,
    servers: BTreeMap<RpcServer, (Callees, RpcMethods)>,
    served: BTreeMap<Callees, Served>,
    calls: BTreeMap<u64, Call>,
    by_number: BTreeMap<CallNumber, u64>,
    /// Keys in the order of arrival; some may be forgotten.
    order: VecDeque<u64>,
    next_key: u64,
    next_server: u64,
    open_bytes: usize,
    reply_bytes: usize,
}

impl RpcCalls {
    pub(super) const fn new(limit: usize, max_open_bytes: usize) -> Self {
        Self {
            limit,
            max_open_bytes,
            servers: BTreeMap::new(),
            served: BTreeMap::new(),
            calls: BTreeMap::new(),
            by_number: BTreeMap::new(),
            order: VecDeque::new(),
            next_key: 0,
            next_server: 0,
            open_bytes: 0,
            reply_bytes: 0,
        }
    }

    pub(super) fn serve(
        &mut self,
        callees: Callees,
        methods: RpcMethods,
    ) -> Result<RpcServer, AlreadyServed> {
        let served = self.served.entry(callees).or_default();
        let is_served = match &methods {
            RpcMethods::All => served.all.is_some(),
            RpcMethods::Named(method) => served.named.contains_key(method),
        };
        if is_served {
            return Err(AlreadyServed { methods });
        }
        self.next_server += 1;
        let server = RpcServer(self.next_server);
        match &methods {
            RpcMethods::All => served.all = Some(server),
            RpcMethods::Named(method) => {
                served.named.insert(method.clone(), server);
            }
        }
        self.servers.insert(server, (callees, methods));
        Ok(server)
    }

    /// Ends a taker. Returns the numbers of its calls that nobody will answer now.
    pub(super) fn end(&mut self, server: RpcServer) -> Vec<(u64, CallNumber)> {
        if let Some((callees, methods)) = self.servers.remove(&server)
            && let Some(served) = self.served.get_mut(&callees)
        {
            match methods {
                RpcMethods::All => served.all = None,
                RpcMethods::Named(method) => {
                    served.named.remove(&method);
                }
            }
            if served.all.is_none() && served.named.is_empty() {
                self.served.remove(&callees);
            }
        }
        self.calls
            .iter()
            .filter(|(_, call)| matches!(call.state, State::Open { server: taker, .. } if taker == server))
            .map(|(&key, call)| (key, call.number))
            .collect()
    }

    /// Whether somebody takes calls to the device itself.
    pub(super) fn serves_device(&self) -> bool {
        self.served.contains_key(&Callees::Device)
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.open_bytes + self.reply_bytes
    }

    pub(super) fn arrive(
        &mut self,
        now: Instant,
        number: CallNumber,
        method: &str,
        body: &[u8],
    ) -> Arrival {
        let fingerprint = fingerprint(body);
        if let Some(&key) = self.by_number.get(&number) {
            if let Some(call) = self.calls.get_mut(&key)
                && call.fingerprint == fingerprint
                && now.duration_since(call.arrived) <= REPEAT_SPAN
            {
                call.worthless_at = None;
                return match &call.state {
                    State::Open { .. } => Arrival::Repeated,
                    State::Replied { payload } => Arrival::AnswerAgain(payload.clone()),
                };
            }
            self.forget(key);
        }
        let Some(server) = self.server_of(number.child, method) else {
            return Arrival::UnknownMethod;
        };
        while self.calls.len() >= self.limit || self.open_bytes + body.len() > self.max_open_bytes {
            if !self.forget_one(now) {
                return Arrival::TooManyCalls;
            }
        }
        self.next_key += 1;
        let key = self.next_key;
        self.open_bytes += body.len();
        let state = State::Open {
            server,
            bytes: body.len(),
        };
        let call = Call {
            number,
            fingerprint,
            arrived: now,
            worthless_at: None,
            state,
        };
        self.calls.insert(key, call);
        self.by_number.insert(number, key);
        self.order.push_back(key);
        Arrival::New { key, server }
    }

    /// Whether the call is remembered: neither replaced nor forgotten.
    pub(super) fn knows(&self, key: u64) -> bool {
        self.calls.contains_key(&key)
    }

    /// Whether the call can still be answered.
    pub(super) fn is_open(&self, now: Instant, key: u64) -> bool {
        self.calls.get(&key).is_some_and(|call| {
            matches!(call.state, State::Open { .. })
                && call.worthless_at.is_none_or(|worthless| worthless > now)
        })
    }

    /// The call is answered with `payload`. Returns until when the answer is worth sending.
    pub(super) fn reply(&mut self, key: u64, payload: &Bytes) -> Option<Instant> {
        let call = self.calls.get_mut(&key)?;
        let worthless_at = call.worthless_at;
        if let State::Open { bytes, .. } = call.state {
            self.open_bytes -= bytes;
            self.reply_bytes += payload.len();
            call.state = State::Replied {
                payload: payload.clone(),
            };
        }
        while self.reply_bytes > MAX_REPLY_BYTES && self.forget_replied() {}
        worthless_at
    }

    /// Replies that were given for a child get its name, which is another one now.
    pub(super) fn readdress(&mut self, child: ChildId, device: &[u8]) {
        for call in self.calls.values_mut() {
            if call.number.child == Some(child)
                && let State::Replied { payload } = &mut call.state
            {
                self.reply_bytes -= payload.len();
                *payload = gateway::renumbered(payload, device);
                self.reply_bytes += payload.len();
            }
        }
    }

    pub(super) fn offline(&mut self, now: Instant) {
        for call in self.calls.values_mut() {
            call.worthless_at.get_or_insert(now + REPLY_SPAN);
        }
    }

    fn server_of(&self, child: Option<ChildId>, method: &str) -> Option<RpcServer> {
        let of = |callees| {
            let served = self.served.get(&callees)?;
            served.named.get(method).copied().or(served.all)
        };
        match child {
            None => of(Callees::Device),
            Some(child) => of(Callees::Child(child)).or_else(|| of(Callees::Children)),
        }
    }

    /// Makes room: forgets a call that the server has given up, or an answered one. In this order: the server
    /// may repeat a call whose answer is still on its way.
    fn forget_one(&mut self, now: Instant) -> bool {
        let over = self
            .calls
            .iter()
            .find(|(_, call)| {
                call.worthless_at
                    .is_some_and(|worthless| worthless <= now)
                    // Forgotten by the application: the server has long stopped waiting, and a
                    // connection may last for years.
                    || now.duration_since(call.arrived) > REPEAT_SPAN
            })
            .map(|(&key, _)| key);
        match over {
            Some(key) => {
                self.forget(key);
                true
            }
            None => self.forget_replied(),
        }
    }

    fn forget_replied(&mut self) -> bool {
        let replied = self.order.iter().copied().find(|key| {
            self.calls
                .get(key)
                .is_some_and(|call| matches!(call.state, State::Replied { .. }))
        });
        replied.inspect(|&key| self.forget(key)).is_some()
    }

    fn forget(&mut self, key: u64) {
        let Some(call) = self.calls.remove(&key) else {
            return;
        };
        match call.state {
            State::Open { bytes, .. } => self.open_bytes -= bytes,
            State::Replied { payload } => self.reply_bytes -= payload.len(),
        }
        if self.by_number.get(&call.number) == Some(&key) {
            self.by_number.remove(&call.number);
        }
        self.order.retain(|&known| known != key);
    }
}

/// FNV-1a over body and length: two calls that differ are told apart, and no body has to be kept.
fn fingerprint(body: &[u8]) -> u64 {
    let start = 0xCBF2_9CE4_8422_2325 ^ body.len() as u64;
    body.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(0);

    fn served() -> (RpcCalls, RpcServer) {
        let mut calls = RpcCalls::new(4, 1_000);
        let server = calls.serve(Callees::Device, RpcMethods::All).unwrap();
        (calls, server)
    }

    const fn own(request_id: i32) -> CallNumber {
        CallNumber {
            child: None,
            request_id,
        }
    }

    fn key(arrival: &Arrival) -> u64 {
        match arrival {
            Arrival::New { key, .. } => *key,
            other => panic!("no new call: {other:?}"),
        }
    }

    #[test]
    fn a_method_has_one_server_and_its_own_comes_before_the_one_for_all() {
        let (mut calls, all) = served();
        let named = calls
            .serve(Callees::Device, RpcMethods::Named("reset".into()))
            .unwrap();
        assert!(calls.serve(Callees::Device, RpcMethods::All).is_err());
        assert!(
            calls
                .serve(Callees::Device, RpcMethods::Named("reset".into()))
                .is_err()
        );
        let taker = |arrival| match arrival {
            Arrival::New { server, .. } => server,
            other => panic!("{other:?}"),
        };
        assert_eq!(taker(calls.arrive(NOW, own(0), "reset", b"a")), named);
        assert_eq!(taker(calls.arrive(NOW, own(1), "other", b"b")), all);
    }

    #[test]
    fn a_repeated_call_is_given_once_and_its_answer_as_often_as_it_is_asked_for() {
        let (mut calls, _) = served();
        let key = key(&calls.arrive(NOW, own(7), "m", b"body"));
        assert_eq!(calls.arrive(NOW, own(7), "m", b"body"), Arrival::Repeated);
        calls.reply(key, &Bytes::from_static(b"answer"));
        let again = Arrival::AnswerAgain(Bytes::from_static(b"answer"));
        assert_eq!(calls.arrive(NOW, own(7), "m", b"body"), again);
        assert_eq!(calls.arrive(NOW, own(7), "m", b"body"), again);
    }

    #[test]
    fn another_body_under_the_same_number_is_another_call_and_ends_the_old_one() {
        let (mut calls, _) = served();
        let old = key(&calls.arrive(NOW, own(0), "m", b"before the restart"));
        let new = key(&calls.arrive(NOW, own(0), "m", b"after the restart"));
        assert!(!calls.is_open(NOW, old) && calls.is_open(NOW, new));
    }

    #[test]
    fn the_same_body_after_ten_minutes_is_another_call() {
        let (mut calls, _) = served();
        let first = key(&calls.arrive(NOW, own(0), "m", b"x"));
        let later = NOW + REPEAT_SPAN + Duration::from_secs(1);
        assert_ne!(first, key(&calls.arrive(later, own(0), "m", b"x")));
    }

    #[test]
    fn unanswered_calls_are_bounded_and_answered_ones_make_room() {
        let (mut calls, _) = served();
        let keys: Vec<_> = (0..4)
            .map(|id| key(&calls.arrive(NOW, own(id), "m", b"x")))
            .collect();
        assert_eq!(calls.arrive(NOW, own(9), "m", b"x"), Arrival::TooManyCalls);
        calls.reply(keys[2], &Bytes::new());
        assert!(matches!(
            calls.arrive(NOW, own(9), "m", b"x"),
            Arrival::New { .. }
        ));
        assert_eq!(calls.len(), 4);
    }

    #[test]
    fn a_call_is_over_some_time_after_its_connection_unless_the_server_repeats_it() {
        let (mut calls, _) = served();
        let key = key(&calls.arrive(NOW, own(0), "m", b"x"));
        calls.offline(NOW);
        let later = NOW + REPLY_SPAN;
        assert!(!calls.is_open(later, key));
        assert_eq!(calls.arrive(later, own(0), "m", b"x"), Arrival::Repeated);
        assert!(calls.is_open(later, key));
    }

    #[test]
    fn a_child_has_numbers_and_takers_of_its_own_before_those_of_all_children() {
        let (mut calls, device) = served();
        let [first, second] = [0, 1].map(|at| ChildId(crate::mqtt::Origin::at(at).unwrap()));
        let all = calls.serve(Callees::Children, RpcMethods::All).unwrap();
        let own = calls
            .serve(Callees::Child(first), RpcMethods::Named("reset".into()))
            .unwrap();
        let mut taker = |child, method| {
            let number = CallNumber {
                child,
                request_id: 0,
            };
            match calls.arrive(NOW, number, method, b"body") {
                Arrival::New { server, .. } => server,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(taker(None, "reset"), device);
        assert_eq!(taker(Some(first), "reset"), own);
        assert_eq!(taker(Some(second), "reset"), all);
        calls.end(own);
        let number = CallNumber {
            child: Some(first),
            request_id: 1,
        };
        assert!(matches!(
            calls.arrive(NOW, number, "reset", b"body"),
            Arrival::New { server, .. } if server == all
        ));
        assert!(calls.serves_device());
    }
}

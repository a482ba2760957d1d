//! The one lock: the machine and everybody who waits for it.
//!
//! Three rules keep it harmless. It is held for microseconds. Under it there is no I/O, no code of
//! the application and no wake-up. And the driver sleeps only after it has seen, under the lock,
//! that there is nothing to do; whoever changes that takes the driver's waker along.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::task::Waker;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use bytes::Bytes;
use tb_proto::{
    AttributeSubscription, Cause, Client as Machine, Completion, Event, Instant, LinkRequest,
    Pending, Refused, RefusedReason, RequestId, RpcReply, RpcRequest, RpcServer,
};

use crate::clock::Clock;
use crate::rooms::Rooms;
use crate::streams::{Streams, Warning};
use crate::tickets::{Holder, Tickets};
use crate::wakes::Wakes;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) tickets: Tickets,
    pub(crate) rooms: Rooms,
    pub(crate) streams: Streams,
    pub(crate) seat: Seat,
    /// The thread on which the driver took its last turn.
    pub(crate) driver_thread: Option<ThreadId>,
    pub(crate) linger: Duration,
    /// A disconnect has begun.
    pub(crate) disconnecting: bool,
    /// Room may have become free for those who wait for it.
    pub(crate) room_freed: bool,
    /// Why the last connection, or attempt to connect, ended.
    pub(crate) last_cause: Option<Cause>,
    /// What was taken out of the machine to find out whether the driver has to be woken.
    link: Option<LinkRequest>,
    chunk: Option<Bytes>,
    shared: Weak<Shared>,
}

/// Where the driver is.
#[derive(Debug)]
pub(crate) enum Seat {
    /// It is taking turns and will see everything that is done in between.
    Awake,
    /// It has seen everything there was and waits for a socket or its timer.
    Asleep {
        waker: Waker,
        /// When its timer wakes it.
        until: Option<Instant>,
        /// Whether it could do something with more bytes to send.
        wants_chunk: bool,
    },
    /// It has been dropped, or has nothing to do any more.
    Gone,
}

impl Shared {
    pub(crate) fn new(clock: Clock, machine: Machine) -> Arc<Self> {
        Arc::new_cyclic(|shared| Self {
            clock,
            state: Mutex::new(State {
                streams: Streams::new(machine.state()),
                machine,
                tickets: Tickets::default(),
                rooms: Rooms::default(),
                seat: Seat::Awake,
                driver_thread: None,
                linger: crate::client::DEFAULT_LINGER,
                disconnecting: false,
                room_freed: false,
                last_cause: None,
                link: None,
                chunk: None,
                shared: Weak::clone(shared),
            }),
        })
    }

    /// Does something with the machine, tells everybody what came of it, and wakes the driver if
    /// there is something for it to do. `None`: a panic has left the machine unusable.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> Option<R> {
        let now = self.clock.now();
        let _bell = Bell(self);
        let mut wakes = Wakes::default();
        let mut state = self.state.lock().ok()?;
        let result = act(&mut state, now);
        state.settle(now, &mut wakes);
        drop(state);
        wakes.wake();
        Some(result)
    }

    /// Makes a call whose outcome comes later, and opens the ticket for it under the same lock.
    pub(crate) fn open<T, I>(
        &self,
        item: I,
        call: impl FnOnce(&mut State, Instant, I) -> Result<Pending<T>, Refused<I>>,
    ) -> Result<Pending<T>, Refused<I>> {
        let now = self.clock.now();
        let _bell = Bell(self);
        let mut wakes = Wakes::default();
        let Ok(mut state) = self.state.lock() else {
            return Err(Refused { item: Box::new(item), reason: RefusedReason::Closed });
        };
        let result = call(&mut state, now, item);
        if let Ok(pending) = &result {
            state.tickets.open(pending.id());
        }
        state.settle(now, &mut wakes);
        drop(state);
        wakes.wake();
        result
    }

    /// Looks at what is kept for waiters; it is sound even after a panic in the machine.
    pub(crate) fn waiters(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.state.is_poisoned()
    }

    /// Ends everything: there is no driver any more.
    pub(crate) fn end(&self) {
        self.with(|state, now| {
            // The deadline is now: every message ends as abandoned, with its payload.
            let _ = state.machine.disconnect(now, now);
            state.machine.handle_timeout(now);
            while state.machine.poll_link().is_some() || state.machine.poll_transmit().is_some() {}
        });
        self.ring(true);
    }

    /// Wakes everybody who waits. With `over`, nobody will get anything any more.
    fn ring(&self, over: bool) {
        let mut wakes = Wakes::default();
        let mut state = self.waiters();
        if let Seat::Asleep { waker, .. } = core::mem::replace(&mut state.seat, Seat::Gone) {
            wakes.push(waker);
        }
        if over || self.is_poisoned() {
            state.tickets.abandon(&mut wakes);
            state.rooms.close(&mut wakes);
            state.streams.close(&mut wakes);
        }
        drop(state);
        wakes.wake();
    }
}

/// Rings when a panic unwinds through a call: the machine may be broken, nobody may wait for it.
struct Bell<'a>(&'a Shared);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        if thread::panicking() && self.0.is_poisoned() {
            self.0.ring(true);
        }
    }
}

impl State {
    /// What the driver has to do about connections, and the next bytes to send.
    pub(crate) fn poll_work(&mut self, wants_chunk: bool) -> (Option<LinkRequest>, Option<Bytes>) {
        let link = self.link.take().or_else(|| self.machine.poll_link());
        if matches!(link, Some(LinkRequest::Open { .. })) {
            self.chunk = None;
        }
        let chunk = if wants_chunk {
            self.chunk.take().or_else(|| self.machine.poll_transmit())
        } else {
            None
        };
        (link, chunk)
    }

    /// Bytes for a connection that is gone.
    pub(crate) fn forget_chunk(&mut self) {
        self.chunk = None;
    }

    pub(crate) fn end_attributes(&mut self, now: Instant, subscription: AttributeSubscription) {
        self.machine.unsubscribe_from_attributes(now, subscription);
        self.streams.remove_attributes(subscription);
    }

    pub(crate) fn end_rpc(&mut self, now: Instant, server: RpcServer) {
        self.machine.end_rpc(now, server);
        self.streams.remove_rpc(server);
    }

    /// Answers a call that nobody answers. That the call is over meanwhile, or that there is no
    /// room for the answer, changes nothing for anybody here: the caller waits for its time-out.
    pub(crate) fn refuse_call(&mut self, now: Instant, request: RpcRequest, reply: RpcReply) {
        if let Ok(pending) = self.machine.send_rpc_reply(now, request, reply) {
            self.tickets.open_unheard(pending.id());
        }
    }

    /// The outcome of `id` was not fetched and its ticket is gone.
    pub(crate) fn unclaimed(&mut self, completion: Completion, wakes: &mut Wakes) {
        if let Completion::Delivery(Err(undelivered)) = completion {
            self.streams.push_undelivered(*undelivered, wakes);
        }
    }

    /// Tells everybody what has happened since the last time.
    pub(crate) fn settle(&mut self, now: Instant, wakes: &mut Wakes) {
        self.route(now, wakes);
        if let Some(waker) = self.driver_to_wake() {
            wakes.push(waker);
        }
        // Taking bytes out may have completed messages of QoS 0.
        self.route(now, wakes);
        self.streams.state_is(self.machine.state(), wakes);
    }

    fn route(&mut self, now: Instant, wakes: &mut Wakes) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Completed { id, completion } => {
                    self.room_freed = true;
                    self.complete(id, completion, wakes);
                }
                Event::AttributesUpdated(update) => self.streams.attributes_updated(&update, wakes),
                Event::RpcRequest(request) => self.take_call(now, request, wakes),
                Event::Disconnected { cause, .. } => self.last_cause = Some(cause),
                Event::Connected { .. } => {}
                event => {
                    if let Some(warning) = Warning::from_event(event) {
                        self.streams.warn(&warning, wakes);
                    }
                }
            }
        }
        if core::mem::take(&mut self.room_freed) {
            self.rooms.grant(&mut self.machine, wakes);
        }
    }

    fn complete(&mut self, id: RequestId, completion: Completion, wakes: &mut Wakes) {
        if let Holder::Nobody(completion) = self.tickets.complete(id, completion, wakes) {
            self.unclaimed(completion, wakes);
        }
    }

    fn take_call(&mut self, now: Instant, request: RpcRequest, wakes: &mut Wakes) {
        let request_id = request.request_id();
        let taker = self.streams.rpc.iter().find(|taker| taker.server == request.server());
        let refused = match taker {
            Some(taker) => taker.push(request, &self.shared, wakes),
            None => Err(request),
        };
        if let Err(request) = refused {
            self.refuse_call(now, request, RpcReply::error("the device is busy"));
            self.streams.warn(&Warning::RpcMissed { request_id }, wakes);
        }
    }

    /// The waker of the driver, if it sleeps and there is something for it to do.
    ///
    /// It is taken out: of a thousand messages sent while the driver wakes up only the first costs
    /// a wake-up. While the window is full or the socket blocks, none does.
    fn driver_to_wake(&mut self) -> Option<Waker> {
        let Seat::Asleep { until, wants_chunk, .. } = &self.seat else { return None };
        let (until, wants_chunk) = (*until, *wants_chunk);
        if self.link.is_none() {
            self.link = self.machine.poll_link();
        }
        if wants_chunk && self.chunk.is_none() {
            self.chunk = self.machine.poll_transmit();
        }
        let sooner = match (self.machine.poll_timeout(), until) {
            (Some(deadline), Some(until)) => deadline < until,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let due = sooner
            || self.link.is_some()
            || (wants_chunk && self.chunk.is_some())
            || self.machine.state() == tb_proto::State::Closed;
        if !due {
            return None;
        }
        match core::mem::replace(&mut self.seat, Seat::Awake) {
            Seat::Asleep { waker, .. } => Some(waker),
            Seat::Awake | Seat::Gone => None,
        }
    }
}

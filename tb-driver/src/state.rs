//! What is behind the lock, and who has to hear of what happens to it.

use alloc::borrow::ToOwned;
use alloc::sync::Weak;
use core::task::{Poll, Waker};
use core::time::Duration;
use std::thread::ThreadId;

use bytes::Bytes;
use tb_proto::{
    AttributeSubscription, Cause, Client as Machine, Completion, Drained, Event, Instant, LinkId,
    LinkLost, LinkRequest, PackageType, Pending, RequestId, RpcReply, RpcRequest, RpcServer,
    WhichChildren,
};

use crate::rooms::Rooms;
use crate::shared::Shared;
use crate::streams::{ChildEvent, Streams, Warning};
use crate::tickets::{Holder, Tickets};
use crate::wakes::{Wakes, replace};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) tickets: Tickets,
    pub(crate) rooms: Rooms,
    pub(crate) streams: Streams,
    pub(crate) seat: Seat,
    /// The connection that was opened last, if it is not over.
    current: Option<LinkId>,
    /// A writer of its own that waits for bytes to send.
    writer: Option<Waker>,
    /// The thread on which the driver took its last turn.
    pub(crate) driver_thread: Option<ThreadId>,
    pub(crate) linger: Duration,
    /// A disconnect has begun.
    pub(crate) disconnecting: bool,
    /// Why the last connection, or attempt to connect, ended.
    pub(crate) last_cause: Option<Cause>,
    /// What was taken out of the machine to find out whether the driver has to be woken.
    link: Option<LinkRequest>,
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

impl Seat {
    /// The waker of a driver that sleeps.
    pub(crate) fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Asleep { waker, .. } => Some(waker),
            Self::Awake | Self::Gone => None,
        }
    }
}

impl State {
    pub(crate) fn new(machine: Machine, shared: Weak<Shared>) -> Self {
        Self {
            streams: Streams::new(machine.state()),
            machine,
            tickets: Tickets::default(),
            rooms: Rooms::default(),
            seat: Seat::Awake,
            current: None,
            writer: None,
            driver_thread: None,
            linger: crate::client::DEFAULT_LINGER,
            disconnecting: false,
            last_cause: None,
            link: None,
            shared,
        }
    }

    /// What the driver has to do about connections. The machine closes one when everything that was
    /// to be sent on it has been taken.
    pub(crate) fn poll_link(&mut self, wakes: &mut Wakes) -> Option<LinkRequest> {
        if !self.has_link_request() {
            return None;
        }
        self.leave_link(wakes);
        let request = self.link.take();
        if let Some(LinkRequest::Open { link, .. }) = &request {
            self.current = Some(*link);
        }
        request
    }

    fn has_link_request(&mut self) -> bool {
        if self.link.is_none() {
            self.link = self.machine.poll_link();
        }
        self.link.is_some()
    }

    /// The next bytes for a writer that is not the driver. `None`: the connection is over. Gives back
    /// a waker that was replaced.
    pub(crate) fn poll_written(
        &mut self,
        link: LinkId,
        waker: &Waker,
    ) -> (Poll<Option<Bytes>>, Option<Waker>) {
        if self.current != Some(link) {
            return (Poll::Ready(None), None);
        }
        match self.machine.poll_transmit() {
            Some(chunk) => (Poll::Ready(Some(chunk)), None),
            None => (Poll::Pending, replace(&mut self.writer, waker)),
        }
    }

    /// `link` is lost: what was to be sent on it is worth nothing any more.
    pub(crate) fn lost(&mut self, now: Instant, link: LinkId, why: LinkLost, wakes: &mut Wakes) {
        if self.current == Some(link) {
            self.leave_link(wakes);
        }
        self.machine.handle_disconnected(now, link, why);
    }

    /// Nothing is left to do, not even to close a connection.
    pub(crate) fn is_over(&self) -> bool {
        self.machine.state() == tb_proto::State::Closed
            && self.current.is_none()
            && self.link.is_none()
    }

    /// Nothing more is accepted; what is left has until `deadline`.
    pub(crate) fn disconnect(
        &mut self,
        now: Instant,
        deadline: Instant,
        wakes: &mut Wakes,
    ) -> Pending<Drained> {
        self.disconnecting = true;
        self.rooms.close(wakes);
        self.machine.disconnect(now, deadline)
    }

    /// The connection stands; tells whether it is still wanted.
    pub(crate) fn connected(&mut self, now: Instant, link: LinkId) -> bool {
        self.machine.handle_connected(now, link);
        self.current == Some(link)
    }

    pub(crate) fn leave_link(&mut self, wakes: &mut Wakes) {
        self.current = None;
        wakes.extend(self.writer.take());
    }

    pub(crate) fn end_attributes(&mut self, now: Instant, subscription: AttributeSubscription) {
        self.machine.unsubscribe_from_attributes(now, subscription);
        self.streams.remove_attributes(subscription);
    }

    pub(crate) fn end_children(
        &mut self,
        now: Instant,
        which: WhichChildren,
        subscription: AttributeSubscription,
    ) {
        self.machine.unsubscribe_from_attributes(now, subscription);
        self.streams.remove_children(which, subscription);
    }

    pub(crate) fn unfollow_updates(
        &mut self,
        now: Instant,
        package_type: PackageType,
        wakes: &mut Wakes,
    ) {
        self.machine.unfollow_updates(now, package_type);
        wakes.extend(self.streams.followers.remove(package_type));
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
        wakes.extend(self.writer_to_wake());
        wakes.extend(self.driver_to_wake());
    }

    /// As [`settle`](Self::settle), after a message was sent: of all that could have happened that leaves
    /// little, and there are thousands of them.
    pub(crate) fn settle_sent(&mut self, now: Instant, wakes: &mut Wakes) {
        if self.machine.has_events() {
            return self.settle(now, wakes);
        }
        wakes.extend(self.writer_to_wake());
        if let Seat::Asleep {
            until, wants_chunk, ..
        } = self.seat
            && ((wants_chunk && self.machine.wants_transmit())
                || is_sooner(self.machine.send_timeout(), until))
        {
            wakes.extend(self.wake_driver());
        }
    }

    /// As [`settle`](Self::settle), but for the writer, who has just looked for bytes himself.
    pub(crate) fn settle_written(&mut self, now: Instant, wakes: &mut Wakes) {
        // Taking bytes out completes messages of QoS 0.
        self.route(now, wakes);
        wakes.extend(self.driver_to_wake());
    }

    /// Tells everybody but the driver and the writer.
    pub(crate) fn route(&mut self, now: Instant, wakes: &mut Wakes) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Completed { id, completion } => {
                    self.complete(id, completion, wakes);
                }
                Event::AttributesUpdated(update) => self.streams.attributes_updated(update, wakes),
                Event::ChildAttributesUpdated { child, update } => {
                    let gateway = self.machine.gateway();
                    let name = gateway.name(child).unwrap_or_default();
                    self.streams.child_updated(child, name, &update, wakes);
                }
                Event::RpcRequest(request) => self.take_call(now, request, wakes),
                Event::Disconnected { cause, .. } => self.last_cause = Some(cause),
                Event::Connected { .. } => {}
                Event::UpdateOffered(offer) => {
                    self.streams.followers.offered(offer, &self.shared, wakes)
                }
                Event::UpdateWithdrawn { offer } => self.streams.followers.withdrawn(offer, wakes),
                Event::DownloadAdvanced { package_type } => {
                    self.streams.followers.advanced(package_type, wakes);
                }
                event => self.tell(event, wakes),
            }
        }
        // Messages of the machine's own free room, too, and nobody hears of their end.
        self.rooms.grant(&mut self.machine, wakes);
        self.streams.state_is(self.machine.state(), wakes);
    }

    /// What belongs to no call.
    fn tell(&mut self, event: Event, wakes: &mut Wakes) {
        let gateway = self.machine.gateway();
        let name = |child| gateway.name(child).unwrap_or_default().to_owned();
        if let Some(event) = ChildEvent::from_event(&event, name) {
            self.streams.tell_of_child(&event, wakes);
        } else if let Some(warning) = Warning::from_event(event, name) {
            self.streams.warn(&warning, wakes);
        }
    }

    fn complete(&mut self, id: RequestId, completion: Completion, wakes: &mut Wakes) {
        if let Holder::Nobody(completion) = self.tickets.complete(id, completion, wakes) {
            self.unclaimed(completion, wakes);
        }
    }

    fn take_call(&mut self, now: Instant, request: RpcRequest, wakes: &mut Wakes) {
        let request_id = request.request_id();
        let child = request.child();
        let gateway = self.machine.gateway();
        let name = child.and_then(|child| gateway.name(child));
        let refused = match self.streams.rpc_taker(request.server()) {
            Some(taker) => taker.push(request, name, &self.shared, wakes),
            None => Err(request),
        };
        if let Err(request) = refused {
            self.refuse_call(now, request, RpcReply::error("the device is busy"));
            let gateway = self.machine.gateway();
            let child = child
                .and_then(|child| gateway.name(child))
                .map(str::to_owned);
            self.streams
                .warn(&Warning::RpcMissed { child, request_id }, wakes);
        }
    }

    /// The waker of a writer that waits, if there are bytes for it.
    pub(crate) fn writer_to_wake(&mut self) -> Option<Waker> {
        self.writer.take_if(|_| self.machine.wants_transmit())
    }

    /// The waker of the driver, if it sleeps and there is something for it to do.
    ///
    /// It is taken out: of a thousand messages sent while the driver wakes up only the first costs
    /// a wake-up. While the window is full or the socket blocks, none does.
    fn driver_to_wake(&mut self) -> Option<Waker> {
        let Seat::Asleep {
            until, wants_chunk, ..
        } = self.seat
        else {
            return None;
        };
        let due = (wants_chunk && self.machine.wants_transmit())
            || self.has_link_request()
            || self.is_over()
            || is_sooner(self.machine.poll_timeout(), until);
        due.then(|| self.wake_driver()).flatten()
    }

    fn wake_driver(&mut self) -> Option<Waker> {
        core::mem::replace(&mut self.seat, Seat::Awake).into_waker()
    }
}

/// Whether a deadline comes before this moment; `None` never comes.
fn is_sooner(deadline: Option<Instant>, moment: Option<Instant>) -> bool {
    match (deadline, moment) {
        (Some(deadline), Some(moment)) => deadline < moment,
        (deadline, _) => deadline.is_some(),
    }
}

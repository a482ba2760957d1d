//! What comes to the application without being asked for, each kind with its own bound.

mod attributes;
mod channel;
mod children;
mod receiver;
mod rpc;
mod warning;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use tb_proto::{
    AttributeSubscription, AttributeUpdate, ChildId, PackageType, RpcServer, State, Undelivered,
    WhichChildren,
};

pub use children::{ChildEvent, ChildUpdate};
pub use receiver::{Receiver, Recv};
pub use rpc::RpcRequest;
pub use warning::Warning;

pub(crate) use attributes::AttributeTaker;
pub(crate) use channel::Channel;
use children::ChildTakers;
pub(crate) use children::ChildrenTaker;
pub(crate) use receiver::Registration;
pub(crate) use rpc::RpcTaker;

use crate::updates::{Followers, UpdateOffer};
use crate::wakes::Wakes;

/// So many undelivered messages are kept for [`Client::undelivered`](crate::Client::undelivered).
const UNDELIVERED_MESSAGES: usize = 1_000;

/// So many bytes of payload are kept for it.
const UNDELIVERED_BYTES: usize = 1024 * 1024;

/// So many warnings, or events of children, are kept for each receiver.
const WARNINGS: usize = 100;

/// The sending ends of all streams.
#[derive(Debug)]
pub(crate) struct Streams {
    attributes: Vec<AttributeTaker>,
    children: ChildTakers,
    rpc: BTreeMap<RpcServer, RpcTaker>,
    pub(crate) followers: Followers,
    states: Vec<Arc<Channel<State>>>,
    warnings: Vec<Arc<Channel<Warning>>>,
    undelivered: Arc<Channel<Undelivered>>,
    /// How many messages wait there, and their bytes, when it was last looked at.
    undelivered_seen: (usize, usize),
    state: State,
    closed: bool,
}

impl Streams {
    pub(crate) fn new(state: State) -> Self {
        Self {
            attributes: Vec::new(),
            children: ChildTakers::default(),
            rpc: BTreeMap::new(),
            followers: Followers::default(),
            states: Vec::new(),
            warnings: Vec::new(),
            undelivered: Arc::default(),
            undelivered_seen: (0, 0),
            state,
            closed: false,
        }
    }

    pub(crate) fn add_attributes(&mut self, taker: AttributeTaker) {
        if self.admit(&taker.channel) {
            self.attributes.push(taker);
        }
    }

    pub(crate) fn add_rpc(&mut self, taker: RpcTaker) {
        if self.admit(&taker.channel) {
            self.rpc.insert(taker.server, taker);
        }
    }

    pub(crate) fn rpc_taker(&self, server: RpcServer) -> Option<&RpcTaker> {
        self.rpc.get(&server)
    }

    pub(crate) fn add_child(&mut self, child: ChildId, taker: AttributeTaker) {
        if self.admit(&taker.channel) {
            self.children.add_one(child, taker);
        }
    }

    pub(crate) fn add_children(&mut self, taker: ChildrenTaker) {
        if self.admit(&taker.channel) {
            self.children.add_all(taker);
        }
    }

    pub(crate) fn add_child_events(&mut self, channel: &Arc<Channel<ChildEvent>>) {
        if self.admit(channel) {
            self.children.add_events(channel);
        }
    }

    pub(crate) fn add_follower(
        &mut self,
        package_type: PackageType,
        offers: &Arc<Channel<UpdateOffer>>,
    ) {
        if self.admit(offers) {
            self.followers.add(package_type, Arc::clone(offers));
        }
    }

    pub(crate) fn add_states(&mut self) -> Arc<Channel<State>> {
        let channel = Arc::new(Channel::default());
        channel.update(&mut Wakes::default(), |items| items.push_back(self.state));
        if self.admit(&channel) {
            self.states.push(Arc::clone(&channel));
        }
        channel
    }

    pub(crate) fn add_warnings(&mut self) -> Arc<Channel<Warning>> {
        let channel = Arc::new(Channel::default());
        if self.admit(&channel) {
            self.warnings.push(Arc::clone(&channel));
        }
        channel
    }

    pub(crate) fn undelivered(&self) -> Arc<Channel<Undelivered>> {
        Arc::clone(&self.undelivered)
    }

    pub(crate) fn remove_attributes(&mut self, gone: AttributeSubscription) {
        self.attributes.retain(|taker| taker.subscription != gone);
    }

    pub(crate) fn remove_rpc(&mut self, gone: RpcServer) {
        self.rpc.remove(&gone);
    }

    pub(crate) fn remove_children(&mut self, which: WhichChildren, gone: AttributeSubscription) {
        self.children.remove(which, gone);
    }

    pub(crate) fn remove_child_events(&mut self, gone: &Arc<Channel<ChildEvent>>) {
        self.children.remove_events(gone);
    }

    pub(crate) fn remove_states(&mut self, gone: &Arc<Channel<State>>) {
        self.states.retain(|channel| !Arc::ptr_eq(channel, gone));
    }

    pub(crate) fn remove_warnings(&mut self, gone: &Arc<Channel<Warning>>) {
        self.warnings.retain(|channel| !Arc::ptr_eq(channel, gone));
    }

    /// Every taker gets what it asked for of `update`.
    pub(crate) fn attributes_updated(&mut self, update: AttributeUpdate, wakes: &mut Wakes) {
        let Some((last, others)) = self.attributes.split_last_mut() else {
            return;
        };
        let mut missed = 0;
        for taker in others {
            missed += taker.push(update.clone(), wakes);
        }
        missed += last.push(update, wakes);
        if missed > 0 {
            self.warn(&Warning::AttributesMissed { keys: missed }, wakes);
        }
    }

    /// Every taker gets what it asked for of an update of a child.
    pub(crate) fn child_updated(
        &mut self,
        child: ChildId,
        name: &str,
        update: &AttributeUpdate,
        wakes: &mut Wakes,
    ) {
        let missed = self.children.updated(child, name, update, wakes);
        if missed > 0 {
            self.warn(&Warning::AttributesMissed { keys: missed }, wakes);
        }
    }

    pub(crate) fn tell_of_child(&self, event: &ChildEvent, wakes: &mut Wakes) {
        self.children.tell(event, wakes);
    }

    /// The newest state replaces one that was not fetched.
    pub(crate) fn state_is(&mut self, state: State, wakes: &mut Wakes) {
        if self.state == state {
            return;
        }
        self.state = state;
        for channel in &self.states {
            channel.update(wakes, |items| {
                items.clear();
                items.push_back(state);
            });
        }
        if state == State::Closed {
            self.close(wakes);
        }
    }

    pub(crate) fn warn(&self, warning: &Warning, wakes: &mut Wakes) {
        for channel in &self.warnings {
            channel.update(wakes, |items| {
                if !items.back_mut().is_some_and(|last| last.absorbs(warning)) {
                    push_or_count(items, warning);
                }
            });
        }
    }

    /// Keeps a message for which nobody holds a ticket; the oldest ones make room.
    pub(crate) fn push_undelivered(&mut self, undelivered: Undelivered, wakes: &mut Wakes) {
        let mut lost = 0;
        let (seen, mut bytes) = self.undelivered_seen;
        self.undelivered_seen = self.undelivered.update(wakes, |items| {
            if items.len() != seen {
                bytes = items.iter().map(|item| item.payload.len()).sum();
            }
            bytes += undelivered.payload.len();
            items.push_back(undelivered);
            while items.len() > UNDELIVERED_MESSAGES || bytes > UNDELIVERED_BYTES {
                let Some(oldest) = items.pop_front() else {
                    break;
                };
                bytes = bytes.saturating_sub(oldest.payload.len());
                lost += 1;
            }
            (items.len(), bytes)
        });
        if lost > 0 {
            self.warn(&Warning::UndeliveredLost { messages: lost }, wakes);
        }
    }

    /// Nothing will come any more; what is there can still be fetched.
    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        for taker in self.attributes.drain(..) {
            taker.channel.close(wakes);
        }
        for taker in core::mem::take(&mut self.rpc).into_values() {
            taker.channel.close(wakes);
        }
        self.children.close(wakes);
        self.followers.close(wakes);
        for channel in self.states.drain(..) {
            channel.close(wakes);
        }
        for channel in self.warnings.drain(..) {
            channel.close(wakes);
        }
        self.undelivered.close(wakes);
    }

    /// A stream that begins after the end is closed at once.
    fn admit<T>(&self, channel: &Channel<T>) -> bool {
        if self.closed {
            channel.close(&mut Wakes::default());
        }
        !self.closed
    }
}

/// Items of which the first hundred wait, and behind them how many are missing.
trait MostWaiting: Clone {
    /// The count, if this is it.
    fn missed(&mut self) -> Option<&mut usize>;

    fn one_missed() -> Self;
}

fn push_or_count<T: MostWaiting>(items: &mut VecDeque<T>, item: &T) {
    if items.len() < WARNINGS {
        items.push_back(item.clone());
    } else if let Some(missed) = items.back_mut().and_then(T::missed) {
        *missed += 1;
    } else {
        items.push_back(T::one_missed());
    }
}

#[cfg(test)]
mod tests {
    use core::task::{Context, Poll, Waker};

    use tb_proto::{
        Client, Completion, Config, Credentials, Event, Instant, ProtocolVersion, Telemetry,
    };

    use super::*;

    fn all<T>(channel: &Channel<T>) -> Vec<T> {
        let next = || channel.poll(0, &Context::from_waker(Waker::noop()));
        core::iter::from_fn(|| match next() {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        })
        .collect()
    }

    /// An undelivered message with so many bytes of payload.
    fn undelivered(bytes: usize) -> Undelivered {
        let config = Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t"));
        let now = Instant::from_micros(0);
        let mut machine = Client::new(config.stamp(false), now, 0).unwrap();
        let text = format!(r#"{{"k":"{}"}}"#, "x".repeat(bytes - 8));
        let pending = machine.send(now, Telemetry::json(text)).unwrap();
        assert!(machine.cancel(now, pending.id()));
        loop {
            match machine.poll_event() {
                Some(Event::Completed {
                    completion: Completion::Delivery(Err(undelivered)),
                    ..
                }) => return *undelivered,
                Some(_) => {}
                None => panic!("a message that was taken back ends"),
            }
        }
    }

    #[test]
    fn warnings_that_nobody_reads_are_bounded_and_the_last_says_how_many_are_missing() {
        let mut streams = Streams::new(State::Connecting);
        let channel = streams.add_warnings();
        for request_id in 0..1_000 {
            let missed = Warning::RpcMissed {
                child: None,
                request_id,
            };
            streams.warn(&missed, &mut Wakes::default());
        }
        let warnings = all(&channel);
        assert_eq!(warnings.len(), WARNINGS + 1);
        assert_eq!(
            warnings.first(),
            Some(&Warning::RpcMissed {
                child: None,
                request_id: 0
            })
        );
        assert_eq!(warnings.last(), Some(&Warning::Missed { warnings: 900 }));
    }

    #[test]
    fn undelivered_messages_are_bounded_in_number_and_bytes_and_the_lost_are_counted() {
        let mut streams = Streams::new(State::Connecting);
        let warnings = streams.add_warnings();
        let (small, large) = (undelivered(100), undelivered(60_000));
        for _ in 0..UNDELIVERED_MESSAGES + 5 {
            streams.push_undelivered(small.clone(), &mut Wakes::default());
        }
        assert_eq!(streams.undelivered().len(), UNDELIVERED_MESSAGES);
        for _ in 0..100 {
            streams.push_undelivered(large.clone(), &mut Wakes::default());
        }
        let kept = all(&streams.undelivered());
        let bytes: usize = kept.iter().map(|message| message.payload.len()).sum();
        assert!(bytes <= UNDELIVERED_BYTES && bytes > UNDELIVERED_BYTES - 60_000);
        let messages = UNDELIVERED_MESSAGES + 105 - kept.len();
        assert_eq!(all(&warnings), [Warning::UndeliveredLost { messages }]);
        // What was fetched makes room.
        streams.push_undelivered(large, &mut Wakes::default());
        assert_eq!(streams.undelivered().len(), 1);
    }

    #[test]
    fn of_states_that_were_not_fetched_the_newest_is_told() {
        let mut streams = Streams::new(State::Connecting);
        let channel = streams.add_states();
        let connected = State::Connected {
            version: ProtocolVersion::V5,
        };
        streams.state_is(connected, &mut Wakes::default());
        assert_eq!(all(&channel), [connected]);
        streams.state_is(connected, &mut Wakes::default());
        assert_eq!(all(&channel), []);
    }
}

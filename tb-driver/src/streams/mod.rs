//! What comes to the application without being asked for, each kind with its own bound.

mod attributes;
mod channel;
mod receiver;
mod rpc;
mod warning;

use alloc::sync::Arc;
use alloc::vec::Vec;

use tb_proto::{AttributeSubscription, AttributeUpdate, RpcServer, State, Undelivered};

pub use receiver::{Receiver, Recv};
pub use rpc::RpcRequest;
pub use warning::Warning;

pub(crate) use attributes::AttributeTaker;
pub(crate) use channel::Channel;
pub(crate) use receiver::Registration;
pub(crate) use rpc::RpcTaker;

use crate::wakes::Wakes;

/// So many undelivered messages are kept for [`Client::undelivered`](crate::Client::undelivered).
const UNDELIVERED_MESSAGES: usize = 1_000;

/// So many bytes of payload are kept for it.
const UNDELIVERED_BYTES: usize = 1024 * 1024;

/// So many warnings are kept for each receiver.
const WARNINGS: usize = 100;

/// The sending ends of all streams.
#[derive(Debug)]
pub(crate) struct Streams {
    attributes: Vec<AttributeTaker>,
    pub(crate) rpc: Vec<RpcTaker>,
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
            rpc: Vec::new(),
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
            self.rpc.push(taker);
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
        self.rpc.retain(|taker| taker.server != gone);
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
                let full = items.len() >= WARNINGS;
                match items.back_mut() {
                    Some(Warning::Missed { warnings }) if full => *warnings += 1,
                    _ if full => items.push_back(Warning::Missed { warnings: 1 }),
                    _ => items.push_back(warning.clone()),
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
        for taker in self.rpc.drain(..) {
            taker.channel.close(wakes);
        }
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

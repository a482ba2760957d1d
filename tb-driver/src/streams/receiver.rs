//! The receiving end of every stream.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use futures_core::Stream;
use tb_proto::{AttributeSubscription, PackageType, RpcServer, State, WhichChildren};

use super::{Channel, ChildEvent, Warning};
use crate::error::RecvError;
use crate::park::{self, Interrupted};
use crate::shared::Shared;

/// A stream of things that come without being asked for: attribute updates, RPC calls, states, …
///
/// How many items wait, and what happens to the rest, is said by the method of
/// [`Client`](crate::Client) that made it. Dropping it ends the interest.
///
/// It does not keep the client alive: when the last [`Client`](crate::Client) is dropped, or the
/// client was disconnected, the stream ends after the items that are already in it.
#[must_use = "dropping a receiver ends the interest"]
pub struct Receiver<T> {
    shared: Arc<Shared>,
    channel: Arc<Channel<T>>,
    key: u64,
    registration: Registration,
}

/// What has to be undone when a receiver is dropped.
#[derive(Debug)]
pub(crate) enum Registration {
    Attributes(AttributeSubscription),
    Children(WhichChildren, AttributeSubscription),
    ChildEvents(Arc<Channel<ChildEvent>>),
    Rpc(RpcServer),
    Updates(PackageType),
    States(Arc<Channel<State>>),
    Warnings(Arc<Channel<Warning>>),
    /// The stream is there whether anybody receives or not.
    None,
}

impl<T> Receiver<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        channel: Arc<Channel<T>>,
        registration: Registration,
    ) -> Self {
        let key = channel.join();
        Self {
            shared,
            channel,
            key,
            registration,
        }
    }

    /// The next item; `None` when the client is shut down and nothing is left.
    ///
    /// Cancel safe: an item is taken when the future is ready and not before, so a dropped future
    /// takes nothing with it.
    pub const fn recv(&mut self) -> Recv<'_, T> {
        Recv {
            receiver: self,
            waiting: false,
        }
    }

    /// The next item if there is one already.
    pub fn try_recv(&mut self) -> Option<T> {
        match self
            .channel
            .poll(self.key, &Context::from_waker(Waker::noop()))
        {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        }
    }

    /// Blocks this thread until there is an item.
    ///
    /// # Errors
    /// [`RecvError::Closed`] when the client is shut down and nothing is left;
    /// [`RecvError::OnDriverThread`].
    pub fn recv_wait(&mut self) -> Result<T, RecvError> {
        self.wait(None)
    }

    /// Blocks this thread until there is an item, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] and those of [`recv_wait`](Self::recv_wait).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvError> {
        self.wait(Some(timeout))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<T, RecvError> {
        let shared = Arc::clone(&self.shared);
        match park::wait(&shared, &mut self.recv(), timeout) {
            Ok(item) => item.ok_or(RecvError::Closed),
            Err(Interrupted::TimedOut) => Err(RecvError::TimedOut),
            Err(Interrupted::OnDriverThread) => Err(RecvError::OnDriverThread),
        }
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.channel.poll(self.key, cx)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.channel.leave(self.key));
        match core::mem::replace(&mut self.registration, Registration::None) {
            Registration::Attributes(subscription) => {
                self.shared
                    .with(|state, now| state.end_attributes(now, subscription));
            }
            Registration::Children(which, subscription) => {
                self.shared
                    .with(|state, now| state.end_children(now, which, subscription));
            }
            Registration::ChildEvents(channel) => {
                self.shared
                    .with(|state, _| state.streams.remove_child_events(&channel));
            }
            Registration::Rpc(server) => {
                self.shared.with(|state, now| state.end_rpc(now, server));
                // Those that were not fetched were answered with the line above.
                drop(self.channel.drain());
            }
            Registration::Updates(package_type) => {
                self.shared.with_wakes(|state, now, wakes| {
                    state.unfollow_updates(now, package_type, wakes);
                });
                // An offer holds a reference to what was just unlocked.
                drop(self.channel.drain());
            }
            Registration::States(channel) => {
                self.shared
                    .with(|state, _| state.streams.remove_states(&channel));
            }
            Registration::Warnings(channel) => {
                self.shared
                    .with(|state, _| state.streams.remove_warnings(&channel));
            }
            Registration::None => {}
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("waiting", &self.channel.len())
            .finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    waiting: bool,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = self.receiver.channel.poll(self.receiver.key, cx);
        self.waiting = polled.is_pending();
        polled
    }
}

impl<T> Drop for Recv<'_, T> {
    fn drop(&mut self) {
        if self.waiting {
            drop(self.receiver.channel.forget_waker(self.receiver.key));
        }
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

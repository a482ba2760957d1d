//! Tickets: what a call gives for an outcome that comes later.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tb_proto::{
    Answer, AttributeValues, Completion, Delivered, Drained, Flushed, Pending, RequestError,
    RequestId, RpcResponse,
};

use crate::error::{DeliveryError, WaitError};
use crate::park::{self, Interrupted};
use crate::shared::Shared;
use crate::state::State;
use crate::tickets::Slot;
use crate::wakes::Wakes;

/// The ticket of an accepted message: a future of its outcome, for tasks and for threads.
///
/// Dropping it does not take the message back. If nobody holds the ticket and the message ends
/// undelivered, it goes to [`Client::undelivered`](crate::Client::undelivered).
///
/// Cancel safe. Polled again after it was ready, it stays pending.
pub struct Delivery {
    ticket: Ticket,
}

/// The ticket of a request: a future of its answer, for tasks and for threads.
///
/// Dropping it gives the answer up. (A [`Drained`] is the exception: a disconnect that has begun goes on.)
///
/// Cancel safe. Polled again after it was ready, it stays pending.
#[must_use = "dropping it gives the answer up"]
pub struct Reply<T: Request> {
    ticket: Ticket,
    answer: PhantomData<fn() -> T>,
}

/// What can be requested; [`Answer`] can be implemented by no other crate.
pub trait Request: Answer {
    /// How it ends when the client's own code panicked.
    #[doc(hidden)]
    fn panicked() -> Result<Self, Self::Error>;

    /// Whether nobody needs the answer when the ticket is gone.
    #[doc(hidden)]
    const ENDS_WITH_TICKET: bool;
}

impl Request for AttributeValues {
    fn panicked() -> Result<Self, RequestError> {
        Err(RequestError::Abandoned)
    }

    const ENDS_WITH_TICKET: bool = true;
}

impl Request for RpcResponse {
    fn panicked() -> Result<Self, RequestError> {
        Err(RequestError::Abandoned)
    }

    const ENDS_WITH_TICKET: bool = true;
}

impl Request for Flushed {
    fn panicked() -> Result<Self, Infallible> {
        Ok(Self::default())
    }

    const ENDS_WITH_TICKET: bool = false;
}

impl Request for Drained {
    fn panicked() -> Result<Self, Infallible> {
        Ok(Self {
            delivered: 0,
            abandoned: 0,
        })
    }

    const ENDS_WITH_TICKET: bool = false;
}

impl Delivery {
    pub(crate) const fn new(shared: Arc<Shared>, pending: Pending<Delivered>) -> Self {
        Self {
            ticket: Ticket::new(shared, pending.id()),
        }
    }

    /// Takes the message back if it was not written yet: then it ends as *cancelled*, with its
    /// payload, and the answer is `true`.
    pub fn cancel(&self) -> bool {
        self.ticket.cancel()
    }

    /// Blocks this thread until the message has its outcome, connected or not.
    ///
    /// # Errors
    /// [`WaitError::Over`] with the outcome; [`WaitError::OnDriverThread`].
    pub fn wait(mut self) -> Result<Delivered, WaitError<Self, DeliveryError>> {
        let interrupted = match park::wait(&self.shared(), &mut self, None) {
            Ok(outcome) => return outcome.map_err(WaitError::Over),
            Err(interrupted) => interrupted,
        };
        Err(interrupted.with(self))
    }

    /// Blocks this thread until the message has its outcome, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] gives the ticket back: the message is still on its way. And those of
    /// [`wait`](Self::wait).
    pub fn wait_timeout(
        mut self,
        timeout: Duration,
    ) -> Result<Delivered, WaitError<Self, DeliveryError>> {
        let interrupted = match park::wait(&self.shared(), &mut self, Some(timeout)) {
            Ok(outcome) => return outcome.map_err(WaitError::Over),
            Err(interrupted) => interrupted,
        };
        Err(interrupted.with(self))
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.ticket.shared)
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, DeliveryError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.ticket.poll(cx).map(|completion| {
            match completion.and_then(Delivered::from_completion) {
                Some(outcome) => outcome.map_err(DeliveryError::Undelivered),
                None => Err(DeliveryError::Panicked),
            }
        })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut state = self.ticket.shared.waiters();
        match self.ticket.close(&mut state) {
            Some(Slot::Over(completion)) => {
                let mut wakes = Wakes::default();
                state.unclaimed(completion, &mut wakes);
                drop(state);
                wakes.wake();
            }
            waiting => {
                drop(state);
                drop(waiting);
            }
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({:?})", self.ticket.id)
    }
}

impl<T: Request> Reply<T> {
    pub(crate) const fn new(shared: Arc<Shared>, pending: Pending<T>) -> Self {
        Self {
            ticket: Ticket::new(shared, pending.id()),
            answer: PhantomData,
        }
    }

    /// One that has ended without an answer.
    pub(crate) const fn settled(shared: Arc<Shared>) -> Self {
        Self {
            ticket: Ticket {
                shared,
                id: None,
                taken: false,
            },
            answer: PhantomData,
        }
    }

    /// Blocks this thread until the answer, an error or the deadline of the request comes.
    ///
    /// # Errors
    /// [`WaitError::Over`] with the error of the request; [`WaitError::OnDriverThread`].
    pub fn wait(mut self) -> Result<T, WaitError<Self, T::Error>> {
        let shared = Arc::clone(&self.ticket.shared);
        let interrupted = match park::wait(&shared, &mut self, None) {
            Ok(outcome) => return outcome.map_err(WaitError::Over),
            Err(interrupted) => interrupted,
        };
        Err(interrupted.with(self))
    }

    /// Blocks this thread until the answer comes, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] gives the ticket back: the answer may still come. And those of
    /// [`wait`](Self::wait).
    pub fn wait_timeout(mut self, timeout: Duration) -> Result<T, WaitError<Self, T::Error>> {
        let shared = Arc::clone(&self.ticket.shared);
        let interrupted = match park::wait(&shared, &mut self, Some(timeout)) {
            Ok(outcome) => return outcome.map_err(WaitError::Over),
            Err(interrupted) => interrupted,
        };
        Err(interrupted.with(self))
    }
}

impl<T: Request> Future for Reply<T> {
    type Output = Result<T, T::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.ticket.poll(cx).map(|completion| {
            completion
                .and_then(T::from_completion)
                .unwrap_or_else(T::panicked)
        })
    }
}

impl<T: Request> Drop for Reply<T> {
    fn drop(&mut self) {
        let closed = self.ticket.close(&mut self.ticket.shared.waiters());
        let given_up = matches!(closed, Some(Slot::Waiting(_))) && T::ENDS_WITH_TICKET;
        drop(closed);
        if given_up {
            self.ticket.cancel();
        }
    }
}

impl<T: Request> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({:?})", self.ticket.id)
    }
}

struct Ticket {
    shared: Arc<Shared>,
    /// `None`: nothing will ever come.
    id: Option<RequestId>,
    /// The outcome was handed out.
    taken: bool,
}

impl Ticket {
    const fn new(shared: Arc<Shared>, id: RequestId) -> Self {
        Self {
            shared,
            id: Some(id),
            taken: false,
        }
    }

    /// `None`: there will never be an outcome.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Completion>> {
        if self.taken {
            return Poll::Pending;
        }
        let Some(id) = self.id else {
            self.taken = true;
            return Poll::Ready(None);
        };
        let (polled, replaced) = self.shared.waiters().tickets.poll(id, cx.waker());
        drop(replaced);
        self.taken = polled.is_ready();
        polled
    }

    fn cancel(&self) -> bool {
        let Some(id) = self.id else { return false };
        self.shared
            .with(|state, now| state.machine.cancel(now, id))
            .unwrap_or(false)
    }

    /// Closes it, if the outcome was not handed out. Gives back what was kept for it, to be dropped
    /// without the lock.
    fn close(&self, state: &mut State) -> Option<Slot> {
        state.tickets.close(self.id.filter(|_| !self.taken)?)
    }
}

impl Interrupted {
    pub(crate) fn with<T, E>(self, ticket: T) -> WaitError<T, E> {
        match self {
            Self::TimedOut => WaitError::TimedOut(ticket),
            Self::OnDriverThread => WaitError::OnDriverThread(ticket),
        }
    }
}

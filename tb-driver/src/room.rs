//! Waiting for room in the queue.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tb_proto::{Message, Refused, Room};

use crate::error::{RoomError, WaitError};
use crate::park::{self, Interrupted};
use crate::rooms::RoomKey;
use crate::shared::Shared;
use crate::ticket::Delivery;

/// A place in the line of those who wait for room: a future of a [`Permit`], for tasks and for threads.
///
/// First come, first served. Dropping it leaves the line. Cancel safe; polled again after it was
/// ready, it stays pending.
#[must_use = "dropping it leaves the line"]
pub struct RoomRequest {
    shared: Arc<Shared>,
    place: Place,
}

enum Place {
    Settled(Result<Room, RoomError>),
    InLine(RoomKey),
    Taken,
}

impl RoomRequest {
    pub(crate) fn new(shared: Arc<Shared>, bytes: usize) -> Self {
        let requested = shared.with(|state, _| state.rooms.request(&mut state.machine, bytes));
        let place = match requested {
            Some(Ok(Ok(room))) => Place::Settled(Ok(room)),
            Some(Ok(Err(key))) => Place::InLine(key),
            Some(Err(error)) => Place::Settled(Err(error)),
            None => Place::Settled(Err(RoomError::Closed)),
        };
        Self { shared, place }
    }

    /// Blocks this thread until there is room.
    ///
    /// # Errors
    /// [`WaitError::Over`] if there will never be room; [`WaitError::OnDriverThread`].
    pub fn wait(mut self) -> Result<Permit, WaitError<Self, RoomError>> {
        let shared = Arc::clone(&self.shared);
        match park::wait(&shared, &mut self, None) {
            Ok(outcome) => outcome.map_err(WaitError::Over),
            Err(interrupted) => Err(self.interrupted(interrupted)),
        }
    }

    /// Blocks this thread until there is room, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] gives the place in the line back. And those of [`wait`](Self::wait).
    pub fn wait_timeout(mut self, timeout: Duration) -> Result<Permit, WaitError<Self, RoomError>> {
        let shared = Arc::clone(&self.shared);
        match park::wait(&shared, &mut self, Some(timeout)) {
            Ok(outcome) => outcome.map_err(WaitError::Over),
            Err(interrupted) => Err(self.interrupted(interrupted)),
        }
    }

    fn interrupted(self, interrupted: Interrupted) -> WaitError<Self, RoomError> {
        match interrupted {
            Interrupted::TimedOut => WaitError::TimedOut(self),
            Interrupted::OnDriverThread => WaitError::OnDriverThread(self),
        }
    }
}

impl Future for RoomRequest {
    type Output = Result<Permit, RoomError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match core::mem::replace(&mut self.place, Place::Taken) {
            Place::Settled(outcome) => outcome,
            Place::InLine(key) => {
                let (polled, replaced) = self.shared.waiters().rooms.poll(key, cx.waker());
                drop(replaced);
                match polled {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => {
                        self.place = Place::InLine(key);
                        return Poll::Pending;
                    }
                }
            }
            Place::Taken => return Poll::Pending,
        };
        Poll::Ready(outcome.map(|room| Permit {
            shared: Arc::clone(&self.shared),
            room: Some(room),
        }))
    }
}

impl Drop for RoomRequest {
    fn drop(&mut self) {
        match core::mem::replace(&mut self.place, Place::Taken) {
            Place::InLine(key) => {
                let waker = self
                    .shared
                    .with(|state, _| state.rooms.forget(&mut state.machine, key));
                drop(waker);
            }
            Place::Settled(Ok(room)) => give_back(&self.shared, room),
            Place::Settled(Err(_)) | Place::Taken => {}
        }
    }
}

impl fmt::Debug for RoomRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRequest").finish_non_exhaustive()
    }
}

/// Room for one message in the queue, held until it is used or dropped.
#[must_use = "dropping it gives the room back"]
pub struct Permit {
    shared: Arc<Shared>,
    /// `None` once it was used.
    room: Option<Room>,
}

impl Permit {
    /// Sends a message into the room.
    ///
    /// # Errors
    /// As [`Client::send`](crate::Client::send). The queue is not full for a message of the size
    /// that was asked for; a larger one may be refused.
    pub fn send(mut self, message: impl Into<Message>) -> Result<Delivery, Refused<Message>> {
        // Serialised here: code of the application never runs under the lock.
        let message = message.into();
        let room = self.room.take();
        let shared = Arc::clone(&self.shared);
        let pending = shared.open(message, |state, now, message| match room {
            Some(room) => {
                state.rooms.used();
                state.machine.send_into(now, room, message)
            }
            // It was given back: the room is that of everybody.
            None => state.machine.send(now, message),
        })?;
        Ok(Delivery::new(shared, pending))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            give_back(&self.shared, room);
        }
    }
}

fn give_back(shared: &Shared, room: Room) {
    shared.with(|state, _| {
        state.rooms.release(&mut state.machine, room);
    });
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

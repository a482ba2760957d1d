//! The one lock: the machine and everybody who waits for it.
//!
//! Three rules keep it harmless. It is held for microseconds. Under it there is no I/O, no code of
//! the application and no wake-up. And the driver sleeps only after it has seen, under the lock,
//! that there is nothing to do; whoever changes that takes the driver's waker along.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tb_proto::{Client as Machine, Delivered, Instant, Message, Pending, Refused, RefusedReason};

use crate::clock::Clock;
use crate::state::{Seat, State};
use crate::wakes::Wakes;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, machine: Machine) -> Arc<Self> {
        Arc::new_cyclic(|shared| Self {
            clock,
            state: Mutex::new(State::new(machine, Weak::clone(shared))),
        })
    }

    /// Does something with the machine, tells everybody what came of it, and wakes the driver if
    /// there is something for it to do. `None`: a panic has left the machine unusable.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State, Instant) -> R) -> Option<R> {
        self.with_wakes(|state, now, _| act(state, now))
    }

    /// As [`with`](Self::with), for what has somebody to wake by itself.
    pub(crate) fn with_wakes<R>(
        &self,
        act: impl FnOnce(&mut State, Instant, &mut Wakes) -> R,
    ) -> Option<R> {
        let now = self.clock.now();
        self.locked(|state, wakes| {
            let result = act(state, now, wakes);
            state.settle(now, wakes);
            result
        })
    }

    /// As [`with_wakes`](Self::with_wakes), for the driver and its writer, who tell by themselves
    /// what came of it: they shall not wake themselves.
    pub(crate) fn locked<R>(&self, act: impl FnOnce(&mut State, &mut Wakes) -> R) -> Option<R> {
        let _bell = Bell(self);
        let mut wakes = Wakes::default();
        let mut state = self.state.lock().ok()?;
        let result = act(&mut state, &mut wakes);
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
        self.open_and(item, call, State::settle)
    }

    /// As [`open`](Self::open), for a message of the device itself.
    pub(crate) fn send(&self, message: Message) -> Result<Pending<Delivered>, Refused<Message>> {
        let send = |state: &mut State, now, message| state.machine.send(now, message);
        self.open_and(message, send, State::settle_sent)
    }

    fn open_and<T, I>(
        &self,
        item: I,
        call: impl FnOnce(&mut State, Instant, I) -> Result<Pending<T>, Refused<I>>,
        settle: impl FnOnce(&mut State, Instant, &mut Wakes),
    ) -> Result<Pending<T>, Refused<I>> {
        let now = self.clock.now();
        let _bell = Bell(self);
        let mut wakes = Wakes::default();
        let Ok(mut state) = self.state.lock() else {
            return Err(Refused {
                item: Box::new(item),
                reason: RefusedReason::Closed,
            });
        };
        let result = call(&mut state, now, item);
        if let Ok(pending) = &result {
            state.tickets.open(pending.id());
        }
        settle(&mut state, now, &mut wakes);
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

    #[cfg(test)]
    pub(crate) fn is_locked(&self) -> bool {
        matches!(
            self.state.try_lock(),
            Err(std::sync::TryLockError::WouldBlock)
        )
    }

    /// Ends everything: there is no driver any more.
    pub(crate) fn end(&self) {
        self.with_wakes(|state, now, wakes| {
            // The deadline is now: every message ends as abandoned, with its payload.
            let _ = state.disconnect(now, now, wakes);
            state.machine.handle_timeout(now);
            while state.machine.poll_transmit().is_some() || state.machine.poll_link().is_some() {}
        });
        self.ring();
    }

    /// Nobody will get anything any more: tells everybody who waits.
    fn ring(&self) {
        let mut wakes = Wakes::default();
        let mut state = self.waiters();
        wakes.extend(core::mem::replace(&mut state.seat, Seat::Gone).into_waker());
        state.leave_link(&mut wakes);
        state.tickets.abandon(&mut wakes);
        state.rooms.close(&mut wakes);
        state.streams.close(&mut wakes);
        drop(state);
        wakes.wake();
    }
}

/// Rings when a panic unwinds through a call: the machine may be broken, nobody may wait for it.
struct Bell<'a>(&'a Shared);

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        if thread::panicking() && self.0.is_poisoned() {
            self.0.ring();
        }
    }
}

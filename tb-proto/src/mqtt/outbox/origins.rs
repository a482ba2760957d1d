//! Others on whose behalf messages are sent: the children of a gateway.
//!
//! ```text
//!   closed ──opened on this connection──▶ open
//!      ▲                                    │ the connection ended, or a message closed it
//!      └────────────────────────────────────┘
//! ```
//!
//! A message of an origin that is closed is held when its turn comes; nothing else waits for it.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::list::List;
use crate::time::Instant;

/// One of those on whose behalf messages are sent; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin(NonZeroU32);

impl Origin {
    /// Its place among all, counted from 0.
    pub(crate) const fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The origin at this place.
    pub(crate) fn at(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(Self)
    }
}

#[derive(Debug)]
pub(super) struct State {
    /// What its payloads begin with.
    name: Vec<u8>,
    /// The connection on which it is open.
    open_on: Option<NonZeroU32>,
    pub(super) held: List,
    /// Messages without outcome.
    pub(super) queued: u32,
    /// When a message of it was last written.
    pub(super) last_written: Instant,
}

#[derive(Debug)]
pub(super) struct Origins {
    states: Vec<State>,
    name_bytes: usize,
    /// Counts connections.
    connection: NonZeroU32,
    /// How many are open.
    open: u64,
    /// How many may have been open at the server when connections ended, since somebody asked.
    closed: u64,
}

impl Origins {
    pub(super) const fn new() -> Self {
        Self {
            states: Vec::new(),
            name_bytes: 0,
            connection: NonZeroU32::MIN,
            open: 0,
            closed: 0,
        }
    }

    /// Adds one. `None` when there are four thousand million already.
    pub(super) fn add(&mut self, name: Vec<u8>) -> Option<Origin> {
        let origin = Origin::at(self.states.len())?;
        self.name_bytes += name.capacity();
        self.states.push(State {
            name,
            open_on: None,
            held: List::EMPTY,
            queued: 0,
            last_written: Instant::default(),
        });
        Some(origin)
    }

    pub(super) fn get(&self, origin: Origin) -> Option<&State> {
        self.states.get(origin.index())
    }

    pub(super) fn get_mut(&mut self, origin: Origin) -> Option<&mut State> {
        self.states.get_mut(origin.index())
    }

    pub(super) fn name(&self, origin: Origin) -> &[u8] {
        self.get(origin).map_or(&[], |state| state.name.as_slice())
    }

    pub(super) fn rename(&mut self, origin: Origin, name: Vec<u8>) {
        if let Some(state) = self.get_mut(origin) {
            let before = core::mem::replace(&mut state.name, name);
            let after = state.name.capacity();
            self.name_bytes = self.name_bytes + after - before.capacity();
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.states.capacity() * size_of::<State>() + self.name_bytes
    }

    pub(super) fn is_open(&self, origin: Origin) -> bool {
        self.get(origin)
            .is_some_and(|state| state.open_on == Some(self.connection))
    }

    pub(super) fn open(&mut self, origin: Origin) {
        let connection = self.connection;
        if !self.is_open(origin)
            && let Some(state) = self.get_mut(origin)
        {
            state.open_on = Some(connection);
            self.open += 1;
        }
    }

    pub(super) fn close(&mut self, origin: Origin) {
        if self.is_open(origin)
            && let Some(state) = self.get_mut(origin)
        {
            state.open_on = None;
            self.open = self.open.saturating_sub(1);
        }
    }

    /// The connection has ended, and with it everything that was open. So many more may have been open
    /// at the server.
    pub(super) fn close_all(&mut self, opening: u64) {
        self.connection = self.connection.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let open = core::mem::take(&mut self.open).saturating_add(opening);
        self.closed = self.closed.saturating_add(open);
    }

    /// How many may have been open when connections ended. It is told once.
    pub(super) const fn take_closed(&mut self) -> u64 {
        core::mem::replace(&mut self.closed, 0)
    }

    /// A message was added or has ended.
    pub(super) fn count(&mut self, origin: Option<Origin>, queued: i32) {
        if let Some(state) = origin.and_then(|origin| self.get_mut(origin)) {
            state.queued = state.queued.saturating_add_signed(queued);
        }
    }
}

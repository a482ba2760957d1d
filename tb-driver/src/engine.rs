//! The turns that a driver takes, without any I/O: adapters that cannot use [`Driver`](crate::Driver)
//! are built of this.

use alloc::sync::Arc;
use core::hash::{BuildHasher, Hasher};
use core::task::{Context, Poll, Waker};
use std::hash::RandomState;
use std::time::Instant;

use bytes::Bytes;
use tb_proto::{Client as Machine, Config, LinkId, LinkLost, LinkRequest};

use crate::client::Client;
use crate::clock::{Clock, WallClock};
use crate::connect::ConnectError;
use crate::error::StartError;
use crate::log;
use crate::park;
use crate::shared::Shared;
use crate::state::Seat;

/// So many bytes go into the machine under one lock: some thousands of acknowledgements. Those who
/// send meanwhile get their turn, and outcomes are passed on before too many of them pile up.
const INPUT_AT_ONCE: usize = 16 * 1024;

/// The driver's side of one client: hands out what has to be done, takes what was done.
///
/// It does no I/O and knows no runtime. Whoever owns it takes [`turn`](Self::turn) after turn, does
/// what the turn says, and reports what the transport does through [`Wire`], from this thread or
/// another. [`Driver`](crate::Driver) is that for asynchronous streams.
///
/// Dropping it ends everything: what was accepted ends as *abandoned*, with its payload.
#[derive(Debug)]
pub struct Engine {
    wire: Wire,
    wall_clock: WallClock,
}

/// Where a transport reports what happens to a connection. Reports about a connection that is over
/// are ignored.
#[derive(Clone, Debug)]
pub struct Wire {
    shared: Arc<Shared>,
}

/// What a driver has to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Turn {
    /// Do what is in it, read what can be read, then take the next turn.
    Work {
        /// A connection to open or to close. Bytes that were handed out before go to a connection
        /// before it is closed, as far as that does not block.
        link: Option<LinkRequest>,
        /// Bytes to send on the connection that was opened last, behind those handed out before.
        chunk: Option<Bytes>,
    },
    /// There is nothing to do until the waker is woken, something can be read or written, or this
    /// moment has come.
    Sleep {
        /// `None`: no deadline.
        until: Option<Instant>,
    },
    /// The client has ended; there is nothing to do any more.
    Done,
}

/// What a driver can do with a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// It has nothing left to write: it wants the next chunk.
    pub wants_chunk: bool,
    /// It has done everything that can be done without waiting: it would sleep.
    pub would_sleep: bool,
}

impl Engine {
    /// A client and the engine that has to be driven for it. It wants to connect at once.
    ///
    /// # Errors
    /// [`StartError::Config`].
    pub fn new(config: Config) -> Result<(Client, Self), StartError> {
        let clock = Clock::start();
        // Two devices that lost the same server must not come back in the same instant; the hasher
        // of the standard library takes its keys from the system's randomness.
        let seed = RandomState::new().build_hasher().finish();
        let machine = Machine::new(config, clock.now(), seed)?;
        let shared = Shared::new(clock, machine);
        let wire = Wire {
            shared: Arc::clone(&shared),
        };
        Ok((
            Client::new(shared),
            Self {
                wire,
                wall_clock: WallClock::default(),
            },
        ))
    }

    /// Takes a turn. `waker` is woken when there is something to do after a [`Turn::Sleep`].
    pub fn turn(&mut self, waker: &Waker, readiness: Readiness) -> Turn {
        let shared = &self.wire.shared;
        let now = shared.clock.now();
        let wall = self.wall_clock.due(now);
        let next_look = self.wall_clock.next_look();
        let turn = shared.locked(|state, wakes| {
            // Calls made from here on are seen by the next turn.
            let mut asleep = core::mem::replace(&mut state.seat, Seat::Awake).into_waker();
            state.driver_thread = Some(park::this_thread());
            if let Some(unix_ms) = wall {
                state.machine.set_wall_clock(now, unix_ms);
            }
            if state
                .machine
                .poll_timeout()
                .is_some_and(|deadline| deadline <= now)
            {
                state.machine.handle_timeout(now);
            }
            // Everybody hears of it before more is asked for: answers make output.
            state.route(now, wakes);
            wakes.extend(state.writer_to_wake());
            let mut chunk = None;
            if readiness.wants_chunk && state.machine.wants_transmit() {
                chunk = state.machine.poll_transmit();
                // Taking bytes out completes messages of QoS 0.
                state.route(now, wakes);
            }
            let link = state.poll_link(wakes);
            let turn = if link.is_some() || chunk.is_some() || !readiness.would_sleep {
                Turn::Work { link, chunk }
            } else if state.is_over() {
                Turn::Done
            } else {
                let until = [state.machine.poll_timeout(), next_look]
                    .into_iter()
                    .flatten()
                    .min();
                state.seat = Seat::Asleep {
                    waker: asleep
                        .take_if(|stored| stored.will_wake(waker))
                        .unwrap_or_else(|| waker.clone()),
                    until,
                    wants_chunk: readiness.wants_chunk,
                };
                Turn::Sleep {
                    until: until.map(|until| shared.clock.to_std(until)),
                }
            };
            (turn, asleep)
        });
        match turn {
            Some((turn, replaced)) => {
                // A waker is dropped without the lock.
                drop(replaced);
                match &turn {
                    Turn::Work {
                        link: Some(request),
                        ..
                    } => log::asked(request),
                    Turn::Done => shared.end(),
                    Turn::Work { link: None, .. } | Turn::Sleep { .. } => {}
                }
                turn
            }
            None => Turn::Done,
        }
    }

    /// Where the transport reports.
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.wire.shared.end();
    }
}

impl Wire {
    /// The connection stands: the machine says CONNECT. `false`: it was given up in the meantime
    /// and should be closed.
    pub fn connected(&self, link: LinkId) -> bool {
        self.shared
            .with(|state, now| state.connected(now, link))
            .unwrap_or(false)
    }

    /// Bytes came.
    pub fn input(&self, link: LinkId, data: &[u8]) {
        for part in data.chunks(INPUT_AT_ONCE) {
            self.shared
                .with(|state, now| state.machine.handle_input(now, link, part));
        }
    }

    /// The connection could not be opened.
    pub fn not_opened(&self, link: LinkId, error: &ConnectError) {
        log::not_opened(link, error);
        self.lost(link, error.cause);
    }

    /// The connection is lost.
    pub fn lost(&self, link: LinkId, why: LinkLost) {
        log::lost(link, why);
        self.shared
            .with_wakes(|state, now, wakes| state.lost(now, link, why, wakes));
    }

    /// The next bytes to send, for a writer that is not the owner of the [`Engine`] (which then asks
    /// for turns without [`Readiness::wants_chunk`]). `None`: the connection is over. Pending: the
    /// waker is woken when there are bytes or the connection is over.
    pub fn poll_chunk(&self, link: LinkId, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let now = self.shared.clock.now();
        let polled = self.shared.locked(|state, wakes| {
            let polled = state.poll_written(link, cx.waker());
            state.settle_written(now, wakes);
            polled
        });
        polled.map_or(Poll::Ready(None), |(polled, _)| polled)
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;

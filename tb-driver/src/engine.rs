//! The turns that a driver takes, without any I/O: adapters that cannot use [`Driver`](crate::Driver)
//! are built of this.

use alloc::sync::Arc;
use core::hash::{BuildHasher, Hasher};
use core::task::{Context, Poll, Waker};
use std::hash::RandomState;
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use tb_proto::{Client as Machine, Config, LinkId, LinkLost, LinkRequest};

use crate::client::Client;
use crate::clock::{Clock, WallClock};
use crate::connect::ConnectError;
use crate::error::StartError;
use crate::log;
use crate::shared::{Seat, Shared};

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
    /// [`StartError::Credentials`].
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
        let wall = self.wall_clock.due(shared.clock.now());
        let next_look = self.wall_clock.next_look();
        let turn = shared.with_wakes(|state, now, wakes| {
            // Calls made from here on are seen by the next turn.
            let seat = core::mem::replace(&mut state.seat, Seat::Awake);
            state.driver_thread = Some(thread::current().id());
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
            state.settle(now, wakes);
            let chunk = if readiness.wants_chunk {
                state.poll_chunk()
            } else {
                None
            };
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
                    waker: waker.clone(),
                    until,
                    wants_chunk: readiness.wants_chunk,
                };
                Turn::Sleep {
                    until: until.map(|until| shared.clock.to_std(until)),
                }
            };
            (turn, seat)
        });
        match turn {
            Some((turn, seat)) => {
                // A waker is dropped without the lock.
                drop(seat);
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
        self.shared
            .with(|state, now| state.machine.handle_input(now, link, data));
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
        let polled = self
            .shared
            .with(|state, _| state.poll_written(link, cx.waker()));
        polled.map_or(Poll::Ready(None), |(polled, _)| polled)
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use alloc::vec::Vec;
    use core::future::Future;
    use core::pin::Pin;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::task::Context;
    use core::time::Duration;

    use tb_proto::{Credentials, Telemetry};

    use super::*;
    use crate::{Delivery, DeliveryError, RecvError};

    const BUSY: Readiness = Readiness {
        wants_chunk: true,
        would_sleep: false,
    };
    const IDLE: Readiness = Readiness {
        wants_chunk: true,
        would_sleep: true,
    };

    /// CONNACK of MQTT 5: accepted, no properties.
    const CONNACK: [u8; 5] = [0x20, 0x03, 0x00, 0x00, 0x00];

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Rig {
        client: Client,
        engine: Engine,
        link: LinkId,
        woken: Arc<Counter>,
        waker: Waker,
    }

    impl Rig {
        /// A client that is connected and asleep.
        fn connected(config: Config) -> Self {
            let (client, mut engine) = Engine::new(config).unwrap();
            let woken = Arc::new(Counter::default());
            let waker = Waker::from(Arc::clone(&woken));
            let Turn::Work {
                link: Some(LinkRequest::Open { link, .. }),
                ..
            } = engine.turn(&waker, BUSY)
            else {
                panic!("it wants to connect at once")
            };
            assert!(engine.wire().connected(link));
            let mut rig = Self {
                client,
                engine,
                link,
                woken,
                waker,
            };
            rig.written();
            rig.engine.wire().input(link, &CONNACK);
            rig.written();
            rig.sleep();
            rig
        }

        fn sleep(&mut self) {
            let turn = self.engine.turn(&self.waker, IDLE);
            assert!(matches!(turn, Turn::Sleep { .. }), "{turn:?}");
            self.woken.0.store(0, Ordering::Relaxed);
        }

        /// All that there is to write.
        fn written(&mut self) -> Vec<u8> {
            let mut bytes = Vec::new();
            while let Turn::Work {
                chunk: Some(chunk), ..
            } = self.engine.turn(&self.waker, BUSY)
            {
                bytes.extend_from_slice(&chunk);
            }
            bytes
        }

        fn send(&self) -> Delivery {
            self.client
                .send(Telemetry::json(r#"{"temperature":21.5}"#))
                .unwrap()
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    fn config() -> Config {
        Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t")).stamp(false)
    }

    fn is_ready(future: &mut (impl Future + Unpin)) -> bool {
        Pin::new(future)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn a_thousand_messages_wake_the_driver_once() {
        let mut rig = Rig::connected(config());
        let tickets: Vec<_> = (0..1_000).map(|_| rig.send()).collect();
        assert_eq!(rig.woken(), 1);
        let written = rig.written();
        assert!(written.len() > 1_000 * 20);
        drop(tickets);
    }

    #[test]
    fn while_the_window_is_full_no_message_wakes_the_driver() {
        let mut rig = Rig::connected(config().max_inflight(1));
        drop(rig.send());
        rig.written();
        rig.sleep();
        drop((0..100).map(|_| rig.send()).collect::<Vec<_>>());
        assert_eq!(rig.woken(), 0);
        // PUBACK of the first: the identifiers begin with 1.
        rig.engine.wire().input(rig.link, &[0x40, 0x02, 0x00, 0x01]);
        assert_eq!(rig.woken(), 1, "the next message can be written");
    }

    #[test]
    fn while_the_socket_blocks_no_message_wakes_the_driver() {
        let mut rig = Rig::connected(config());
        let blocked = Readiness {
            wants_chunk: false,
            would_sleep: true,
        };
        assert!(matches!(
            rig.engine.turn(&rig.waker, blocked),
            Turn::Sleep { .. }
        ));
        drop((0..100).map(|_| rig.send()).collect::<Vec<_>>());
        assert_eq!(rig.woken(), 0);
    }

    #[test]
    fn a_goodbye_is_handed_out_before_the_connection_is_closed() {
        let mut rig = Rig::connected(config());
        drop(rig.client.disconnect(Duration::ZERO));
        let mut goodbye = Vec::new();
        loop {
            match rig.engine.turn(&rig.waker, IDLE) {
                Turn::Work { chunk, link } => {
                    goodbye.extend(chunk.into_iter().flatten());
                    if let Some(LinkRequest::Close { link }) = link {
                        assert_eq!(link, rig.link);
                        assert_eq!(goodbye.first(), Some(&0xE0), "DISCONNECT");
                    }
                }
                Turn::Done => break,
                Turn::Sleep { until } => panic!("nothing to wait for: {until:?}"),
            }
        }
        assert!(!goodbye.is_empty());
    }

    #[test]
    fn a_writer_of_its_own_is_woken_for_bytes_and_for_the_end() {
        let mut rig = Rig::connected(config());
        let keeper = Readiness {
            wants_chunk: false,
            would_sleep: true,
        };
        let (written, wire) = (Arc::new(Counter::default()), rig.engine.wire().clone());
        let writer = Waker::from(Arc::clone(&written));
        let poll = |link| wire.poll_chunk(link, &Context::from_waker(&writer));
        assert!(matches!(
            rig.engine.turn(&rig.waker, keeper),
            Turn::Sleep { .. }
        ));
        assert!(poll(rig.link).is_pending());

        drop((0..10).map(|_| rig.send()).collect::<Vec<_>>());
        assert_eq!((written.0.load(Ordering::Relaxed), rig.woken()), (1, 0));
        while poll(rig.link).is_ready() {}
        wire.lost(rig.link, LinkLost::Reset);
        assert_eq!(written.0.load(Ordering::Relaxed), 2);
        assert_eq!(poll(rig.link), Poll::Ready(None));
        assert_eq!(
            rig.woken(),
            1,
            "the time of the next attempt has to be kept"
        );
    }

    #[test]
    fn a_panic_in_the_machine_ends_every_ticket_and_every_stream() {
        let mut rig = Rig::connected(config());
        let (mut ticket, mut over) = (rig.send(), rig.send());
        assert!(over.cancel());
        let mut disconnected = rig.client.disconnect(Duration::from_secs(60));
        let mut room = rig.client.room(10);
        let mut warnings = rig.client.warnings();
        rig.written();
        rig.sleep();

        let shared = Arc::clone(&rig.engine.wire().shared);
        let panicked = thread::spawn(move || shared.with(|_, _| panic!("a bug"))).join();
        assert!(panicked.is_err());

        assert_eq!(rig.woken(), 1);
        assert!(is_ready(&mut ticket) && is_ready(&mut disconnected) && is_ready(&mut room));
        assert!(
            is_ready(&mut over),
            "an outcome that was there already is kept"
        );
        assert_eq!(warnings.recv_wait(), Err(RecvError::Closed));
        assert_eq!(rig.client.state(), tb_proto::State::Closed);
        let refused = rig.client.send(Telemetry::json("{\"a\":1}")).unwrap_err();
        assert_eq!(refused.reason, tb_proto::RefusedReason::Closed);
        assert!(matches!(rig.engine.turn(&rig.waker, IDLE), Turn::Done));
    }

    #[test]
    fn a_ticket_of_a_panicked_client_says_so() {
        let rig = Rig::connected(config());
        let ticket = rig.send();
        let shared = Arc::clone(&rig.engine.wire().shared);
        assert!(
            thread::spawn(move || shared.with(|_, _| panic!("a bug")))
                .join()
                .is_err()
        );
        let outcome = ticket.wait();
        assert_eq!(
            outcome.unwrap_err().to_string(),
            DeliveryError::Panicked.to_string()
        );
    }
}

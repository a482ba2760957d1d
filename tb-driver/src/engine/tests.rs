//! The turns of a driver, by hand.

use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Context;
use core::time::Duration;
use std::sync::Mutex;
use std::thread;

use tb_proto::{Credentials, RpcReply, Telemetry};

use super::*;
use crate::{Delivery, DeliveryError, RecvError};

pub(super) const BUSY: Readiness = Readiness {
    wants_chunk: true,
    would_sleep: false,
};
pub(super) const IDLE: Readiness = Readiness {
    wants_chunk: true,
    would_sleep: true,
};

/// CONNACK of MQTT 5: accepted, no properties.
const CONNACK: [u8; 5] = [0x20, 0x03, 0x00, 0x00, 0x00];

#[derive(Default)]
pub(super) struct Counter(AtomicUsize);

impl Counter {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) struct Rig {
    pub(super) client: Client,
    pub(super) engine: Engine,
    pub(super) link: LinkId,
    woken: Arc<Counter>,
    pub(super) waker: Waker,
}

impl Rig {
    /// A client that is connected and asleep.
    pub(super) fn connected(config: Config) -> Self {
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
        self.woken.reset();
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

    pub(super) fn send(&self) -> Delivery {
        self.client
            .send(Telemetry::json(r#"{"temperature":21.5}"#))
            .unwrap()
    }

    pub(super) fn woken(&self) -> usize {
        self.woken.get()
    }

    pub(super) fn forget_wakes(&self) {
        self.woken.reset();
    }
}

pub(super) fn config() -> Config {
    // The server of these tests tells no limits, and time stands still.
    Config::new("mqtt://localhost".parse().unwrap(), Credentials::token("t"))
        .stamp(false)
        .ask_session_limits(false)
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
fn messages_sent_before_the_driver_comes_to_it_leave_in_one_piece() {
    let mut rig = Rig::connected(config());
    drop((0..10).map(|_| rig.send()).collect::<Vec<_>>());
    let turn = rig.engine.turn(&rig.waker, IDLE);
    let Turn::Work {
        chunk: Some(chunk), ..
    } = turn
    else {
        panic!("it was woken for bytes: {turn:?}")
    };
    assert!(chunk.len() > 10 * 20);
    let turn = rig.engine.turn(&rig.waker, IDLE);
    assert!(matches!(turn, Turn::Sleep { .. }), "{turn:?}");
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
fn while_the_window_is_full_a_message_that_expires_sooner_wakes_the_driver() {
    let mut rig = Rig::connected(config().max_inflight(1));
    drop(rig.send());
    rig.written();
    rig.sleep();
    let telemetry = || Telemetry::json(r#"{"temperature":21.5}"#);
    let day = Duration::from_secs(24 * 3600);
    drop(rig.client.send(telemetry().expires_in(day)));
    assert_eq!(rig.woken(), 0, "it sleeps no longer than that anyway");
    drop(
        rig.client
            .send(telemetry().expires_in(Duration::from_secs(1))),
    );
    assert_eq!(rig.woken(), 1);
}

#[test]
fn a_message_that_gives_way_to_another_ends_at_once() {
    let config = config().max_inflight(1).max_queued_messages(2);
    let mut rig = Rig::connected(config.overflow(tb_proto::Overflow::DropOldest));
    drop(rig.send());
    rig.written();
    rig.sleep();
    let mut oldest = rig.send();
    drop(rig.send());
    assert!(is_ready(&mut oldest));
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
    assert_eq!((written.get(), rig.woken()), (1, 0));
    while poll(rig.link).is_ready() {}
    wire.lost(rig.link, LinkLost::Reset);
    assert_eq!(written.get(), 2);
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

/// A text of the application that looks at the lock when it is dropped.
struct Witness {
    shared: Arc<Shared>,
    dropped: Arc<Mutex<Vec<&'static str>>>,
}

impl AsRef<[u8]> for Witness {
    fn as_ref(&self) -> &[u8] {
        b"{}"
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let place = if self.shared.is_locked() {
            "under the lock"
        } else {
            "without the lock"
        };
        self.dropped.lock().unwrap().push(place);
    }
}

#[test]
fn of_the_text_of_an_answer_nothing_of_the_application_is_left_to_drop_under_the_lock() {
    let mut rig = Rig::connected(config());
    let mut calls = rig.client.rpc_requests().unwrap();
    rig.written();
    let mut call = vec![0x30, 61, 0, 30];
    call.extend_from_slice(b"v1/devices/me/rpc/request/7777");
    // No properties.
    call.push(0);
    call.extend_from_slice(br#"{"method":"m","params":1234}"#);
    rig.engine.wire().input(rig.link, &call);

    let dropped = Arc::default();
    let text = Bytes::from_owner(Witness {
        shared: Arc::clone(&rig.engine.wire().shared),
        dropped: Arc::clone(&dropped),
    });
    let answered = calls.recv_wait().unwrap().reply(RpcReply::text(text));
    assert!(answered.is_ok());
    // What the machine kept of it would be dropped with the answer, under the lock.
    assert_eq!(*dropped.lock().unwrap(), ["without the lock"]);
}

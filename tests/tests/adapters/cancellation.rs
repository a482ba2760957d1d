//! Every public future is polled k times, for every k until it is ready, and then dropped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use serde_json::json;
use tb_driver::{Client, UpdateSink};
use tb_proto::{AttributeQuery, Installed, Package, RpcCall, State, Stats, Verifier};

use crate::adapter::{Adapter, start};
use crate::server::{PATIENCE, all_gone, config, server, set_shared};
use crate::trouble::Trouble;

struct Notify(Sender<()>);

impl Wake for Notify {
    fn wake(self: Arc<Self>) {
        // The one who waited may have given up.
        let _ = self.0.send(());
    }
}

/// Polls a future of `make` at most `polls` times, each time it asks to be polled, and drops it.
/// Tells whether it was ready.
fn ready_within<F: Future>(polls: usize, future: F) -> bool {
    let mut future = Box::pin(future);
    let (sender, woken): (_, Receiver<()>) = channel();
    let waker = Waker::from(Arc::new(Notify(sender)));
    for _ in 0..polls {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(_) => return true,
            Poll::Pending => woken
                .recv_timeout(PATIENCE)
                .expect("it must ask to be polled again"),
        }
    }
    false
}

/// For every number of polls from none to as many as it takes, and some more rounds at the end.
fn at_every_moment(mut attempt: impl FnMut(usize) -> bool) {
    let mut polls = 0;
    while !attempt(polls) {
        polls += 1;
        assert!(polls < 100, "it is never ready");
    }
    for _ in 0..20 {
        attempt(1);
    }
}

fn wait_for(client: &Client, what: &str, condition: impl Fn(Stats) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition(client.stats()) {
        assert!(Instant::now() < deadline, "{what}: {:?}", client.stats());
        std::thread::yield_now();
    }
}

pub(crate) fn a_delivery_dropped_at_any_moment_is_delivered_all_the_same<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    client.connected_wait(PATIENCE).unwrap();
    let mut sent = 0;
    at_every_moment(|polls| {
        sent += 1;
        ready_within(polls, client.send_telemetry(&json!({ "n": sent })).unwrap())
    });
    wait_for(&client, "all acknowledged", |stats| {
        stats.acknowledged == sent
    });
    let stats = client.stats();
    assert_eq!(
        (stats.accepted, stats.undelivered, stats.queued_messages),
        (sent, 0, 0)
    );
    assert!(client.undelivered().try_recv().is_none());
}

pub(crate) fn a_request_dropped_at_any_moment_leaves_nothing_open<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    client.connected_wait(PATIENCE).unwrap();
    at_every_moment(|polls| {
        let query = AttributeQuery::shared(["uploadFrequency"]);
        ready_within(polls, client.request_attributes(query).unwrap())
    });
    at_every_moment(|polls| {
        let call = RpcCall::new("getTime").params(&json!({}));
        ready_within(polls, client.send_rpc_call(call).unwrap())
    });
    wait_for(&client, "no request is open", |stats| {
        stats.open_requests == 0
    });
}

pub(crate) fn a_place_in_the_line_dropped_at_any_moment_gives_its_room_back<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server).max_queued_messages(1));
    client.connected_wait(PATIENCE).unwrap();
    at_every_moment(|polls| {
        let taken = client.room(10).wait_timeout(PATIENCE).unwrap();
        let waiting = client.room(10);
        let behind = client.room(10);
        drop(taken);
        let ready = ready_within(polls, waiting);
        drop(behind.wait_timeout(PATIENCE).unwrap());
        ready
    });
    at_every_moment(|polls| {
        let sent = client.room(10).wait_timeout(PATIENCE).unwrap();
        drop(
            sent.send(tb_proto::Telemetry::new(&json!({ "n": 1 })))
                .unwrap(),
        );
        ready_within(polls, client.room(10))
    });
    let permit = client.room(10).wait_timeout(PATIENCE).unwrap();
    let ticket = permit
        .send(tb_proto::Telemetry::new(&json!({ "n": 1 })))
        .unwrap();
    ticket.wait_timeout(PATIENCE).unwrap();
}

pub(crate) fn a_receive_dropped_at_any_moment_loses_nothing<A: Adapter>() {
    let server = server();
    let (client, driver) = A::prepare(config(&server), Trouble::default());
    let mut updates = client.attribute_updates();
    let _running = driver();
    client.connected_wait(PATIENCE).unwrap();
    // The subscription is confirmed when a later message is acknowledged.
    client
        .send_telemetry(&json!({ "n": 0 }))
        .unwrap()
        .wait_timeout(PATIENCE)
        .unwrap();
    for value in 0..50 {
        set_shared(&server, "uploadFrequency", json!(value));
        drop(updates.recv());
        // Polled once and dropped, ready or not: what it does not give is still there.
        let mut received = None;
        let mut receive = updates.recv();
        let poll = Pin::new(&mut receive).poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(update) = poll {
            received = update;
        }
        drop(receive);
        let update = received.unwrap_or_else(|| updates.recv_timeout(PATIENCE).unwrap());
        assert_eq!(update.updated.get("uploadFrequency"), Ok(Some(value)));
    }
}

pub(crate) fn waiting_for_the_connection_dropped_at_any_moment_changes_nothing<A: Adapter>() {
    let server = server();
    at_every_moment(|polls| {
        let (client, _running) = start::<A>(config(&server));
        let ready = ready_within(polls, client.connected());
        client.connected_wait(PATIENCE).unwrap();
        ready
    });
}

pub(crate) fn a_disconnect_whose_ticket_is_dropped_goes_on<A: Adapter>() {
    let server = server();
    at_every_moment(|polls| {
        let (client, _running) = start::<A>(config(&server));
        client.connected_wait(PATIENCE).unwrap();
        let ready = ready_within(polls, client.disconnect(Duration::from_secs(5)));
        let mut states = client.states();
        while let Ok(state) = states.recv_timeout(PATIENCE) {
            if state == State::Closed {
                break;
            }
        }
        assert_eq!(client.state(), State::Closed);
        ready
    });
    assert!(all_gone(&server));
}

/// A sink that keeps nothing.
struct Nowhere;

impl UpdateSink for Nowhere {
    fn poll_resume(
        &mut self,
        _: &mut Context<'_>,
        _: &Package,
        _: &mut Verifier,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_commit(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn discard(&mut self) {}
}

pub(crate) fn a_download_dropped_at_any_moment_can_be_begun_again<A: Adapter>() {
    let server = crate::updates::server();
    let config = crate::updates::config(&server).chunk_size(20_000);
    let (client, _running) = start::<A>(config);
    let mut updates = client
        .update_firmware(Installed::new("pump", "1.3"))
        .unwrap();
    let offer = updates.recv_timeout(PATIENCE).unwrap();
    at_every_moment(|polls| ready_within(polls, offer.download(Nowhere)));
    assert_eq!(client.stats().open_requests, 0);
}

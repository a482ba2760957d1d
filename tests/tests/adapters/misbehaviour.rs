//! Applications that behave as badly as the traits allow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Wake, Waker};

use serde::{Serialize, Serializer};
use serde_json::json;
use tb_driver::Client;

use crate::adapter::{Adapter, start};
use crate::exchange::ACKNOWLEDGED;
use crate::server::{PATIENCE, config, numbers, server};

struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("this value cannot be serialised");
    }
}

pub(crate) fn a_serialisation_that_panics_harms_nobody<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let pending = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    let sent = catch_unwind(AssertUnwindSafe(|| client.send_telemetry(&Panics)));
    assert!(sent.is_err());
    assert_eq!(pending.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    let next = client.send_telemetry(&json!({ "n": 2 })).unwrap();
    assert_eq!(next.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
}

struct CallsBack(Client);

impl Serialize for CallsBack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = self.0.send_telemetry(&json!({ "n": 1 })).unwrap();
        inner.wait_timeout(PATIENCE).unwrap();
        json!({ "n": 2 }).serialize(serializer)
    }
}

pub(crate) fn a_serialisation_that_calls_back_into_the_client_does_not_block<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let ticket = client.send_telemetry(&CallsBack(client.clone())).unwrap();
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    server.with(|simulator, _| assert_eq!(numbers(simulator), [1, 2].into()));
}

/// An executor that works where it is woken.
struct SendsWhenWoken(Client, Sender<tb_driver::Delivery>);

impl Wake for SendsWhenWoken {
    fn wake(self: Arc<Self>) {
        let sent = self.0.send_telemetry(&json!({ "n": 2 })).unwrap();
        drop(self.1.send(sent));
    }
}

pub(crate) fn a_waker_that_calls_back_into_the_client_does_not_block<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let (sender, sent) = channel();
    let waker = Waker::from(Arc::new(SendsWhenWoken(client.clone(), sender)));
    let mut ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    let polled = Future::poll(Pin::new(&mut ticket), &mut Context::from_waker(&waker));
    if polled.is_pending() {
        let second = sent.recv_timeout(PATIENCE).unwrap();
        assert_eq!(second.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
}

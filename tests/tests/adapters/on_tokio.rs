//! What only an adapter with a runtime can do, and what both refuse.

use std::task::Poll;
use std::time::Duration;

use serde_json::json;
use tb_driver::tls::{Pem, TlsConfig};
use tb_driver::{Client, Error, NotConnected, Receiver, RpcRequest, Setup, StartError, WaitError};
use tb_proto::{
    AttributeUpdate, AttributeValues, Cause, Config, Credentials, Drained, InvalidUrl, LinkLost,
    Refusal, RpcResponse,
};
use tokio::runtime::{Builder, Runtime};

use crate::adapter::{Tokio, start};
use crate::endings::assert_abandoned;
use crate::server::{PATIENCE, all_gone, device, nowhere, server, stranger};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn a_runtime_that_is_dropped_gives_back_what_was_pending() {
    let (client, mut running) = start::<Tokio>(nowhere());
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    drop(running.runtime.take());
    assert_abandoned(ticket, r#""n":1"#);
}

pub(crate) fn a_task_that_is_aborted_gives_back_what_was_pending() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (client, task) = tb_tokio::spawn(nowhere()).unwrap();
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_abandoned(ticket, r#""n":1"#);
}

pub(crate) fn waiting_on_the_thread_of_the_driver_is_refused_and_the_ticket_comes_back() {
    let server = server();
    runtime().block_on(async {
        let client = tb_tokio::connect_with(device(&server), PATIENCE)
            .await
            .unwrap();
        let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
        let Err(WaitError::OnDriverThread(ticket)) = ticket.wait_timeout(PATIENCE) else {
            panic!("it would have waited for itself");
        };
        ticket.await.unwrap();
    });
}

pub(crate) fn connecting_can_be_given_up_at_any_moment() {
    let server = server();
    runtime().block_on(async {
        let mut polls = 0;
        loop {
            let mut connecting = Box::pin(tb_tokio::connect_with(device(&server), PATIENCE));
            let mut left = polls;
            let connected = std::future::poll_fn(|cx| match left {
                0 => Poll::Ready(None),
                _ => {
                    left -= 1;
                    connecting.as_mut().poll(cx).map(Some)
                }
            })
            .await;
            drop(connecting);
            match connected {
                None => polls += 1,
                Some(client) => break drop(client.unwrap()),
            }
        }
        // The clients say goodbye in the background.
        let gone = tokio::task::spawn_blocking(move || all_gone(&server));
        assert!(gone.await.unwrap());
    });
}

pub(crate) fn the_task_of_a_client_ends_when_it_has_disconnected() {
    let server = server();
    runtime().block_on(async {
        let (client, task) = tb_tokio::spawn(device(&server)).unwrap();
        client.connected().await.unwrap();
        client.disconnect(PATIENCE).await.unwrap();
        task.await.unwrap();
    });
}

pub(crate) fn outside_of_a_runtime_a_client_cannot_be_started() {
    assert_eq!(
        tb_tokio::start(nowhere()).unwrap_err(),
        StartError::NoRuntime
    );
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_tried() {
    let empty = Config::new("mqtt://localhost".parse().unwrap(), Credentials::token(""));
    let text = "the access token is empty: copy it from the device's page";
    assert_eq!(tb_blocking::start(empty).unwrap_err().to_string(), text);

    let config = Config::new(
        "mqtts://localhost".parse().unwrap(),
        Credentials::token("t"),
    );
    let tls = TlsConfig::new().ca(Pem::file("/nowhere/ca.pem"));
    let setup = Setup::from(config).tls(tls);
    let refused = [
        tb_blocking::start(setup.clone()).unwrap_err(),
        tb_async_std::prepare(setup.clone()).map(drop).unwrap_err(),
        tb_tokio::prepare(setup).map(drop).unwrap_err(),
    ];
    for error in refused {
        let text = "cannot read /nowhere/ca.pem: entity not found";
        assert_eq!(error.to_string(), text);
    }

    let url = tb_blocking::connect("localhost", Credentials::token("t")).unwrap_err();
    assert_eq!(
        url,
        NotConnected::Start(StartError::Url(InvalidUrl::NoScheme))
    );
}

pub(crate) fn connecting_fails_early_with_wrong_credentials_and_late_where_nobody_listens() {
    let server = server();
    let refused = NotConnected::Refused(Cause::Refused(Refusal::Credentials));
    assert_eq!(
        tb_blocking::connect_with(stranger(&server), PATIENCE).unwrap_err(),
        refused
    );
    let late = NotConnected::TimedOut {
        last: Some(Cause::Lost(LinkLost::ConnectionRefused)),
    };
    let deadline = Duration::from_millis(300);
    assert_eq!(
        tb_blocking::connect_with(nowhere(), deadline).unwrap_err(),
        late
    );
    runtime().block_on(async {
        assert_eq!(
            tb_tokio::connect_with(stranger(&server), PATIENCE)
                .await
                .unwrap_err(),
            refused
        );
        assert_eq!(
            tb_tokio::connect_with(nowhere(), deadline)
                .await
                .unwrap_err(),
            late
        );
    });
}

#[test]
fn handles_tickets_streams_and_drivers_go_to_other_threads() {
    fn is_send<T: Send>() {}
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Client>();
    is_send_and_sync::<tb_driver::Delivery>();
    is_send_and_sync::<tb_driver::Reply<AttributeValues>>();
    is_send_and_sync::<tb_driver::Reply<RpcResponse>>();
    is_send_and_sync::<tb_driver::Reply<Drained>>();
    is_send_and_sync::<tb_driver::RoomRequest>();
    is_send_and_sync::<tb_driver::Permit>();
    is_send_and_sync::<Receiver<AttributeUpdate>>();
    is_send_and_sync::<Receiver<RpcRequest>>();
    is_send_and_sync::<Error>();
    is_send_and_sync::<tb_driver::Wire>();
    is_send::<tb_driver::Engine>();
    is_send::<tb_async_std::Driver>();
    is_send::<tb_tokio::Driver>();
    is_send::<tb_blocking::Driver<tb_blocking::Tcp>>();
}

//! What is particular to `async-io`: the calls of each executor, and a thread without one.

use std::thread;
use std::time::Duration;

use serde_json::json;
use tb_driver::{Client, NotConnected};
use tb_proto::{Cause, Credentials, LinkLost, ProtocolVersion, Refusal};

use crate::endings::assert_abandoned;
use crate::exchange::ACKNOWLEDGED;
use crate::protection;
use crate::server::{PATIENCE, TOKEN, all_gone, device, nowhere, server, stranger};

const SHORT: Duration = Duration::from_millis(300);

fn refused() -> NotConnected {
    NotConnected::Refused(Cause::Refused(Refusal::Credentials))
}

fn late() -> NotConnected {
    NotConnected::TimedOut {
        last: Some(Cause::Lost(LinkLost::ConnectionRefused)),
    }
}

/// A reading is delivered, and the client says goodbye.
async fn works(client: Client) {
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    assert_eq!(ticket.await.unwrap(), ACKNOWLEDGED);
    client.disconnect(PATIENCE).await.unwrap();
}

pub(crate) fn an_address_and_a_token_are_enough() {
    let server = server();
    let (url, token) = (protection::url(&server), Credentials::token(TOKEN));
    smol::block_on(async {
        let connected = tb_async_std::smol::connect(&*url, token.clone()).await;
        works(connected.unwrap()).await;
        let connected = tb_async_std::async_std::connect(&*url, token).await;
        works(connected.unwrap()).await;
    });
}

pub(crate) fn the_calls_of_smol_connect_start_and_spawn() {
    let server = server();
    smol::block_on(async {
        let connected = tb_async_std::smol::connect_with(device(&server), PATIENCE).await;
        works(connected.unwrap()).await;
        works(tb_async_std::smol::start(device(&server)).unwrap()).await;

        let (client, task) = tb_async_std::smol::spawn(device(&server)).unwrap();
        assert_eq!(client.connected().await, Ok(ProtocolVersion::V5));
        works(client).await;
        task.await;

        let connected = tb_async_std::smol::connect_with(stranger(&server), PATIENCE).await;
        assert_eq!(connected.unwrap_err(), refused());
        let connected = tb_async_std::smol::connect_with(nowhere(), SHORT).await;
        assert_eq!(connected.unwrap_err(), late());
    });
    assert!(all_gone(&server));
}

pub(crate) fn the_calls_of_async_std_connect_start_and_spawn() {
    let server = server();
    async_std::task::block_on(async {
        let connected = tb_async_std::async_std::connect_with(device(&server), PATIENCE).await;
        works(connected.unwrap()).await;
        works(tb_async_std::async_std::start(device(&server)).unwrap()).await;

        let (client, task) = tb_async_std::async_std::spawn(device(&server)).unwrap();
        assert_eq!(client.connected().await, Ok(ProtocolVersion::V5));
        works(client).await;
        task.await;

        let connected = tb_async_std::async_std::connect_with(stranger(&server), PATIENCE).await;
        assert_eq!(connected.unwrap_err(), refused());
        let connected = tb_async_std::async_std::connect_with(nowhere(), SHORT).await;
        assert_eq!(connected.unwrap_err(), late());
    });
    assert!(all_gone(&server));
}

pub(crate) fn a_task_that_is_cancelled_gives_back_what_was_pending() {
    let (client, task) = tb_async_std::smol::spawn(nowhere()).unwrap();
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    smol::block_on(task.cancel());
    assert_abandoned(ticket, r#""n":1"#);

    let (client, task) = tb_async_std::async_std::spawn(nowhere()).unwrap();
    let ticket = client.send_telemetry(&json!({ "n": 2 })).unwrap();
    async_std::task::block_on(task.cancel());
    assert_abandoned(ticket, r#""n":2"#);
}

pub(crate) fn a_bare_thread_drives_a_client_without_any_executor() {
    let server = server();
    let (client, driver) = tb_async_std::prepare(device(&server)).unwrap();
    let worker = thread::spawn(|| driver.run());
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
    worker.join().unwrap();

    let spawn = |driver: tb_async_std::Driver| drop(thread::spawn(|| driver.run()));
    let connecting = tb_async_std::connect_by(device(&server), PATIENCE, spawn);
    smol::block_on(async { works(connecting.await.unwrap()).await });
    assert!(all_gone(&server));
}

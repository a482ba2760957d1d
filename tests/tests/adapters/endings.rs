//! How clients end.

use std::time::Duration;

use serde_json::json;
use tb_driver::{Delivery, DeliveryError, RecvError, WaitError};
use tb_proto::{Drained, RefusedReason, State, Telemetry, UndeliveredCause};

use crate::adapter::{Adapter, start};
use crate::exchange::ACKNOWLEDGED;
use crate::server::{PATIENCE, all_gone, config, nowhere, numbers, server};
use crate::trouble::Trouble;

/// The ticket ends as abandoned, with the payload that was given to it.
pub(crate) fn assert_abandoned(ticket: Delivery, payload: &str) {
    match ticket.wait_timeout(PATIENCE) {
        Err(WaitError::Over(DeliveryError::Undelivered(undelivered))) => {
            assert_eq!(undelivered.cause, UndeliveredCause::Abandoned);
            let text = String::from_utf8(undelivered.payload.to_vec()).unwrap();
            assert!(text.contains(payload), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn the_last_handle_delivers_what_was_accepted_before_it_is_gone<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let other = client.clone();
    let tickets: Vec<_> = (0..100)
        .map(|n| client.send_telemetry(&json!({ "n": n })).unwrap())
        .collect();
    drop(client);
    drop(other);
    for ticket in tickets {
        assert_eq!(ticket.wait_timeout(PATIENCE).unwrap(), ACKNOWLEDGED);
    }
    server.with(|simulator, _| assert_eq!(numbers(simulator).len(), 100));
    assert!(all_gone(&server));
}

pub(crate) fn what_is_left_after_the_linger_is_abandoned_and_given_back<A: Adapter>() {
    let (client, _running) = start::<A>(nowhere());
    client.set_linger(Duration::from_millis(10));
    let ticket = client.send_telemetry(&json!({ "n": 1 })).unwrap();
    drop(client);
    assert_abandoned(ticket, r#""n":1"#);
}

pub(crate) fn a_driver_that_was_never_started_gives_everything_back_when_dropped<A: Adapter>() {
    let (client, driver) = A::prepare(nowhere(), Trouble::default());
    let tickets: Vec<_> = (0..10)
        .map(|n| client.send_telemetry(&json!({ "n": n })).unwrap())
        .collect();
    drop(driver);
    for (n, ticket) in tickets.into_iter().enumerate() {
        assert_abandoned(ticket, &format!(r#""n":{n}"#));
    }
    assert_eq!(client.state(), State::Closed);
}

pub(crate) fn a_reader_that_waits_for_bytes_is_stopped_by_a_disconnect<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    client.connected_wait(PATIENCE).unwrap();
    let drained = client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
    assert_eq!(
        drained,
        Drained {
            delivered: 0,
            abandoned: 0
        }
    );
    assert!(all_gone(&server));
}

pub(crate) fn a_client_that_has_ended_takes_nothing_more_and_ends_every_stream<A: Adapter>() {
    let server = server();
    let (client, _running) = start::<A>(config(&server));
    let mut before = client.attribute_updates();
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();

    assert_eq!(client.state(), State::Closed);
    let refused = client.send_telemetry(&json!({ "n": 1 })).unwrap_err();
    assert_eq!(refused.reason, RefusedReason::Closed);
    assert!(client.room(10).wait_timeout(PATIENCE).is_err());
    assert_eq!(before.recv_timeout(PATIENCE), Err(RecvError::Closed));
    assert_eq!(
        client.attribute_updates().recv_timeout(PATIENCE),
        Err(RecvError::Closed)
    );
    assert_eq!(
        client.undelivered().recv_timeout(PATIENCE),
        Err(RecvError::Closed)
    );
    let mut states = client.states();
    assert_eq!(states.recv_timeout(PATIENCE), Ok(State::Closed));
    assert_eq!(states.recv_timeout(PATIENCE), Err(RecvError::Closed));
    assert!(client.connected_wait(PATIENCE).is_err());
    client.disconnect(PATIENCE).wait_timeout(PATIENCE).unwrap();
}

pub(crate) fn a_message_without_a_ticket_comes_back_by_the_stream<A: Adapter>() {
    let (client, _running) = start::<A>(nowhere());
    let mut undelivered = client.undelivered();
    let short_lived = Telemetry::new(&json!({ "n": 1 })).expires_in(Duration::from_millis(10));
    drop(client.send_telemetry(short_lived).unwrap());
    let message = undelivered.recv_timeout(PATIENCE).unwrap();
    assert_eq!(message.cause, UndeliveredCause::Expired);

    // One whose outcome came before its ticket was dropped is not lost either.
    let ticket = client.send_telemetry(&json!({ "n": 2 })).unwrap();
    assert!(ticket.cancel());
    drop(ticket);
    let message = undelivered.recv_timeout(PATIENCE).unwrap();
    assert_eq!(message.cause, UndeliveredCause::Cancelled);
}

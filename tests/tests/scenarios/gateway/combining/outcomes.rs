//! What travels together ends one by one.

use serde_json::{Value, json};
use tb_proto::{Combining, Overflow, Telemetry, UndeliveredCause};

use super::{all_delivered, combining, elements, rig, telemetry, with_children};
use crate::gateway::rig::setup;
use crate::{ms, sec};

#[test]
fn each_message_keeps_its_own_outcome() {
    let (mut rig, children) = rig(4);
    let [kept, cancelled, _] = [0, 1, 2].map(|at| rig.send(children[at], &json!({ "flow": at })));
    let now = rig.at();
    assert!(rig.client.cancel(now, cancelled.id()));
    let short = Telemetry::from(&json!({ "flow": 3 })).expires_in(ms(50));
    let mut gateway = rig.client.gateway();
    let expired = gateway.send_telemetry(now, children[3], short).unwrap();
    rig.wait(sec(1));
    assert!(rig.is_delivered(kept));
    for (sent, child, cause) in [
        (cancelled, children[1], UndeliveredCause::Cancelled),
        (expired, children[3], UndeliveredCause::Expired),
    ] {
        let back = rig.outcome(sent).unwrap().unwrap_err();
        assert_eq!((back.cause, back.target.child()), (cause, Some(child)));
        assert!(!back.written);
        assert!(back.payload.starts_with(b"{\"ts\":"), "as it was given");
    }
    assert_eq!(elements(&telemetry(&rig)[0]), 2);
    assert!(rig.stored("m1", "flow").is_empty() && rig.stored("m3", "flow").is_empty());
}

#[test]
fn what_waits_for_others_gives_way_when_the_queue_is_full() {
    let config = combining(Combining::new().max_delay(sec(60)))
        .max_queued_messages(3)
        .overflow(Overflow::DropOldest);
    let (mut rig, children) = with_children(config, setup(), 1);
    let sent: Vec<_> = (0..5)
        .map(|flow| rig.send(children[0], &json!({ "flow": flow })))
        .collect();
    rig.wait(sec(61));
    for (place, &sent) in sent.iter().enumerate() {
        let outcome = rig.outcome(sent).unwrap();
        assert_eq!(outcome.is_ok(), place >= 2, "{place}: {outcome:?}");
    }
    assert_eq!(rig.stored("m0", "flow"), [2, 3, 4]);
}

#[test]
fn what_is_left_at_the_end_comes_back_message_by_message() {
    let (mut rig, children) = rig(5);
    rig.simulator.faults_mut().silent = true;
    let written: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    rig.wait(sec(1));
    assert_eq!(telemetry(&rig).len(), 1);
    let waiting: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 2 })))
        .collect();
    let now = rig.at();
    let _ = rig.client.disconnect(now, now + sec(5));
    rig.wait(sec(6));
    for (flow, sent) in [(1, written), (2, waiting)] {
        for (sent, &child) in sent.into_iter().zip(&children) {
            let back = rig.outcome(sent).unwrap().unwrap_err();
            assert_eq!(back.cause, UndeliveredCause::Abandoned);
            assert_eq!(back.target.child(), Some(child));
            let payload: Value = serde_json::from_slice(&back.payload).unwrap();
            assert_eq!(payload["values"], json!({ "flow": flow }));
        }
    }
}

#[test]
fn a_flush_and_a_disconnect_hurry_what_waits_for_others() {
    let (mut rig, children) =
        with_children(combining(Combining::new().max_delay(sec(60))), setup(), 2);
    let first = rig.send(children[0], &json!({ "flow": 1 }));
    let now = rig.at();
    let _ = rig.client.flush(now, now + sec(5));
    rig.wait(sec(1));
    assert!(rig.is_delivered(first));
    let second = rig.send(children[1], &json!({ "flow": 2 }));
    let now = rig.at();
    let _ = rig.client.disconnect(now, now + sec(5));
    rig.wait(sec(6));
    assert!(rig.is_delivered(second));
}

#[test]
fn a_child_that_leaves_takes_with_it_what_waits_for_others() {
    let (mut rig, children) = rig(2);
    let sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    let now = rig.at();
    let left = rig.client.gateway().disconnect(now, children[0]).unwrap();
    rig.wait(sec(1));
    all_delivered(&mut rig, sent);
    assert!(rig.is_delivered(left));
    assert_eq!(rig.looked_up().len(), 2, "nothing brought it back");
}

#[test]
fn a_child_is_renamed_and_another_deleted_while_their_telemetry_waits_for_others() {
    let (mut rig, children) =
        with_children(combining(Combining::new().max_delay(sec(2))), setup(), 4);
    let sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    for (method, params) in [
        ("gateway_device_renamed", json!({ "m1": "new" })),
        ("gateway_device_deleted", json!("m2")),
    ] {
        rig.control(json!({
            "do": "rpc", "call": method, "device": "gateway",
            "method": method, "params": params, "oneway": true,
        }));
        rig.wait(ms(100));
    }
    rig.wait(sec(5));
    let [other, renamed, deleted, last] = sent[..] else {
        panic!("four were sent");
    };
    all_delivered(&mut rig, vec![other, renamed, last]);
    assert_eq!(rig.outcome(deleted), None, "nothing creates it anew");
    assert_eq!(rig.stored("new", "flow"), [1]);
    assert!(rig.stored("m1", "flow").is_empty() && rig.stored("m2", "flow").is_empty());
    let now = rig.at();
    assert!(rig.client.cancel(now, deleted.id()));
}

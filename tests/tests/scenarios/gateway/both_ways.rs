//! What goes up for children, and what comes down for them.

use serde_json::json;
use tb_proto::{
    AttributeKeys, AttributeQuery, Event, InvalidQuery, RefusedReason, RequestError, RpcMethods,
    RpcReply, WhichChildren,
};
use tb_tests::sim::{DeviceSetup, Setup, Stored};

use super::rig::{Rig, config, setup};
use crate::{ms, sec};

#[test]
fn attributes_of_a_child_go_one_message_at_a_time_and_merge_while_they_wait() {
    let mut rig = Rig::new();
    let [one, two] = ["one", "two"].map(|name| rig.child(name));
    rig.wait(sec(2));
    let mut sent = Vec::new();
    for number in 0..20 {
        sent.push(rig.attributes(one, &json!({ "serial": number })));
        sent.push(rig.attributes(two, &json!({ "serial": number })));
    }
    rig.wait(sec(1));
    for sent in sent {
        assert!(rig.is_delivered(sent));
    }
    // The first, and all others together.
    assert_eq!(rig.stored("one", "serial"), [0, 19]);
    assert_eq!(rig.stored("two", "serial"), [0, 19]);
}

#[test]
fn an_answer_names_its_attributes_whatever_the_server_wrote() {
    let mut devices = setup().devices;
    devices.push(DeviceSetup {
        name: "meter".to_owned(),
        shared: [("interval".to_owned(), json!(30))].into(),
        client: [("a,b".to_owned(), json!(1)), ("fw".to_owned(), json!(2))].into(),
        ..DeviceSetup::default()
    });
    let mut rig = Rig::of(config(), Setup { devices, ..setup() });
    let meter = rig.child("meter");
    let mut ask = |query| {
        let now = rig.at();
        let asked = rig.client.gateway().request_attributes(now, meter, query);
        let asked = asked.unwrap();
        rig.wait(sec(3));
        rig.answer(asked).unwrap().unwrap()
    };
    // From before the connection, with a name that occurs twice.
    let one = ask(AttributeQuery::shared(["interval", "interval"]));
    assert_eq!(one.shared.get::<i64>("interval"), Ok(Some(30)));
    assert!(one.client.is_empty());
    let two = ask(AttributeQuery::client(["a,b", "fw"]));
    assert_eq!(two.client.get::<i64>("a,b"), Ok(Some(1)));
    assert_eq!(two.client.get::<i64>("fw"), Ok(Some(2)));
    assert!(ask(AttributeQuery::shared(["nothing"])).shared.is_empty());
    assert!(
        ask(AttributeQuery::shared(["no", "thing"]))
            .shared
            .is_empty()
    );
}

#[test]
fn a_question_without_keys_or_of_both_scopes_is_none() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    let now = rig.at();
    for (query, invalid) in [
        (AttributeQuery::new(), InvalidQuery::NoKeys),
        (AttributeQuery::all(), InvalidQuery::AllOfChild),
        (
            AttributeQuery::shared(["a"]).client_keys(["b"]),
            InvalidQuery::BothScopesOfChild,
        ),
        (AttributeQuery::shared([" "]), InvalidQuery::BlankKey),
    ] {
        let refused = rig.client.gateway().request_attributes(now, meter, query);
        assert_eq!(refused.unwrap_err().reason, RefusedReason::Query(invalid));
    }
}

#[test]
fn a_question_for_a_child_is_asked_again_on_the_next_connection_and_ends_at_its_deadline() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    rig.wait(sec(2));
    let now = rig.at();
    let query = || AttributeQuery::shared(["interval"]);
    let asked = rig.client.gateway().request_attributes(now, meter, query());
    let asked = asked.unwrap();
    rig.wait(ms(1)).cut();
    rig.wait(sec(5));
    assert!(rig.answer(asked).unwrap().is_ok());
    rig.simulator.faults_mut().silent = true;
    let now = rig.at();
    let query = query().timeout(sec(3));
    let asked = rig.client.gateway().request_attributes(now, meter, query);
    let asked = asked.unwrap();
    rig.wait(sec(4));
    assert_eq!(rig.answer(asked), Some(Err(RequestError::Timeout)));
}

#[test]
fn changes_are_told_to_those_who_follow_the_child_and_the_key() {
    let mut rig = Rig::new();
    let [one, two] = ["one", "two"].map(|name| rig.child(name));
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let all = AttributeKeys::only(["mode"]);
    let _ = gateway.subscribe_to_attributes(now, WhichChildren::All, all);
    let of_one = WhichChildren::One(one);
    let every = gateway.subscribe_to_attributes(now, of_one, AttributeKeys::All);
    rig.wait(sec(2));
    let set = |device: &str| json!({ "do": "set_shared", "device": device, "values": { "mode": 1, "interval": 2 } });
    rig.control(set("one"));
    rig.control(set("two"));
    rig.wait(sec(1));
    rig.control(json!({ "do": "delete_shared", "device": "one", "keys": ["interval"] }));
    rig.wait(sec(1));
    let changes: Vec<_> = rig
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ChildAttributesUpdated { child, update } => Some((
                *child,
                update.updated.iter().map(|(key, _)| key).collect(),
                update.deleted.iter().map(String::as_str).collect(),
            )),
            _ => None,
        })
        .collect::<Vec<(_, Vec<&str>, Vec<&str>)>>();
    assert_eq!(
        changes,
        [
            (one, vec!["interval", "mode"], vec![]),
            (two, vec!["mode"], vec![]),
            (one, vec![], vec!["interval"]),
        ]
    );
    rig.events.clear();
    let now = rig.at();
    rig.client.unsubscribe_from_attributes(now, every);
    rig.control(json!({ "do": "set_shared", "device": "one", "values": { "interval": 3 } }));
    rig.wait(sec(1));
    assert_eq!(rig.events, []);
}

#[test]
fn a_call_to_a_child_reaches_its_taker_and_its_answer_the_caller() {
    let mut rig = Rig::new();
    let [one, _two] = ["one", "two"].map(|name| rig.child(name));
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let reset = RpcMethods::Named("reset".to_owned());
    let own = gateway.serve_rpc(now, WhichChildren::One(one), reset.clone());
    let own = own.unwrap();
    let all = gateway.serve_rpc(now, WhichChildren::All, reset).unwrap();
    rig.wait(sec(2));
    rig.call("one", "reset");
    rig.call("two", "reset");
    rig.wait(sec(1));
    let takers: Vec<_> = rig.calls.iter().map(tb_proto::RpcRequest::server).collect();
    assert_eq!(takers, [own, all]);
    for call in core::mem::take(&mut rig.calls) {
        assert!(call.child().is_some());
        let now = rig.at();
        let reply = json!({ "by": call.child().unwrap().get() });
        let sent = rig.client.send_rpc_reply(now, call, &reply).unwrap();
        rig.wait(sec(1));
        assert!(rig.is_delivered(sent));
    }
    assert_eq!(
        replies(&rig),
        [
            ("one", json!({ "by": 0 }), true),
            ("two", json!({ "by": 1 }), true)
        ]
    );
    rig.call("two", "unheard of");
    rig.wait(sec(1));
    assert_eq!(replies(&rig)[2].1, json!({ "error": "unknown method" }));
}

#[test]
fn an_answer_that_is_no_json_is_refused_before_it_costs_the_connection() {
    let mut rig = Rig::new();
    let _ = rig.child("meter");
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let _ = gateway.serve_rpc(now, WhichChildren::All, RpcMethods::All);
    rig.wait(sec(2));
    rig.call("meter", "read");
    rig.wait(sec(1));
    let call = rig.calls.pop().unwrap();
    let now = rig.at();
    let refused = rig
        .client
        .send_rpc_reply(now, call, RpcReply::text("}, \"id\": 5"))
        .unwrap_err();
    assert!(matches!(refused.reason, RefusedReason::Payload(_)));
    let (call, _) = refused.into_item();
    let sent = rig.client.send_rpc_reply(now, call, RpcReply::text(""));
    let sent = sent.unwrap();
    rig.wait(sec(1));
    assert!(rig.is_delivered(sent));
    assert_eq!(replies(&rig), [("meter", json!(null), true)]);
}

#[test]
fn a_claim_of_a_child_arrives_with_its_secret() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    let now = rig.at();
    let sent = rig.client.gateway().claim(now, meter, "tulip").unwrap();
    rig.wait(sec(2));
    assert!(rig.is_delivered(sent));
    let claimed = rig.simulator.stored().iter().any(|fact| {
        matches!(fact, Stored::Claim { device, secret_key, .. }
            if device == "meter" && secret_key == "tulip")
    });
    assert!(claimed);
}

#[test]
fn the_gateway_itself_stays_a_device() {
    let mut rig = Rig::new();
    let _ = rig.child("meter");
    let now = rig.at();
    let sent = rig
        .client
        .send_telemetry(now, &json!({ "load": 3 }))
        .unwrap();
    rig.wait(sec(2));
    assert!(rig.is_delivered(sent));
    assert_eq!(rig.stored("gateway", "load"), [3]);
}

fn replies(rig: &Rig) -> Vec<(&str, serde_json::Value, bool)> {
    let stored = rig.simulator.stored().iter();
    stored
        .filter_map(|fact| match fact {
            Stored::RpcReply {
                device,
                payload,
                expected,
                ..
            } => Some((device.as_str(), payload.clone(), *expected)),
            _ => None,
        })
        .collect()
}

//! What keeps children where they are, and what happens to them on the server.

use serde_json::json;
use tb_proto::{
    AttributeKeys, Event, GatewayConfig, ProtocolVersion, RateLimits, RefusedReason, RpcMethods,
    RpcReply, VersionPolicy, WhichChildren,
};
use tb_tests::sim::{Charged, Setup, TenantLimits};

use super::rig::{Rig, config, setup};
use crate::{ms, sec};

fn limited(messages: &str, telemetry_messages: &str) -> Setup {
    let limit = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Setup {
        tenant_limits: TenantLimits {
            gateway_messages: limit(messages),
            gateway_telemetry_messages: limit(telemetry_messages),
            ..TenantLimits::default()
        },
        ..setup()
    }
}

/// What was refused, but for the end of sessions: nobody misses that.
fn refused(rig: &Rig) -> Vec<Charged> {
    let all = rig.simulator.over_limits().iter();
    all.map(|over| over.message)
        .filter(|&message| message != Charged::SessionClose)
        .collect()
}

#[test]
fn ten_thousand_children_are_announced_as_fast_as_the_limits_allow() {
    let config = config().rate_limit_share(100);
    let mut rig = Rig::of(config, limited("100:1,3000:60", ""));
    for at in 0..10_000 {
        rig.child(&format!("m{at}"));
    }
    // Two tokens for each child: 3,000 are there, and 50 come every second.
    let least = (2 * 10_000 - 3_000) / 50;
    rig.wait(sec(least - 1));
    assert!(rig.looked_up().len() < 10_000, "faster than can be");
    rig.wait(sec(least / 10 + 1));
    assert_eq!(rig.looked_up().len(), 10_000);
    assert_eq!(refused(&rig), []);
}

#[test]
fn the_limits_of_children_hold_up_neither_their_gateway_nor_its_limits_them() {
    let mut rig = Rig::of(config(), limited("100:1", "10:60"));
    let meter = rig.child("meter");
    rig.wait(sec(2));
    let sent: Vec<_> = (0..20)
        .map(|at| rig.send(meter, &json!({ "flow": at })))
        .collect();
    let now = rig.at();
    let own = rig
        .client
        .send_telemetry(now, &json!({ "load": 1 }))
        .unwrap();
    rig.wait(sec(5));
    assert!(rig.is_delivered(own));
    let there = rig.stored("meter", "flow").len();
    assert_eq!(there, 8, "four fifths of ten");
    rig.wait(sec(120));
    assert_eq!(rig.stored("meter", "flow"), (0..20).collect::<Vec<_>>());
    assert!(sent.into_iter().all(|sent| rig.is_delivered(sent)));
    assert_eq!(refused(&rig), []);
}

#[test]
fn limits_that_nobody_told_cost_a_pause_and_no_message() {
    for version in [ProtocolVersion::V5, ProtocolVersion::V3_1_1] {
        let config = config()
            .ask_session_limits(false)
            .version(VersionPolicy::Only(version));
        let mut rig = Rig::of(config, limited("", "10:1"));
        let meter = rig.child("meter");
        rig.wait(sec(2));
        let sent: Vec<_> = (0..30)
            .map(|at| rig.send(meter, &json!({ "flow": at })))
            .collect();
        rig.wait(sec(1_800));
        assert!(
            sent.into_iter().all(|sent| rig.is_delivered(sent)),
            "{version}"
        );
        let mut stored = rig.stored("meter", "flow");
        stored.sort_unstable();
        stored.dedup();
        assert_eq!(stored, (0..30).collect::<Vec<_>>(), "{version}");
    }
}

#[test]
fn a_quiet_child_still_hears_of_changes_after_hours_unless_that_is_switched_off() {
    for (keeps, gateway) in [
        (true, GatewayConfig::new()),
        (false, GatewayConfig::new().keep_alive(None)),
    ] {
        let mut rig = Rig::of(config().gateway(gateway), setup());
        let _ = rig.child("meter");
        let now = rig.at();
        let keys = AttributeKeys::All;
        let _ = rig
            .client
            .gateway()
            .subscribe_to_attributes(now, WhichChildren::All, keys);
        rig.wait(sec(7_200));
        rig.control(json!({ "do": "set_shared", "device": "meter", "values": { "mode": 1 } }));
        rig.wait(sec(1));
        let told = rig
            .events
            .iter()
            .any(|event| matches!(event, Event::ChildAttributesUpdated { .. }));
        assert_eq!(told, keeps);
        assert_eq!(rig.client.stats().connects, 1);
        assert_eq!(rig.client.stats().unexpected_answers, 0);
    }
}

#[test]
fn a_renamed_child_goes_on_under_its_new_name_with_what_waits_for_it() {
    let mut rig = Rig::new();
    let meter = rig.child("old");
    rig.wait(sec(2));
    let before = rig.send(meter, &json!({ "flow": 1 }));
    rig.wait(sec(1));
    let params = json!({ "old": "new" });
    rig.control(json!({
        "do": "rpc", "call": "notice", "device": "gateway",
        "method": "gateway_device_renamed", "params": params, "oneway": true,
    }));
    rig.wait(ms(50));
    let after = rig.send(meter, &json!({ "flow": 2 }));
    rig.wait(sec(1));
    assert!(rig.is_delivered(before) && rig.is_delivered(after));
    assert_eq!(rig.looked_up(), [("old", "meter"), ("new", "meter")]);
    assert_eq!(rig.stored("new", "flow"), [2]);
    let renamed = Event::ChildRenamed {
        child: meter,
        from: "old".to_owned(),
        to: "new".to_owned(),
    };
    assert!(rig.events.contains(&renamed));
    assert!(rig.calls.is_empty());
    assert_eq!(rig.client.gateway().find("new"), Some(meter));
    assert_eq!(rig.client.gateway().find("old"), None);
}

#[test]
fn a_deleted_child_is_created_again_only_by_what_is_sent_later() {
    let mut rig = Rig::new();
    let meter = rig.child("meter");
    rig.wait(sec(2));
    rig.control(json!({ "do": "delete_device", "device": "meter" }));
    rig.control(json!({
        "do": "rpc", "call": "notice", "device": "gateway",
        "method": "gateway_device_deleted", "params": "meter", "oneway": true,
    }));
    rig.wait(sec(1));
    assert!(rig.events.contains(&Event::ChildDeleted { child: meter }));
    rig.cut();
    rig.wait(sec(3_600));
    assert_eq!(rig.looked_up().len(), 1, "nothing brings it back by itself");
    let sent = rig.send(meter, &json!({ "flow": 3 }));
    rig.wait(sec(5));
    assert!(rig.is_delivered(sent));
    assert_eq!(rig.looked_up(), [("meter", "meter"), ("meter", "meter")]);
}

#[test]
fn a_deleted_child_comes_back_although_what_waits_for_it_fills_the_queue() {
    let one_an_hour = RateLimits {
        telemetry_messages: "1:3600".parse().unwrap(),
        ..RateLimits::default()
    };
    let config = config()
        .max_queued_messages(2)
        .gateway(GatewayConfig::new().rate_limits(one_an_hour));
    let mut rig = Rig::of(config, setup());
    let meter = rig.child("meter");
    rig.wait(sec(2));
    let sent = rig.send(meter, &json!({ "flow": 1 }));
    rig.wait(sec(2));
    assert!(rig.is_delivered(sent));
    let waiting = [2, 3].map(|flow| rig.send(meter, &json!({ "flow": flow })));
    rig.control(json!({ "do": "delete_device", "device": "meter" }));
    rig.control(json!({
        "do": "rpc", "call": "notice", "device": "gateway",
        "method": "gateway_device_deleted", "params": "meter", "oneway": true,
    }));
    rig.wait(sec(7_200));
    assert_eq!(rig.looked_up().len(), 1, "nothing brings it back by itself");
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let refused = gateway.send_telemetry(now, meter, &json!({ "flow": 4 }));
    let reason = refused.unwrap_err().reason;
    assert!(
        matches!(reason, RefusedReason::QueueFull { .. }),
        "{reason:?}"
    );
    rig.wait(sec(7_200));
    assert!(rig.looked_up().len() > 1);
    assert!(waiting.into_iter().all(|sent| rig.is_delivered(sent)));
}

#[test]
fn on_3_1_1_an_acknowledgement_that_a_close_follows_delivers_nothing() {
    let config = config().version(VersionPolicy::Only(ProtocolVersion::V3_1_1));
    let mut rig = Rig::of(config, setup());
    let [broken, whole] = ["broken", "whole"].map(|name| rig.child(name));
    rig.wait(sec(2));
    // What cannot be queued is acknowledged, and then the connection ends (TB §9.10).
    rig.control(json!({ "do": "queue_error", "what": "telemetry", "device": "broken" }));
    let lost = rig.send(broken, &json!({ "flow": 1 }));
    rig.wait(sec(60));
    let sent = rig.send(whole, &json!({ "flow": 2 }));
    rig.wait(sec(600));
    assert!(rig.stored("broken", "flow").is_empty());
    assert!(!rig.is_delivered(lost));
    assert!(rig.is_delivered(sent));
}

#[test]
fn a_child_costs_a_few_hundred_bytes() {
    let mut rig = Rig::new();
    for at in 0..10_000 {
        rig.child(&format!("meter-{at}"));
    }
    rig.wait(sec(30));
    let stats = rig.client.stats();
    assert_eq!(stats.children, 10_000);
    let each = stats.children_bytes / stats.children;
    assert!(each < 400, "{each} bytes for a child that does nothing");
}

#[test]
fn a_call_that_a_renamed_child_has_not_answered_stays_one_call_and_is_answered_under_its_new_name()
{
    let mut rig = Rig::new();
    let _ = rig.child("old");
    let now = rig.at();
    let served = rig
        .client
        .gateway()
        .serve_rpc(now, WhichChildren::All, RpcMethods::All);
    served.unwrap();
    rig.wait(sec(2));
    rig.call("old", "read");
    rig.wait(sec(1));
    // The server repeats the call to the child that is announced under its new name.
    rig.control(json!({ "do": "rename_device", "device": "old", "name": "new" }));
    rig.wait(sec(1));
    assert_eq!(rig.looked_up(), [("old", "meter"), ("new", "meter")]);
    assert_eq!(rig.calls.len(), 1);
    let (now, call) = (rig.at(), rig.calls.remove(0));
    let reply = RpcReply::new(&json!({ "kWh": 7 }));
    let answered = rig.client.send_rpc_reply(now, call, reply).unwrap();
    rig.wait(sec(1));
    assert!(rig.is_delivered(answered));
    assert_eq!(rig.looked_up().len(), 2, "nobody is called as before");
}

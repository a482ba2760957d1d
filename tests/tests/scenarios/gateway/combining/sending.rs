//! What goes in one publish, and when.

use core::time::Duration;

use serde_json::{Value, json};
use tb_proto::{Client, Combining, Priority, QoS, Telemetry};
use tb_tests::sim::{Stored, TypedValue};

use super::{all_delivered, combining, elements, name, publishes, rig, telemetry, with_children};
use crate::gateway::rig::{Rig, config, setup};
use crate::{ms, sec};

#[test]
fn telemetry_of_several_children_is_one_publish_and_each_value_is_stored_with_its_child() {
    let (mut rig, children) = rig(10);
    let mut sent = Vec::new();
    for number in 0..3 {
        for (at, &child) in children.iter().enumerate() {
            sent.push(rig.send(child, &json!({ "flow": 10 * at + number })));
        }
    }
    rig.wait(ms(99));
    assert_eq!(telemetry(&rig), [] as [Value; 0], "it waits for more");
    rig.wait(sec(1));
    let publishes = telemetry(&rig);
    assert_eq!(publishes.len(), 1);
    assert_eq!(elements(&publishes[0]), 30);
    for at in 0..10 {
        let first = 10 * i64::try_from(at).unwrap();
        assert_eq!(rig.stored(&name(at), "flow"), [first, first + 1, first + 2]);
    }
    all_delivered(&mut rig, sent);
    assert_eq!(rig.client.stats().acknowledged, 30);
}

#[test]
fn a_gateway_that_was_not_told_to_combine_does_not() {
    let (mut rig, children) = with_children(config(), setup(), 10);
    let sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    rig.wait(ms(1));
    assert_eq!(telemetry(&rig).len(), 10);
    rig.wait(sec(1));
    all_delivered(&mut rig, sent);
}

#[test]
fn a_publish_goes_as_soon_as_it_has_the_most_data_points_and_never_has_more() {
    let bound = Combining::new().max_data_points(10).max_delay(sec(60));
    let (mut rig, children) = with_children(combining(bound), setup(), 9);
    let mut sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    rig.wait(sec(1));
    assert_eq!(telemetry(&rig).len(), 0);
    // Two more are one too many: the nine go without it.
    sent.push(rig.send(children[0], &json!({ "flow": 2, "level": 3 })));
    rig.wait(sec(1));
    assert_eq!(
        telemetry(&rig).iter().map(elements).collect::<Vec<_>>(),
        [9]
    );
    for &child in &children[..8] {
        sent.push(rig.send(child, &json!({ "flow": 4 })));
    }
    rig.wait(sec(1));
    assert_eq!(
        telemetry(&rig).iter().map(elements).collect::<Vec<_>>(),
        [9, 9],
        "with the two they are ten"
    );
    // What has more by itself travels alone, and waits for nobody.
    let many: serde_json::Map<_, _> = (0..12).map(|at| (format!("k{at}"), json!(at))).collect();
    sent.push(rig.send(children[0], &many.into()));
    rig.wait(sec(1));
    assert_eq!(telemetry(&rig).len(), 3);
    all_delivered(&mut rig, sent);
}

#[test]
fn a_publish_goes_as_soon_as_it_is_large_enough_and_is_never_larger() {
    let bound = Combining::new().max_bytes(1_000).max_delay(sec(60));
    let (mut rig, children) = with_children(combining(bound), setup(), 40);
    let mut sent = Vec::new();
    for number in 0..5 {
        for &child in &children {
            sent.push(rig.send(child, &json!({ "flow": number })));
        }
    }
    rig.wait(sec(1));
    let publishes = telemetry(&rig);
    let sizes: Vec<_> = publishes.iter().map(|it| it.to_string().len()).collect();
    assert!(
        sizes.iter().all(|size| (850..=1_000).contains(size)),
        "{sizes:?}"
    );
    rig.wait(sec(60));
    all_delivered(&mut rig, sent);
}

#[test]
fn the_limit_of_the_server_on_packets_holds_whatever_was_configured() {
    let bound = Combining::new()
        .max_bytes(usize::MAX)
        .max_data_points(u32::MAX);
    let mut setup = setup();
    setup.server.max_packet_remaining_length = 2_000;
    let (mut rig, children) = with_children(combining(bound), setup, 20);
    rig.wait(sec(5));
    let mut sent = Vec::new();
    for number in 0..20 {
        for &child in &children {
            sent.push(rig.send(child, &json!({ "flow": number })));
        }
    }
    rig.wait(sec(10));
    let publishes = telemetry(&rig);
    assert!((8..20).contains(&publishes.len()), "{}", publishes.len());
    all_delivered(&mut rig, sent);
    assert_eq!(rig.client.stats().connects, 1);
}

#[test]
fn nothing_waits_longer_than_it_was_allowed_to() {
    let bound = Combining::new().max_delay(ms(300));
    let (mut rig, children) = with_children(combining(bound), setup(), 2);
    let first = rig.send(children[0], &json!({ "flow": 1 }));
    rig.wait(ms(200));
    let second = rig.send(children[1], &json!({ "flow": 2 }));
    rig.wait(ms(99));
    assert_eq!(telemetry(&rig).len(), 0);
    rig.wait(ms(2));
    assert_eq!(telemetry(&rig).len(), 1, "the oldest decides");
    rig.wait(sec(1));
    all_delivered(&mut rig, vec![first, second]);
}

#[test]
fn at_no_delay_only_what_waits_anyway_is_combined() {
    let bound = Combining::new().max_delay(Duration::ZERO);
    let (mut rig, children) = with_children(combining(bound), setup(), 20);
    let sent = rig.send(children[0], &json!({ "flow": 1 }));
    rig.wait(ms(0));
    assert_eq!(telemetry(&rig).len(), 1);
    rig.cut();
    let mut sent = vec![sent];
    for &child in &children {
        sent.push(rig.send(child, &json!({ "flow": 2 })));
    }
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    let publishes = telemetry(&rig).len();
    assert!(publishes < 10, "{publishes} publishes for the backlog");
}

#[test]
fn what_has_a_wish_of_its_own_goes_at_once_and_overtakes_nothing_of_its_child() {
    let (mut rig, children) = rig(2);
    let waits = rig.send(children[0], &json!({ "flow": 1 }));
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let urgent = Telemetry::from(&json!({ "alarm": 2 })).priority(Priority::High);
    let urgent = gateway.send_telemetry(now, children[1], urgent).unwrap();
    rig.wait(ms(10));
    assert_eq!(telemetry(&rig).len(), 2);
    let before = rig.send(children[0], &json!({ "flow": 2 }));
    let now = rig.at();
    let mut gateway = rig.client.gateway();
    let once = Telemetry::from(&json!({ "flow": 3 })).qos(QoS::AtMostOnce);
    let once = gateway.send_telemetry(now, children[0], once).unwrap();
    let claim = gateway.claim(now, children[0], "tulip").unwrap();
    rig.wait(sec(1));
    assert_eq!(rig.stored("m0", "flow"), [1, 2, 3]);
    all_delivered(&mut rig, vec![waits, urgent, before, once, claim]);
}

#[test]
fn attributes_of_several_children_share_a_publish_where_they_wait_anyway() {
    let (mut rig, children) = rig(20);
    rig.cut();
    let mut sent = Vec::new();
    for number in 0..3 {
        for &child in &children {
            sent.push(rig.attributes(child, &json!({ "serial": number })));
        }
    }
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    let publishes = publishes(&rig, "v1/gateway/attributes");
    let objects = publishes
        .iter()
        .filter(|publish| publish.get("id").is_none());
    assert!(objects.count() < 10);
    for at in 0..20 {
        assert_eq!(rig.stored(&name(at), "serial").last(), Some(&2));
    }
}

#[test]
fn what_can_share_nothing_does_not_bring_others_together_without_it() {
    let (mut rig, children) = rig(3);
    rig.cut();
    let mut sent = vec![rig.attributes(children[0], &json!({ "serial": null }))];
    for &child in &children[1..] {
        sent.push(rig.attributes(child, &json!({ "serial": 1 })));
    }
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    let publishes = publishes(&rig, "v1/gateway/attributes");
    assert_eq!(
        publishes,
        [
            json!({ "m0": { "serial": null } }),
            json!({ "m1": { "serial": 1 }, "m2": { "serial": 1 } }),
        ]
    );
}

#[test]
fn the_window_counts_packets_and_not_what_is_in_them() {
    let config = combining(Combining::new().max_data_points(50)).max_inflight(2);
    let (mut rig, children) = with_children(config, setup(), 10);
    rig.simulator.faults_mut().puback_delay_us = 50_000;
    let mut sent = Vec::new();
    for number in 0..40 {
        for &child in &children {
            sent.push(rig.send(child, &json!({ "flow": number })));
        }
    }
    rig.wait(ms(0));
    assert_eq!(telemetry(&rig).len(), 2);
    assert_eq!(rig.client.stats().inflight, 100);
    rig.wait(sec(5));
    assert_eq!(telemetry(&rig).len(), 8);
    assert_eq!(rig.simulator.most_in_flight(), 2);
    all_delivered(&mut rig, sent);
}

#[test]
fn what_shares_a_publish_overtakes_nothing_of_its_own_child() {
    let (mut rig, children) = rig(2);
    rig.cut();
    let mut sent = vec![rig.send(children[0], &json!({ "flow": 1 }))];
    let now = rig.at();
    let claim = rig.client.gateway().claim(now, children[0], "tulip");
    sent.push(claim.unwrap());
    for &child in &children {
        sent.push(rig.send(child, &json!({ "flow": 2 })));
    }
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    let of_first = |publish: &Value| publish.get("m0").is_some();
    assert!(of_first(&telemetry(&rig)[0]));
    let is_claim = |fact: &Stored| matches!(fact, Stored::Claim { .. });
    let is_second = |fact: &Stored| {
        matches!(fact, Stored::Telemetry { device, value, .. }
            if device == "m0" && *value == TypedValue::Long(2))
    };
    let stored = rig.simulator.stored();
    let place = |what: &dyn Fn(&Stored) -> bool| stored.iter().position(what);
    assert!(place(&is_claim) < place(&is_second));
}

#[test]
fn what_waits_for_the_wall_clock_does_not_overtake_what_waits_for_others() {
    let gateway = combining(Combining::new().max_delay(sec(10)));
    let mut rig = Rig::of(gateway.clone(), setup());
    rig.client = Client::new(gateway, rig.at(), 7).unwrap();
    let meter = rig.child("m0");
    rig.wait(sec(2));
    let now = rig.at();
    let unix_ms = setup().server.unix_ms_at_start;
    let timed = Telemetry::from(&json!({ "flow": 1 })).at(unix_ms);
    let timed = rig.client.gateway().send_telemetry(now, meter, timed);
    let sent = vec![timed.unwrap(), rig.send(meter, &json!({ "flow": 2 }))];
    rig.client.set_wall_clock(now, unix_ms + 2_000);
    rig.wait(sec(20));
    all_delivered(&mut rig, sent);
    assert_eq!(rig.stored("m0", "flow"), [1, 2]);
}

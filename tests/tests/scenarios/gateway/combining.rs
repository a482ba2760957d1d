//! Messages of several children in one publish.

use core::time::Duration;

use serde_json::{Value, json};
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    ChildId, Combining, Config, Delivered, GatewayConfig, Overflow, Pending, Priority,
    ProtocolVersion, QoS, ReasonCode, Rejection, Telemetry, UndeliveredCause, VersionPolicy,
};
use tb_tests::sim::{ChildPoison, Setup, TenantLimits};

use super::rig::{Rig, config, setup};
use crate::{ms, sec};

fn combining(combining: Combining) -> Config {
    config().gateway(GatewayConfig::new().combine(combining))
}

/// A gateway that combines, with so many children, all announced.
fn with_children(config: Config, setup: Setup, children: usize) -> (Rig, Vec<ChildId>) {
    let mut rig = Rig::of(config, setup);
    let children = (0..children).map(|at| rig.child(&name(at))).collect();
    rig.wait(sec(5));
    (rig, children)
}

fn rig(children: usize) -> (Rig, Vec<ChildId>) {
    with_children(combining(Combining::new()), setup(), children)
}

fn name(child: usize) -> String {
    format!("m{child}")
}

/// The payloads of all publishes on a topic, in order.
fn publishes(rig: &Rig, topic: &str) -> Vec<Value> {
    let mut rest = rig.written.as_slice();
    let mut payloads = Vec::new();
    while let [first, after @ ..] = rest {
        let (mut length, mut digits) = (0, 0);
        for &byte in after.iter().take(4) {
            length |= usize::from(byte & 0x7F) << (7 * digits);
            digits += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (body, behind) = after[digits..].split_at(length);
        rest = behind;
        if first >> 4 == 3
            && body[..2] == u16::try_from(topic.len()).unwrap().to_be_bytes()
            && body[2..].starts_with(topic.as_bytes())
        {
            let identifier = usize::from(first & 0b0110 != 0) * 2;
            let behind = &body[2 + topic.len() + identifier..];
            // On MQTT 5 the length of no properties stands before it.
            let payload = behind.strip_prefix(&[0]).unwrap_or(behind);
            payloads.push(serde_json::from_slice(payload).unwrap());
        }
    }
    payloads
}

fn telemetry(rig: &Rig) -> Vec<Value> {
    publishes(rig, "v1/gateway/telemetry")
}

/// How many elements a publish has.
fn elements(publish: &Value) -> usize {
    let children = publish.as_object().unwrap().values();
    children.map(|child| child.as_array().unwrap().len()).sum()
}

fn all_delivered(rig: &mut Rig, sent: Vec<Pending<Delivered>>) {
    for sent in sent {
        assert!(rig.is_delivered(sent), "{sent:?}");
    }
}

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
    for number in 0..8 {
        sent.push(rig.send(children[number], &json!({ "flow": 4 })));
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

/// Twenty children; the part of one is taken badly.
fn poisoned(version: ProtocolVersion, poison: ChildPoison) {
    let config = combining(Combining::new()).version(VersionPolicy::Only(version));
    let (mut rig, children) = with_children(config, setup(), 20);
    let poisoned = &mut rig.simulator.faults_mut().poisoned_children;
    poisoned.insert(name(7), poison);
    let mut sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    rig.wait(sec(1));
    assert_eq!(elements(&telemetry(&rig)[0]), 20, "they were together");
    let refused = sent.remove(7);
    // Others go on being acknowledged, which shows that the topic is not to blame.
    for number in 0..20 {
        rig.wait(sec(30));
        sent.push(rig.send(children[0], &json!({ "flow": 2 + number })));
    }
    rig.wait(sec(600));
    let cause = rig.outcome(refused).unwrap().unwrap_err().cause;
    let rejection = match (version, poison) {
        (V5, ChildPoison::Element) => Rejection::Reason(ReasonCode::PAYLOAD_FORMAT_INVALID),
        (V5, ChildPoison::Handler) => Rejection::Reason(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR),
        _ => Rejection::ClosesConnection,
    };
    assert_eq!(cause, UndeliveredCause::Rejected(rejection));
    all_delivered(&mut rig, sent);
    assert!(rig.stored(&name(7), "flow").is_empty());
    for at in (0..20).filter(|&at| at != 7) {
        assert_eq!(rig.stored(&name(at), "flow")[0], 1);
    }
    let stats = rig.client.stats();
    assert!(stats.connects <= 8, "{stats:?}");
}

#[test]
fn on_mqtt_5_of_twenty_children_only_the_one_is_rejected_whose_part_is_invalid() {
    poisoned(V5, ChildPoison::Element);
}

#[test]
fn on_mqtt_5_of_twenty_children_only_the_one_is_rejected_on_which_the_server_fails() {
    poisoned(V5, ChildPoison::Handler);
}

#[test]
fn on_mqtt_3_of_twenty_children_only_the_one_is_rejected_whose_part_is_invalid() {
    poisoned(V3_1_1, ChildPoison::Element);
}

#[test]
fn on_mqtt_3_of_twenty_children_only_the_one_is_rejected_on_which_the_server_fails() {
    poisoned(V3_1_1, ChildPoison::Handler);
}

#[test]
fn on_mqtt_3_of_twenty_children_only_the_one_is_rejected_on_which_the_server_hangs_up() {
    poisoned(V3_1_1, ChildPoison::HangUp);
}

#[test]
fn refused_parts_are_sent_again_with_the_same_times() {
    let (mut rig, children) = rig(3);
    let poisoned = &mut rig.simulator.faults_mut().poisoned_children;
    poisoned.insert(name(1), ChildPoison::Element);
    for &child in &children {
        let _ = rig.send(child, &json!({ "flow": 1 }));
    }
    rig.wait(sec(5));
    let publishes = telemetry(&rig);
    assert_eq!(
        publishes.iter().map(elements).collect::<Vec<_>>(),
        [3, 1, 1, 1]
    );
    for (at, alone) in (0..3).zip(&publishes[1..]) {
        assert_eq!(alone[name(at)], publishes[0][name(at)]);
    }
}

#[test]
fn the_order_of_each_child_is_kept_over_lost_connections() {
    for version in [V5, V3_1_1] {
        let config = combining(Combining::new().max_delay(ms(20)));
        let config = config.version(VersionPolicy::Only(version));
        let (mut rig, children) = with_children(config, setup(), 5);
        let mut sent = Vec::new();
        for round in 0..10 {
            for number in 0..20 {
                for &child in &children {
                    sent.push(rig.send(child, &json!({ "flow": 20 * round + number })));
                }
                rig.wait(ms(3));
            }
            rig.cut();
            rig.wait(sec(61));
        }
        rig.wait(sec(120));
        all_delivered(&mut rig, sent);
        for at in 0..5 {
            let stored = rig.stored(&name(at), "flow");
            let mut first_times = Vec::new();
            for flow in stored {
                if !first_times.contains(&flow) {
                    first_times.push(flow);
                }
            }
            assert_eq!(first_times, (0..200).collect::<Vec<_>>(), "{version}");
        }
        let publishes = telemetry(&rig).len();
        assert!(publishes < 200, "{publishes} publishes for 1,000 messages");
    }
}

#[test]
fn a_child_that_is_not_announced_is_in_no_publish() {
    let setup = Setup {
        max_devices: Some(11),
        ..setup()
    };
    // Ten and the gateway: the eleventh child is not taken.
    let (mut rig, children) = with_children(combining(Combining::new()), setup, 11);
    let mut sent: Vec<_> = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })))
        .collect();
    let late = rig.child("late");
    let waits = sent.pop().unwrap();
    let too_late = rig.send(late, &json!({ "flow": 1 }));
    rig.wait(sec(2));
    rig.cut();
    sent.extend(
        children[..10]
            .iter()
            .map(|&child| rig.send(child, &json!({ "flow": 2 }))),
    );
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    assert_eq!((rig.outcome(waits), rig.outcome(too_late)), (None, None));
    for publish in telemetry(&rig) {
        assert_eq!((publish.get("m10"), publish.get("late")), (None, None));
    }
    assert_eq!(rig.simulator.violations(), []);
    assert!(
        rig.looked_up()
            .iter()
            .all(|&(_, profile)| profile == "meter")
    );
}

#[test]
fn under_a_limit_on_telemetry_messages_more_gets_through() {
    let readings = 300;
    let run = |config: Config| {
        let setup = Setup {
            tenant_limits: TenantLimits {
                gateway_telemetry_messages: Some("10:1".to_owned()),
                ..TenantLimits::default()
            },
            ..setup()
        };
        let (mut rig, children) = with_children(config, setup, 3);
        for number in 0..readings {
            for &child in &children {
                let _ = rig.send(child, &json!({ "flow": number }));
            }
        }
        let start = rig.at();
        while rig.client.stats().queued_messages > 0 {
            rig.wait(ms(100));
        }
        assert_eq!(rig.client.stats().acknowledged, 3 * readings);
        assert_eq!(rig.simulator.over_limits(), []);
        (rig.at().duration_since(start), telemetry(&rig).len())
    };
    let (each, publishes) = run(config());
    assert!(each > sec(80), "{each:?}: ten, or eight, a second");
    assert_eq!(publishes, 900);
    let (together, publishes) = run(combining(Combining::new()));
    assert!(together < sec(2), "{together:?}");
    assert!(publishes < 10, "{publishes}");
}

#[test]
fn the_limits_of_children_on_data_points_hold_together_too() {
    let setup = Setup {
        tenant_limits: TenantLimits {
            gateway_data_points: Some("100:1".to_owned()),
            ..TenantLimits::default()
        },
        ..setup()
    };
    let (mut rig, children) = with_children(combining(Combining::new()), setup, 20);
    let mut sent = Vec::new();
    for number in 0..50 {
        for &child in &children {
            sent.push(rig.send(child, &json!({ "flow": number })));
        }
    }
    rig.wait(sec(8));
    assert!(rig.client.stats().queued_messages > 0, "faster than can be");
    rig.wait(sec(10));
    all_delivered(&mut rig, sent);
    assert_eq!(rig.simulator.over_limits(), []);
}

#[test]
fn limits_that_nobody_told_cost_a_pause_and_no_message() {
    for version in [V5, V3_1_1] {
        let config = combining(Combining::new().max_data_points(20))
            .ask_session_limits(false)
            .version(VersionPolicy::Only(version));
        let setup = Setup {
            tenant_limits: TenantLimits {
                gateway_data_points: Some("30:1".to_owned()),
                ..TenantLimits::default()
            },
            ..setup()
        };
        let (mut rig, children) = with_children(config, setup, 5);
        let mut sent = Vec::new();
        for number in 0..30 {
            for &child in &children {
                sent.push(rig.send(child, &json!({ "flow": number })));
            }
        }
        rig.wait(sec(3_600));
        all_delivered(&mut rig, sent);
        for at in 0..5 {
            let mut stored = rig.stored(&name(at), "flow");
            stored.sort_unstable();
            stored.dedup();
            assert_eq!(stored, (0..30).collect::<Vec<_>>(), "{version}");
        }
    }
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
fn attributes_that_are_refused_together_go_apart() {
    let (mut rig, children) = rig(20);
    let poisoned = &mut rig.simulator.faults_mut().poisoned_children;
    poisoned.insert(name(7), ChildPoison::Element);
    let mut sent: Vec<_> = children
        .iter()
        .map(|&child| rig.attributes(child, &json!({ "serial": 1 })))
        .collect();
    rig.wait(sec(5));
    let refused = rig.outcome(sent.remove(7)).unwrap().unwrap_err();
    let rejection = Rejection::Reason(ReasonCode::PAYLOAD_FORMAT_INVALID);
    assert_eq!(refused.cause, UndeliveredCause::Rejected(rejection));
    all_delivered(&mut rig, sent);
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

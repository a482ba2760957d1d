//! A part that the server does not take.

use serde_json::json;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    Combining, ProtocolVersion, ReasonCode, Rejection, UndeliveredCause, VersionPolicy,
};
use tb_tests::sim::ChildPoison;

use super::{all_delivered, combining, elements, name, rig, telemetry, with_children};
use crate::gateway::rig::setup;
use crate::sec;

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
fn on_mqtt_5_of_twenty_children_only_the_one_is_rejected_that_is_blamed_for_the_end() {
    poisoned(V5, ChildPoison::Uncaught);
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

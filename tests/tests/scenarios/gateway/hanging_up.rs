//! A child at whose announcement the server hangs up, among others.

use serde_json::json;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    ChildId, ChildRefusal, Delivered, Event, Pending, ProtocolVersion, State, VersionPolicy,
};
use tb_tests::sim::{ChildPoison, Setup, TenantLimits};

use super::rig::{Rig, config, setup};
use crate::{ms, sec};

const WAYS: [(ProtocolVersion, ChildPoison); 4] = [
    (V5, ChildPoison::Uncaught),
    (V3_1_1, ChildPoison::Uncaught),
    (V3_1_1, ChildPoison::Handler),
    (V3_1_1, ChildPoison::HangUp),
];

/// Twenty children of which something waits; the announcement of the eighth is taken badly.
fn poisoned(
    version: ProtocolVersion,
    poison: ChildPoison,
) -> (Rig, Vec<ChildId>, Vec<Pending<Delivered>>) {
    let config = config().version(VersionPolicy::Only(version));
    let mut rig = Rig::of(config, setup());
    let poisoned = &mut rig.simulator.faults_mut().poisoned_connects;
    poisoned.insert("m7".to_owned(), poison);
    let children: Vec<_> = (0..20).map(|at| rig.child(&format!("m{at}"))).collect();
    let sent = children
        .iter()
        .map(|&child| rig.send(child, &json!({ "flow": 1 })));
    let sent = sent.collect();
    (rig, children, sent)
}

fn refusals(rig: &Rig) -> Vec<(ChildId, ChildRefusal)> {
    let refused = rig.events.iter().filter_map(|event| match event {
        Event::ChildRefused { child, reason } => Some((*child, *reason)),
        _ => None,
    });
    refused.collect()
}

#[test]
fn only_that_child_is_refused_and_the_others_go_on() {
    for (version, poison) in WAYS {
        let (mut rig, children, mut sent) = poisoned(version, poison);
        let waits = sent.remove(7);
        rig.wait(sec(120));
        for sent in sent {
            assert!(rig.is_delivered(sent), "{version} {poison:?}");
        }
        rig.wait(sec(180));
        let refused = (children[7], ChildRefusal::ClosesConnection);
        assert_eq!(refusals(&rig), [refused], "{version} {poison:?}");
        let connects = rig.client.stats().connects;
        assert!(connects <= 7, "{version} {poison:?}: {connects}");
        rig.wait(sec(3_000));
        assert_eq!(rig.client.stats().connects, connects, "it holds now");
        assert_eq!(rig.outcome(waits), None, "it waits for its child");
        let now = rig.at();
        assert!(rig.client.cancel(now, waits.id()));
    }
}

#[test]
fn an_hour_later_it_is_tried_once_alone() {
    for (version, poison) in WAYS {
        let (mut rig, children, sent) = poisoned(version, poison);
        rig.wait(sec(300));
        let connects = rig.client.stats().connects;
        rig.wait(sec(3_600));
        let refused = (children[7], ChildRefusal::ClosesConnection);
        assert_eq!(refusals(&rig), [refused, refused], "{version} {poison:?}");
        assert_eq!(rig.client.stats().connects, connects + 1);
        rig.simulator.faults_mut().poisoned_connects.clear();
        rig.wait(sec(3_700));
        assert!(rig.is_delivered(sent[7]), "the server was mended");
        assert_eq!(rig.stored("m7", "flow"), [1]);
        assert_eq!(rig.client.stats().connects, connects + 1);
    }
}

#[test]
fn cuts_while_children_are_announced_refuse_none() {
    for version in [V5, V3_1_1] {
        let config = config().version(VersionPolicy::Only(version));
        let mut rig = Rig::of(config, setup());
        let children: Vec<_> = (0..50).map(|at| rig.child(&format!("m{at}"))).collect();
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.extend(
                children
                    .iter()
                    .map(|&child| rig.send(child, &json!({ "flow": 1 }))),
            );
            // Until announcements are on their way, which a cut then hits.
            let connects = rig.client.stats().connects;
            while rig.client.stats().connects == connects {
                rig.wait(ms(1));
            }
            rig.wait(ms(3)).cut();
        }
        rig.wait(sec(120));
        for sent in sent {
            assert!(rig.is_delivered(sent), "{version}");
        }
        assert_eq!(refusals(&rig), [], "{version}");
        assert!(
            children
                .iter()
                .all(|&child| rig.client.gateway().is_announced(child))
        );
    }
}

#[test]
fn limits_that_nobody_told_refuse_no_child() {
    // Over them a connect ends the connection as an error does (reference §9.10).
    for version in [V5, V3_1_1] {
        let config = config()
            .ask_session_limits(false)
            .version(VersionPolicy::Only(version));
        let setup = Setup {
            tenant_limits: TenantLimits {
                gateway_messages: Some("20:1".to_owned()),
                ..TenantLimits::default()
            },
            ..setup()
        };
        let mut rig = Rig::of(config, setup);
        let children: Vec<_> = (0..100).map(|at| rig.child(&format!("m{at}"))).collect();
        let sent: Vec<_> = children
            .iter()
            .map(|&child| rig.send(child, &json!({ "flow": 1 })))
            .collect();
        rig.wait(sec(7_200));
        assert_eq!(refusals(&rig), [], "{version}");
        for sent in sent {
            assert!(rig.is_delivered(sent), "{version}");
        }
    }
}

#[test]
fn a_client_that_disconnects_does_not_wait_for_a_child_that_is_announced_alone() {
    let (mut rig, _, sent) = poisoned(V5, ChildPoison::Uncaught);
    let now = rig.at();
    assert!(rig.client.cancel(now, sent[7].id()));
    // It was blamed for the end of two connections; on the third its turn comes after five seconds.
    while rig.client.stats().connects < 3 {
        rig.wait(ms(1));
    }
    let now = rig.at();
    let _ = rig.client.disconnect(now, now + sec(600));
    rig.wait(sec(30));
    assert_eq!(rig.client.state(), State::Closed);
    assert_eq!(rig.client.stats().connects, 3);
    for (place, sent) in sent.into_iter().enumerate() {
        assert_eq!(rig.is_delivered(sent), place != 7);
    }
}

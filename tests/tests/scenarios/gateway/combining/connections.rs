//! Connections that are lost, and children that are not there.

use serde_json::json;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Combining, VersionPolicy};
use tb_tests::sim::Setup;

use super::{all_delivered, combining, name, telemetry, with_children};
use crate::gateway::rig::setup;
use crate::{ms, sec};

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

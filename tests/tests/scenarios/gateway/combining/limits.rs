//! The server's rate limits, which count each child's part.

use serde_json::json;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Combining, Config, VersionPolicy};
use tb_tests::sim::{Setup, TenantLimits};

use super::{all_delivered, combining, name, telemetry, with_children};
use crate::gateway::rig::{config, setup};
use crate::{ms, sec};

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

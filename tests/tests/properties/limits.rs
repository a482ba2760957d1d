//! The server's rate limits are kept, and used.

use proptest::prelude::*;
use tb_proto::GatewayConfig;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::sim::{Charged, Setup, TenantLimits};
use tb_tests::world::{Play, Start, Step, World};

use crate::gateway::gateway;
use crate::ms;
use crate::promises::config;
use crate::strategy::{Life, World as Kind, life, life_of};

/// Limits as they are configured: messages, telemetry messages, data points.
fn limits() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    prop_oneof![
        Just(("20:1,600:60", "", "")),
        Just(("", "10:1,300:60", "")),
        Just(("", "", "30:1")),
        Just(("30:5", "20:3", "40:2,800:60")),
        Just(("100:60", "200:60", "2000:60")),
    ]
}

fn setup(seed: u64, (messages, telemetry_messages, data_points): (&str, &str, &str)) -> Setup {
    let limit = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Setup {
        tenant_limits: TenantLimits {
            device_messages: limit(messages),
            device_telemetry_messages: limit(telemetry_messages),
            device_data_points: limit(data_points),
            ..TenantLimits::default()
        },
        ..World::setup(seed)
    }
}

/// As [`setup`], and these are the limits of all children together.
fn setup_of_gateway(
    seed: u64,
    (messages, telemetry_messages, data_points): (&str, &str, &str),
) -> Setup {
    let limit = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut setup = World::setup(seed);
    setup.devices[0].gateway = true;
    setup.tenant_limits = TenantLimits {
        gateway_messages: limit(messages),
        gateway_telemetry_messages: limit(telemetry_messages),
        gateway_data_points: limit(data_points),
        ..TenantLimits::default()
    };
    setup
}

fn live(life: &Life, limits: (&str, &str, &str)) {
    let mut config = World::config().version(life.start.version());
    if life.seed.is_multiple_of(2) {
        config = config.coalesce(400, ms(300));
    }
    let setup = if life.start.is_gateway() {
        config = config.gateway(GatewayConfig::new());
        setup_of_gateway(life.seed, limits)
    } else {
        setup(life.seed, limits)
    };
    let mut world = World::of(config, setup, life.seed);
    // The limits are learned; what was sent before could not know them.
    world.expect_any_order().wait(ms(2_000));
    for &step in &life.steps {
        // A server that does not answer tells no limits.
        if !matches!(step, Step::DropAnswers(_)) {
            world.play(step);
        }
    }
    world.settle_within(ms(1_800_000));
    let refused = world.simulator().over_limits().iter();
    // Of the end of a session nobody can tell when the server counts it, and nobody misses it.
    let refused: Vec<_> = refused
        .filter(|over| over.message != Charged::SessionClose)
        .collect();
    assert!(refused.is_empty(), "under {limits:?}: {refused:?}");
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn the_server_never_refuses_anything_for_its_rate_on_mqtt_5(
        life in life(Kind::Hostile, V5, 200),
        limits in limits(),
    ) {
        live(&life, limits);
    }

    #[test]
    fn the_server_never_refuses_anything_for_its_rate_on_mqtt_3(
        life in life(Kind::NobodyHangsUp, V3_1_1, 200),
        limits in limits(),
    ) {
        live(&life, limits);
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn the_server_never_refuses_anything_of_children_for_its_rate(
        life in prop_oneof![
            life_of(gateway(Kind::Hostile), Start::Gateway(V5), 100),
            life_of(gateway(Kind::NobodyHangsUp), Start::Gateway(V3_1_1), 100),
        ],
        limits in limits(),
    ) {
        live(&life, limits);
    }
}

#[test]
fn at_least_95_percent_of_our_share_is_used() {
    // Over ten of the longest window, at latencies up to that of a satellite.
    for (limits, windows, latency) in [
        (("", "20:1,600:60", ""), 600, 1),
        (("", "20:1,600:60", ""), 600, 300),
        (("", "", "100:10"), 100, 50),
        (("", "30:5", "40:5"), 50, 150),
        (("", "300:60", ""), 600, 100),
    ] {
        for qos0 in [false, true] {
            let mut world = World::of(World::config(), setup(1, limits), 1);
            world.latency(ms(latency), ms(latency / 5)).wait(ms(5_000));
            if qos0 {
                world.send_qos0(20_000);
            } else {
                world.send(20_000);
            }
            world.wait(ms(windows * 1_000));
            let stats = world.device().stats();
            let sent = u32::try_from(stats.acknowledged + stats.sent).unwrap();
            // A full bucket at the start, and what flows into it; the tightest window counts.
            let share = [limits.0, limits.1, limits.2]
                .into_iter()
                .flat_map(|limit| limit.split(','))
                .filter_map(|window| window.split_once(':'))
                .map(|(capacity, seconds)| {
                    let capacity: f64 = capacity.parse().unwrap();
                    let seconds: f64 = seconds.parse().unwrap();
                    let time = f64::from(u32::try_from(windows).unwrap());
                    0.8 * capacity * (1.0 + time / seconds)
                })
                .fold(f64::INFINITY, f64::min);
            let used = f64::from(sent) / share;
            assert!(
                (0.95..=1.0).contains(&used),
                "{limits:?}, {latency} ms, QoS 0 {qos0}: {used}"
            );
            assert!(world.simulator().over_limits().is_empty());
        }
    }
}

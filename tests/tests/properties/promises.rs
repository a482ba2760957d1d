//! Nothing is lost, nothing grows, everything comes to rest.

use proptest::prelude::*;
use proptest::test_runner::Config;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::world::{Play, World};

use crate::live_bytes;
use crate::strategy::{Life, World as Kind, life};

const STEPS: usize = 300;

/// At least so many cases; `PROPTEST_CASES` may ask for more.
pub(crate) fn config(cases: u32) -> Config {
    let usual = Config::default();
    Config {
        cases: cases.max(usual.cases),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..usual
    }
}

fn live(life: &Life) {
    let mut world = World::measured(life.version, life.seed, live_bytes);
    for &step in &life.steps {
        world.play(step);
    }
    world.settle();
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn every_promise_is_kept_on_mqtt_5(life in life(Kind::Hostile, V5, STEPS)) {
        live(&life);
    }

    #[test]
    fn every_promise_is_kept_on_mqtt_3_when_nobody_hangs_up(
        life in life(Kind::NobodyHangsUp, V3_1_1, STEPS)
    ) {
        live(&life);
    }

    #[test]
    fn every_promise_is_kept_on_mqtt_3_within_the_bound_for_hang_ups(
        life in life(Kind::Hostile, V3_1_1, STEPS)
    ) {
        live(&life);
    }
}

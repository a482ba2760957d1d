//! Nothing is lost, nothing grows, everything comes to rest.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::State;
use tb_tests::world::{Play, Start, Step};

use crate::gateway::gateway;
use crate::strategy::{Life, World as Kind, life, life_of, other_support, step};
use crate::{live_bytes, ms};

const STEPS: usize = 300;

/// At least so many cases; `PROPTEST_CASES` may ask for more. They are the same in every run, so that a
/// failure is the fault of the change at hand; `PROPTEST_RNG_SEED` chooses others.
pub(crate) fn config(cases: u32) -> Config {
    let usual = Config::default();
    let rng_seed = match usual.rng_seed {
        RngSeed::Random => RngSeed::Fixed(2_024),
        chosen => chosen,
    };
    Config {
        rng_seed,
        cases: cases.max(usual.cases),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..usual
    }
}

fn any_version() -> BoxedStrategy<Step> {
    prop_oneof![60 => step(Kind::Hostile), 1 => other_support()].boxed()
}

pub(crate) fn live(life: &Life) {
    let mut world = life.start.measured(life.seed, live_bytes);
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

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn every_promise_is_kept_whichever_versions_the_server_speaks_from_time_to_time(
        life in life_of(any_version(), Start::Automatic, STEPS)
    ) {
        live(&life);
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn every_ticket_ends_when_the_device_disconnects(
        before in prop_oneof![
            life(Kind::Hostile, V5, 100),
            life(Kind::Hostile, V3_1_1, 100),
            life_of(gateway(Kind::Hostile), Start::AutomaticGateway, 100),
        ],
        after in life(Kind::Hostile, V5, 30),
        deadline in 0..20_000_u64,
    ) {
        let mut world = before.start.measured(before.seed, live_bytes);
        for &step in &before.steps {
            world.play(step);
        }
        world.fetch_events(true).disconnect(ms(deadline));
        for &step in &after.steps {
            world.play(step);
        }
        // Once the deadline is over, the last bytes may take another second.
        world.fetch_events(true).wait(ms(deadline + 1_100)).check();
        prop_assert_eq!(world.device().client().state(), State::Closed);
        prop_assert_eq!(world.device().client().poll_timeout(), None);
        prop_assert!(world.device().ledger().open().is_empty());
        world.wait(ms(600_000));
        let stats = world.device().stats();
        prop_assert_eq!((stats.queued_messages, stats.buffered_bytes), (0, 0));
    }
}

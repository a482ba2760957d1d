//! How bytes are cut up, and when outputs are fetched, makes no difference.

use core::time::Duration;

use proptest::prelude::*;
use tb_proto::Flushed;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::network::Pieces;
use tb_tests::world::{Draining, Ending, Play, Step, Trace, World};

use crate::promises::config;
use crate::strategy::{Life, World as Kind, life};

/// Everything that the machine says when what it reads is cut up like this.
fn said(life: &Life, pieces: Pieces) -> Trace {
    let mut world = life.start.begin(life.seed);
    world.draining(Draining::Late).trace().pieces(pieces);
    for &step in &life.steps {
        match step {
            // These treat the pieces of one write differently.
            Step::Pieces(_) | Step::CutAfter(..) => {}
            Step::Latency(latency, _) => {
                world.latency(latency, Duration::ZERO);
            }
            step => {
                world.play(step);
            }
        }
    }
    world.wait(Duration::from_secs(120));
    world.device().trace().cloned().unwrap_or_default()
}

/// How everything ended in a world without tight limits, and what the server has of it, if the driver drains like this.
fn outcome(life: &Life, draining: Draining) -> (Vec<Option<Ending>>, Vec<String>) {
    let mut world = World::with(World::config().version(life.start.version()), life.seed);
    world.draining(draining);
    for &step in &life.steps {
        match step {
            // Whether these have been written yet is what they are about.
            Step::SendAttributeQos0(_)
            | Step::SendAttributeExpiring(..)
            | Step::Cancel(_)
            | Step::FetchEvents(_) => continue,
            Step::Send(_)
            | Step::SendQos0(_)
            | Step::SendUrgent(_)
            | Step::SendAttribute(_)
            | Step::RequestAttributes(_)
            | Step::Call
            | Step::CallIdempotent => {}
            _ => {
                world.wait(Duration::ZERO);
            }
        }
        world.play(step);
    }
    world.settle();
    let readings = world.arrivals().readings();
    let times = readings.map(|n| format!("{n}: {:?}", world.arrivals().time_of(n)));
    let attributes = world.arrivals().attributes();
    let stored = times.chain(
        attributes
            .iter()
            .map(|(key, value)| format!("{key}: {value}")),
    );
    // A request overtakes what was sent before it and is not written yet, so the values that it is
    // told are those of another moment. Bytes that are fetched together arrive together, so what is still
    // without outcome when a flush is asked for, and at its deadline, may be another: only that it ends
    // remains the same.
    let endings = world
        .device()
        .ledger()
        .tickets()
        .map(|(_, ticket)| match &ticket.ending {
            Some(Ending::Answered(_)) => Some(Ending::Answered(String::new())),
            Some(Ending::Flushed(_)) => Some(Ending::Flushed(Flushed::default())),
            other => other.clone(),
        });
    (endings.collect(), stored.collect())
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn how_incoming_bytes_are_cut_up_changes_nothing(
        life in prop_oneof![life(Kind::Hostile, V5, 100), life(Kind::Hostile, V3_1_1, 100)],
        most in 2..40_usize,
    ) {
        let whole = said(&life, Pieces::Whole);
        prop_assert_eq!(&whole, &said(&life, Pieces::OneByte));
        prop_assert_eq!(&whole, &said(&life, Pieces::UpTo(most)));
    }

    #[test]
    fn when_and_in_which_order_outputs_are_fetched_changes_nothing(
        life in prop_oneof![life(Kind::Calm, V5, 100), life(Kind::Calm, V3_1_1, 100)],
    ) {
        let usual = outcome(&life, Draining::Usual);
        prop_assert_eq!(&usual, &outcome(&life, Draining::Reversed));
        prop_assert_eq!(&usual, &outcome(&life, Draining::Late));
    }
}

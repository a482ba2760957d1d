//! Small readings that travel together.

use tb_proto::UndeliveredCause;
use tb_tests::network::Cut;
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

fn together(bytes: usize, millis: u64) -> World {
    World::with(World::config().coalesce(bytes, ms(millis)), 1)
}

#[test]
fn readings_go_together_once_there_is_enough_of_them() {
    let mut world = together(1_000, 60_000);
    world.wait(sec(1));
    let before = world.device().wire().publishes;
    world.send(400).wait(sec(1));
    let packets = world.device().wire().publishes - before;
    let ledger = world.device().ledger();
    assert!((4..=20).contains(&packets), "{packets} packets");
    assert!(ledger.acknowledged() >= 360, "the last ones wait");
    world.wait(sec(60));
    assert_eq!(world.device().ledger().acknowledged(), 400);
    assert!((1..=400).all(|number| world.has_arrived(number)));
    world.settle();
}

#[test]
fn a_reading_that_nobody_joins_goes_when_it_has_waited_long_enough() {
    let mut world = together(1_000, 500);
    world.wait(sec(1)).send(1).wait(ms(400));
    assert_eq!(world.device().ledger().acknowledged(), 0);
    world.wait(ms(400));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.settle();
}

#[test]
fn readings_that_travel_together_survive_cuts_and_are_given_back_one_by_one() {
    let mut world = together(500, 200);
    world.wait(sec(1));
    for _ in 0..5 {
        world.send(50).wait(ms(60)).cut(Cut::Rst).wait(sec(3));
    }
    world.wait(sec(60));
    assert_eq!(world.device().ledger().acknowledged(), 250);
    world.fall_silent().send(30).disconnect(sec(1)).wait(sec(5));
    let abandoned = Ending::Undelivered(UndeliveredCause::Abandoned);
    let given_back = world.device().ledger().count(|ending| *ending == abandoned);
    assert_eq!(given_back, 30);
}

#[test]
fn a_reading_that_waits_for_others_can_be_taken_back() {
    let mut world = together(1_000, 500);
    world.wait(sec(1)).send(3).cancel(1).wait(sec(2));
    let cancelled = Ending::Undelivered(UndeliveredCause::Cancelled);
    assert_eq!(
        world.device().ledger().count(|ending| *ending == cancelled),
        1
    );
    assert_eq!(world.device().ledger().acknowledged(), 2);
    world.settle();
}

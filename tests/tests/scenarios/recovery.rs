//! Connections are lost, and nothing else is.

use tb_proto::LinkLost;
use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::network::Cut;
use tb_tests::world::World;

use crate::ms;

#[test]
fn a_reading_gets_through() {
    let mut world = World::new(1);
    world.send(1).wait(ms(1_000));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.settle();
}

#[test]
fn readings_survive_every_kind_of_cut() {
    for version in [V5, V3_1_1] {
        for how in [Cut::Silent, Cut::Fin, Cut::Rst] {
            let mut world = World::speaking(version, 2);
            world
                .send(5)
                .wait(ms(130))
                .send(5)
                .cut(how)
                .send(5)
                .settle();
            assert_eq!(
                world.device().ledger().acknowledged(),
                15,
                "{version} {how:?}"
            );
        }
    }
}

#[test]
fn a_claim_survives_every_kind_of_cut() {
    for version in [V5, V3_1_1] {
        for how in [Cut::Silent, Cut::Fin, Cut::Rst] {
            let mut world = World::speaking(version, 2);
            world.claim().wait(ms(130)).claim().cut(how).claim();
            world.settle();
            let acknowledged = world.device().ledger().acknowledged();
            assert_eq!(acknowledged, 3, "{version} {how:?}");
            assert!((1..=3).all(|number| world.arrivals().has_claim(number)));
        }
    }
}

#[test]
fn servers_are_tried_in_turn_and_the_one_that_works_is_kept() {
    let other = "mqtt://other".parse().expect("an address");
    let mut world = World::with(World::config().or_endpoint(other), 2);
    world
        .refuse_dials(LinkLost::ConnectionRefused)
        .wait(ms(20_000));
    let dialled = world.device().dialled();
    assert!(dialled.len() >= 3);
    assert!(
        dialled.windows(2).all(|pair| pair[0] != pair[1]),
        "{dialled:?}"
    );
    world.accept_dials().wait(ms(120_000));
    let working = world.device().dialled().last().cloned();
    world.cut(Cut::Rst).wait(ms(10_000));
    assert_eq!(world.device().dialled().last(), working.as_ref());
    world.settle();
}

#[test]
fn a_driver_that_is_late_for_everything_loses_nothing() {
    let mut world = World::new(2);
    world.wait(ms(1_000));
    for millis in [100, 5_000, 70_000, 90_000, 700_000] {
        world
            .send(3)
            .send_attribute(0)
            .freeze(ms(millis))
            .send(1)
            .wait(ms(3_000));
    }
    world.settle();
    assert_eq!(world.device().ledger().acknowledged(), 25);
}

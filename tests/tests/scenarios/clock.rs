//! Devices that do not know the time, or sleep through it.

use tb_proto::ProtocolVersion::V5;
use tb_proto::{Cause, Event, State, UndeliveredCause};
use tb_tests::network::Cut;
use tb_tests::sim::Timestamp;
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

#[test]
fn readings_of_a_device_that_boots_in_1970_wait_for_the_time_and_get_the_right_one() {
    let mut world = World::without_clock(1);
    let booted = world.unix_ms();
    world
        .wait(sec(5))
        .send(1)
        .wait(sec(5))
        .send(1)
        .wait(sec(10));
    assert!(
        !world.arrivals().has_reading(1),
        "nothing is sent without a time"
    );
    world.learn_wall_clock().send(1).wait(sec(1));
    let times: Vec<_> = (1..=3)
        .map(|number| world.arrivals().time_of(number))
        .collect();
    let at = |seconds: i64| Some(Timestamp::Device(booted + seconds * 1_000));
    assert_eq!(times, [at(5), at(10), at(20)]);
    world.settle();
}

#[test]
fn a_reading_that_expires_as_the_wait_for_the_time_ends_has_one_outcome_and_is_forgotten() {
    let mut world = World::without_clock(1);
    world.send_expiring(sec(60)).wait(sec(70));
    let expired = Ending::Undelivered(UndeliveredCause::Expired);
    assert_eq!(
        world.device().ledger().count(|ending| *ending == expired),
        1
    );
    assert_eq!(world.device().stats().queued_bytes, 0);
    world.settle();
}

#[test]
fn after_a_minute_in_1970_readings_go_without_a_time_and_are_counted() {
    let mut world = World::without_clock(1);
    world.wait(sec(5)).send(3).wait(sec(54));
    assert!(!world.arrivals().has_reading(1));
    world.wait(sec(5)).send(1).wait(sec(5));
    assert!(
        (1..=4).all(|number| {
            matches!(world.arrivals().time_of(number), Some(Timestamp::Server(_)))
        })
    );
    assert!(
        world
            .device()
            .notices()
            .any(|event| *event == Event::Unstamped { messages: 3 })
    );
    let counted = world.device().notices().map(|event| match event {
        Event::Unstamped { messages } => *messages,
        _ => 0,
    });
    assert_eq!(
        counted.sum::<u64>(),
        4,
        "those that came later are counted too"
    );
    world.settle();
}

#[test]
fn a_device_that_wakes_up_finds_out_at_once_that_its_connection_is_dead() {
    let mut world = World::speaking(V5, 1);
    world
        .wait(sec(10))
        .cut(Cut::Silent)
        .suspend(sec(1_800))
        .send(1);
    assert!(matches!(
        world.device().client().state(),
        State::Connected { .. }
    ));
    // The ping time-out, and not the keep alive on top of it.
    world.wait(sec(16));
    let keep_alive = |event: &Event| {
        matches!(
            event,
            Event::Disconnected {
                cause: Cause::KeepAlive,
                ..
            }
        )
    };
    assert!(world.device().notices().any(keep_alive));
    world.wait(sec(5));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.settle();
}

#[test]
fn a_device_that_wakes_up_keeps_a_connection_that_lives() {
    let mut world = World::speaking(V5, 1);
    world.wait(sec(10)).suspend(sec(300)).send(1).wait(sec(120));
    assert_eq!(world.device().stats().connects, 1);
    world.settle();
}

#[test]
fn a_reading_accepted_before_a_sleep_keeps_its_time() {
    let mut world = World::speaking(V5, 1);
    world.ignore_dials().wait(ms(10_000));
    let accepted = world.unix_ms();
    world
        .send(1)
        .suspend(sec(3_600))
        .accept_dials()
        .wait(sec(120));
    assert_eq!(
        world.arrivals().time_of(1),
        Some(Timestamp::Device(accepted))
    );
    world.settle();
}

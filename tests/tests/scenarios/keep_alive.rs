//! Connections that look idle, and connections that look busy.

use tb_proto::ProtocolVersion::V5;
use tb_proto::{Cause, Event};
use tb_tests::network::Cut;
use tb_tests::world::{Answering, World};

use crate::{ms, sec};

/// What the server sends is no activity of the device (TB §14.4), and its PUBACKs are none either:
/// without PINGREQ the server drops the session after ten minutes.
#[test]
fn fifteen_minutes_of_pushes_only_do_not_cost_the_session() {
    let mut world = World::speaking(V5, 1);
    world.follow_attributes().wait(sec(1));
    for _ in 0..300 {
        world.set_shared(0).wait(sec(3));
    }
    let device = world.device();
    assert_eq!(
        (device.stats().connects, device.shared("s0")),
        (1, Some(300))
    );
    assert!(
        (13..=16).contains(&device.wire().pings),
        "{} pings",
        device.wire().pings
    );
    world.settle();
}

#[test]
fn uplinks_stand_in_for_pings_as_long_as_the_server_answers() {
    let mut world = World::speaking(V5, 1);
    for _ in 0..60 {
        world.send(1).wait(sec(15));
    }
    assert_eq!(world.device().wire().pings, 0);
    world.settle();
}

#[test]
fn a_half_open_connection_is_given_up_after_keep_alive_and_ping_time_out() {
    let mut world = World::speaking(V5, 1);
    world.wait(sec(10)).cut(Cut::Silent).wait(sec(65));
    assert_eq!(world.device().stats().connects, 1);
    world.wait(sec(3));
    assert_eq!(world.device().stats().connects, 2);
    world.settle();
}

#[test]
fn a_server_that_stops_reading_is_a_dead_one() {
    let mut world = World::speaking(V5, 1);
    world.wait(sec(10)).stall(sec(600)).wait(sec(90));
    let dead = |event: &Event| {
        matches!(
            event,
            Event::Disconnected {
                cause: Cause::KeepAlive,
                ..
            }
        )
    };
    assert!(world.device().notices().any(dead));
    world.settle();
}

#[test]
fn reports_about_a_connection_that_is_over_are_counted_and_change_nothing() {
    let mut world = World::speaking(V5, 1);
    world
        .send(1)
        .wait(sec(1))
        .cut(Cut::Rst)
        .wait(sec(5))
        .send(1);
    let state = world.device().client().state();
    // The world checks that each of the three reports is counted.
    world.report_stale_link();
    assert_eq!(world.device().client().state(), state);
    world.settle();
    assert_eq!(world.device().stats().connects, 2);
}

/// Session present is true on every CONNACK although the server remembers nothing (C-010, C-011).
#[test]
fn subscriptions_are_made_again_although_the_server_claims_to_have_them() {
    let mut world = World::speaking(V5, 1);
    world
        .follow_attributes()
        .serve_calls()
        .answering(Answering::AtOnce)
        .wait(sec(1));
    for _ in 0..5 {
        world
            .cut(Cut::Rst)
            .wait(sec(70))
            .set_shared(0)
            .call_device()
            .wait(ms(500));
        let told = world.device().shared("s0");
        assert!(told.is_some_and(|value| value > 0), "{told:?}");
    }
    assert_eq!(world.results().iter().filter(|result| result.ok).count(), 5);
    world.settle();
}

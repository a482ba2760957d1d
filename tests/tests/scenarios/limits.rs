//! The server's limits: learned, kept, and what is over them sent in parts.

use std::ops::RangeInclusive;

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Event, GatewayConfig, RateLimits, RefusedReason, State, VersionPolicy};
use tb_tests::network::{Cut, Side};
use tb_tests::sim::{Charged, Setup, TenantLimits};
use tb_tests::world::World;

use crate::{ms, sec};

fn limited(messages: &str, telemetry_messages: &str, data_points: &str) -> Setup {
    let limit = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Setup {
        tenant_limits: TenantLimits {
            device_messages: limit(messages),
            device_telemetry_messages: limit(telemetry_messages),
            device_data_points: limit(data_points),
            ..TenantLimits::default()
        },
        ..World::setup(1)
    }
}

/// What was refused, but for the end of a session: nobody misses that.
fn refused(world: &mut World) -> Vec<Charged> {
    let all = world.simulator().over_limits().iter();
    all.map(|over| over.message)
        .filter(|&message| message != Charged::SessionClose)
        .collect()
}

#[test]
fn limits_that_the_server_tells_are_kept_and_used() {
    for version in [V5, V3_1_1] {
        let config = World::config().version(VersionPolicy::Only(version));
        let mut world = World::of(config, limited("20:1", "10:1,300:60", "20:1"), 1);
        world.send(2_000).wait(sec(60));
        assert_eq!(refused(&mut world), []);
        // 80 %: 8 at once and 8 a second, 240 at once and 4 a second.
        let a_minute = world.device().ledger().acknowledged();
        assert!((456..=481).contains(&a_minute), "{a_minute}");
        world.wait(sec(600));
        assert_eq!(world.device().ledger().acknowledged(), 2_000);
        assert_eq!(refused(&mut world), []);
        assert_eq!(world.device().stats().connects, 1);
        world.settle();
    }
}

#[test]
fn limits_of_data_points_count_every_value() {
    let mut world = World::of(World::config(), limited("", "", "50:1"), 1);
    world.wait(sec(1));
    for _ in 0..50 {
        world.send_pack(20);
    }
    world.wait(sec(30));
    assert_eq!(refused(&mut world), []);
    assert_eq!(world.device().ledger().acknowledged(), 50);
    world.settle();
}

#[test]
fn what_waits_from_before_the_first_connection_waits_for_the_limits() {
    let mut world = World::of(World::config(), limited("", "5:60", ""), 1);
    // All of it would be over the limit.
    world.latency(ms(300), ms(0)).send(20).wait(sec(30));
    assert_eq!(refused(&mut world), []);
    // Four at once, and one every fifteen seconds.
    assert_eq!(world.device().ledger().acknowledged(), 5);
}

#[test]
fn a_server_that_tells_no_limits_costs_one_second_and_only_once() {
    let mut world = World::with(World::config(), 1);
    world.drop_answers(1).send(1).wait(ms(900));
    assert_eq!(world.device().ledger().acknowledged(), 0);
    world.wait(ms(600));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.cut(Cut::Rst).send(1).wait(sec(3));
    let online = matches!(world.device().client().state(), State::Connected { .. });
    assert!(online);
    assert_eq!(world.device().ledger().acknowledged(), 2);
    world.settle();
}

#[test]
fn a_message_with_more_values_than_the_server_takes_goes_in_parts() {
    for version in [V5, V3_1_1] {
        let config = World::config().version(VersionPolicy::Only(version));
        let mut world = World::of(config, limited("", "100:1", "50:1"), 1);
        // From before the limits are known.
        world.send_pack(1_000).wait(sec(1));
        world.send_pack(500).send(3).wait(sec(60));
        let ledger = world.device().ledger();
        assert_eq!(ledger.acknowledged(), 5, "each message has one outcome");
        assert_eq!(refused(&mut world), []);
        assert_eq!(stored(&world, 1..=1_503), 1_503);
        world.settle();
    }
}

#[test]
fn a_message_of_a_megabyte_goes_in_parts_over_connections_that_break() {
    let mut world = World::with(World::config(), 1);
    world.wait(sec(1)).latency(ms(50), ms(0)).send_pack(30_000);
    for _ in 0..4 {
        world.wait(ms(300)).cut(Cut::Rst).wait(sec(5));
    }
    world.wait(sec(120));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    assert_eq!(stored(&world, 1..=30_000), 30_000);
    assert_eq!(world.device().stats().queued_messages, 0);
    world.settle();
}

#[test]
fn a_value_that_fits_into_no_packet_is_refused_with_its_size() {
    let mut world = World::with(World::config(), 1);
    world.wait(sec(1));
    let Err(RefusedReason::TooLarge { size, limit }) = world.try_send_large(70_000) else {
        panic!("it was accepted")
    };
    assert_eq!(limit, 65_536);
    assert!((70_000..70_100).contains(&size), "{size}");
    world.settle();
}

#[test]
fn live_readings_go_past_a_backlog_that_limits_hold_up_and_it_shrinks_all_the_same() {
    let mut world = World::of(World::config(), limited("", "10:1", ""), 1);
    world
        .wait(sec(1))
        .refuse_dials(tb_proto::LinkLost::ConnectionRefused);
    world
        .cut(Cut::Rst)
        .send(1_000)
        .wait(sec(60))
        .accept_dials()
        .wait(sec(60));
    let start = world.device().ledger().acknowledged();
    assert!(start < 900, "the backlog is large");
    world.expect_overtaking();
    for _ in 0..20 {
        world.send(4).wait(sec(1));
    }
    let live = stored(&world, 1_001..=1_080);
    assert!(live >= 76, "{live} of the 80 newest are there");
    let backlog = world.device().ledger().acknowledged() - start - live;
    // Four of eight a second, and never less than two.
    assert!(
        (60..=90).contains(&backlog),
        "{backlog} old ones went meanwhile"
    );
    assert_eq!(refused(&mut world), []);
    world.settle();
}

#[test]
fn a_close_for_the_rate_is_answered_by_a_pause_of_the_longest_window() {
    // It is not asked, and does not know.
    let config = World::config()
        .ask_session_limits(false)
        .rate_limit_pause(sec(60));
    let mut world = World::of(config, limited("", "100:60", ""), 1);
    world.wait(sec(1)).send(1_000).wait(sec(59));
    assert_eq!(
        world.device().stats().connects,
        1,
        "it keeps away for a minute"
    );
    world.wait(sec(600));
    let connects = world.device().stats().connects;
    assert!(connects <= 11, "{connects} connections in ten minutes");
}

/// Announcements whose acknowledgements did not come had opened sessions, and the server charged for the
/// end of those as well.
#[test]
fn sessions_of_children_that_nobody_knew_to_be_open_are_paid_for_when_they_are_closed() {
    let mut setup = limited("", "", "");
    setup.devices[0].gateway = true;
    setup.tenant_limits.gateway_messages = Some("30:5".to_owned());
    let config = World::config()
        .version(VersionPolicy::Only(V5))
        .gateway(GatewayConfig::new());
    let mut world = World::of(config, setup, 55);
    world
        .wait(sec(2))
        .child_send(0, 1)
        .child_request(1, sec(5))
        .child_send(2, 4)
        .renew_credentials()
        .cut_after(Side::Server, 80, Cut::Fin)
        .serve_child(3)
        .child_send(4, 2)
        .wait(sec(20));
    assert_eq!(refused(&mut world), []);
    world.settle();
}

#[test]
fn what_is_left_of_the_limits_can_be_given_to_the_next_client() {
    let setup = || limited("", "100:3600", "");
    let mut world = World::of(World::config(), setup(), 1);
    world.wait(sec(1)).send(70).wait(sec(5));
    let limits = world.device().client().limits();
    let left = limits.telemetry_messages[0].left;
    assert!((10..=11).contains(&left), "{left} of 80");
    let mut next = World::of(World::config().known_limits(limits), setup(), 1);
    next.send(70).wait(sec(5));
    let went = i64::try_from(next.device().ledger().acknowledged()).unwrap();
    assert!((left - 1..=left + 1).contains(&went), "{went} went");
}

#[test]
fn configured_limits_hold_where_the_server_tells_none() {
    let limits = RateLimits {
        telemetry_messages: "10:60".parse().unwrap(),
        ..RateLimits::default()
    };
    let mut world = World::with(World::config().rate_limits(limits), 1);
    world.wait(sec(1)).send(100).wait(sec(5));
    assert_eq!(world.device().ledger().acknowledged(), 8);
}

#[test]
fn the_limits_are_told_once() {
    let mut world = World::of(World::config(), limited("20:1", "", ""), 1);
    world.wait(sec(1)).cut(Cut::Rst).wait(sec(5));
    let told = world
        .device()
        .notices()
        .filter(|event| matches!(event, Event::LimitsTold { .. }))
        .count();
    assert_eq!((told, world.device().stats().connects), (1, 2));
}

#[test]
fn qos_0_is_paced_by_pings_that_nobody_is_charged_for() {
    let mut world = World::of(World::config(), limited("", "10:1", ""), 1);
    world
        .wait(sec(1))
        .latency(ms(20), ms(0))
        .send_qos0(500)
        .wait(sec(60));
    assert_eq!(refused(&mut world), []);
    let sent = world.device().stats().sent;
    assert!((450..=490).contains(&sent), "{sent} in a minute");
    world.settle();
}

#[test]
fn subscriptions_that_the_server_may_have_forgotten_are_asked_for_again() {
    // One token is for CONNECT: the second filter is acknowledged, and not done (C-038).
    let mut world = World::of(World::config(), limited("2:10", "", ""), 1);
    world
        .follow_attributes()
        .serve_calls()
        .wait(sec(120))
        .set_shared(0)
        .wait(sec(20));
    assert_eq!(refused(&mut world), [Charged::Subscribe]);
    assert!(world.device().shared("s0").is_some());
    world.call_device().wait(sec(30));
    assert_eq!(world.device().stats().rpc_calls, 1);
}

#[test]
fn a_device_that_leaves_in_the_moment_it_is_connected_asks_for_nothing() {
    let mut world = World::with(World::config(), 1);
    world
        .latency(ms(100), ms(0))
        .request_attributes(sec(60))
        .disconnect(sec(1))
        .renew_credentials()
        .wait(sec(5));
    assert_eq!(world.device().client().state(), State::Closed);
    assert_eq!(world.device().stats().queued_messages, 0);
}

/// How many of the readings with these numbers are stored.
fn stored(world: &World, mut numbers: RangeInclusive<u64>) -> usize {
    numbers
        .by_ref()
        .filter(|&number| world.has_arrived(number))
        .count()
}

//! Every way a connection ends, and what follows from it.

use core::time::Duration;

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    Cause, Client, Config, Credentials, Event, Instant, LinkLost, LinkRequest, ProtocolVersion,
    ReasonCode, Refusal, State, Telemetry, TlsFault, VersionPolicy,
};
use tb_tests::network::Cut;
use tb_tests::sim::TenantLimits;
use tb_tests::world::World;

use crate::{ms, sec};

fn scripted(version: ProtocolVersion, seed: u64) -> World {
    World::scripted(World::config().version(VersionPolicy::Only(version)), seed)
}

/// Why the last connection or attempt ended, and how long the machine waits.
fn pause(world: &World) -> (Cause, Duration) {
    match world.device().client().state() {
        State::Waiting { until, cause } => (
            cause,
            Duration::from_micros(until.as_micros().saturating_sub(world.now().0)),
        ),
        other => panic!("the machine does not wait: {other:?}"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// The usual back-off, its first step.
    BackOff,
    /// At least the pause for rate limits.
    RateLimit,
    /// Minutes: only a person can mend it.
    Slow,
}

fn class(pause: Duration) -> Pause {
    if pause <= sec(1) {
        Pause::BackOff
    } else if (sec(60)..=sec(90)).contains(&(pause + ms(200))) {
        Pause::RateLimit
    } else {
        assert!((sec(299)..=sec(900)).contains(&pause), "{pause:?}");
        Pause::Slow
    }
}

#[test]
fn no_debug_form_shows_the_token_or_a_payload() {
    let secret = "TOKEN_THAT_NOBODY_SHALL_SEE";
    let endpoint = "mqtt://server".parse().unwrap();
    let config = Config::new(endpoint, Credentials::token(secret));
    let mut client = Client::new(config, Instant::from_micros(0), 1).unwrap();
    let now = Instant::from_micros(1);
    client.handle_timeout(now);
    let Some(LinkRequest::Open { link, .. }) = client.poll_link() else {
        panic!("it wants to be connected")
    };
    client.handle_connected(now, link);
    let _ticket = client
        .send_telemetry(now, Telemetry::json(r#"{"door code":"4711-0815"}"#))
        .unwrap();
    let shown = format!("{client:?}");
    assert!(
        !shown.contains(secret) && !shown.contains("4711-0815"),
        "{shown}"
    );
    // Bytes, as they are printed.
    for text in [secret, "4711-0815"] {
        let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        assert!(!shown.contains(&bytes.join(", ")), "{shown}");
    }
}

#[test]
fn every_code_of_connack_says_whose_turn_it_is() {
    use Refusal::{Credentials, ProtocolVersion, RateLimited, Unavailable};
    let other = |code| Refusal::Other(ReasonCode::new(code));
    let table = [
        (V3_1_1, 1, ProtocolVersion, Pause::Slow),
        (V3_1_1, 2, Credentials, Pause::Slow),
        (V3_1_1, 3, Unavailable, Pause::BackOff),
        (V3_1_1, 4, Credentials, Pause::Slow),
        (V3_1_1, 5, Credentials, Pause::Slow),
        (V3_1_1, 6, other(6), Pause::BackOff),
        (V5, 0x01, ProtocolVersion, Pause::Slow),
        (V5, 0x80, other(0x80), Pause::BackOff),
        (V5, 0x84, ProtocolVersion, Pause::Slow),
        (V5, 0x85, Credentials, Pause::Slow),
        (V5, 0x86, Credentials, Pause::Slow),
        (V5, 0x87, Credentials, Pause::Slow),
        (V5, 0x88, Unavailable, Pause::BackOff),
        (V5, 0x89, Unavailable, Pause::BackOff),
        (V5, 0x8A, other(0x8A), Pause::BackOff),
        (V5, 0x97, RateLimited, Pause::RateLimit),
        (V5, 0x9F, RateLimited, Pause::RateLimit),
    ];
    for (version, code, refusal, wanted) in table {
        let mut world = scripted(version, 9);
        world.expect(1);
        match version {
            V3_1_1 => world.reply(&[0x20, 2, 0, code]),
            V5 => world.reply(&[0x20, 3, 0, code, 0]),
        };
        world.wait(ms(30));
        let (cause, time) = pause(&world);
        assert_eq!(
            (cause, class(time)),
            (Cause::Refused(refusal), wanted),
            "{version} {code:#x}"
        );
    }
}

#[test]
fn every_code_of_disconnect_says_when_to_come_back() {
    let table = [
        (0x00, Pause::BackOff),
        (0x81, Pause::BackOff),
        (0x83, Pause::BackOff),
        (0x8B, Pause::BackOff),
        (0x8D, Pause::BackOff),
        (0x8E, Pause::BackOff),
        (0x96, Pause::RateLimit),
        (0x97, Pause::RateLimit),
        (0x98, Pause::BackOff),
        (0x99, Pause::BackOff),
        (0x9F, Pause::RateLimit),
        (0xA0, Pause::BackOff),
    ];
    for (code, wanted) in table {
        let mut world = scripted(V5, 9);
        world.expect(1);
        world
            .reply(&[0x20, 3, 0, 0, 0])
            .wait(sec(20))
            .reply(&[0xE0, 2, code, 0])
            .wait(ms(30));
        let (cause, time) = pause(&world);
        assert_eq!(cause, Cause::ServerDisconnect(ReasonCode::new(code)));
        assert_eq!(class(time), wanted, "{code:#x}");
    }
}

#[test]
fn every_failure_to_connect_backs_off_up_to_a_minute() {
    for why in [
        LinkLost::ConnectionRefused,
        LinkLost::HostNotFound,
        LinkLost::Unreachable,
        LinkLost::Tls(TlsFault::UnknownIssuer),
        LinkLost::Local,
    ] {
        let mut world = World::new(9);
        world.refuse_dials(why).wait(sec(3_600));
        let attempts = world.device().stats().connect_attempts;
        assert!(
            (60..300).contains(&attempts),
            "{why:?}: {attempts} attempts in an hour"
        );
        assert_eq!(pause(&world).0, Cause::Lost(why));
        world.send(1).settle();
        assert_eq!(world.device().ledger().acknowledged(), 1);
    }
}

#[test]
fn one_deadline_covers_dialling_and_connack() {
    let mut world = World::new(9);
    world.ignore_dials().wait(sec(20) + ms(1));
    assert_eq!(pause(&world).0, Cause::NoConnection);
    let mut world = World::new(9);
    world.fall_silent().wait(sec(20) + ms(1));
    assert_eq!(pause(&world).0, Cause::NoConnAck);
}

#[test]
fn wrong_credentials_are_tried_again_after_minutes_and_at_once_when_they_are_changed() {
    let mut world = World::new(9);
    world.set_token("A1_WRONG_TOKEN").send(1).wait(sec(3_600));
    let stats = world.device().stats();
    assert!((4..=14).contains(&stats.connect_attempts), "{stats:?}");
    assert_eq!(pause(&world).0, Cause::Refused(Refusal::Credentials));
    assert!(pause(&world).0.is_permanent());
    world.renew_credentials().wait(sec(1));
    assert_eq!(
        world.device().ledger().acknowledged(),
        1,
        "nothing was lost meanwhile"
    );
    world.settle();
}

#[test]
fn a_device_that_is_not_to_retry_stops_until_it_is_told() {
    let mut world = World::with(World::config().slow_retry(None), 9);
    world.set_token("A1_WRONG_TOKEN").send(1).wait(sec(3_600));
    let stopped = State::Stopped {
        cause: Cause::Refused(Refusal::Credentials),
    };
    assert_eq!(world.device().client().state(), stopped);
    assert_eq!(
        world.device().client().poll_timeout(),
        None,
        "nothing will happen by itself"
    );
    let attempts = world.device().stats().connect_attempts;
    world.reconnect().wait(sec(5));
    assert_eq!(world.device().stats().connect_attempts, attempts + 1);
    world.renew_credentials().settle();
    assert_eq!(world.device().ledger().acknowledged(), 1);
}

#[test]
fn new_credentials_replace_a_living_connection() {
    let mut world = World::new(9);
    world.wait(sec(1)).send(3).renew_credentials().wait(sec(1));
    assert_eq!(world.device().stats().connects, 2);
    assert_eq!(world.device().ledger().acknowledged(), 3);
    world.settle();
}

/// The session of a connection that died without the server's knowledge is closed some time after the
/// new one has come, and takes that one with it (observed trap 10).
#[test]
fn the_ghost_of_our_own_session_costs_one_connection() {
    for version in [V5, V3_1_1] {
        let mut world = World::speaking(version, 9);
        world.ghosts(1).send(3).wait(sec(10));
        assert_eq!(world.device().stats().connects, 2, "{version}");
        assert_eq!(world.device().ledger().acknowledged(), 3);
        world.settle();
    }
}

#[test]
fn two_devices_with_one_token_do_not_fight_for_ever() {
    let mut world = World::speaking(V5, 9);
    world.join(World::config().version(VersionPolicy::Only(V5)));
    for _ in 0..60 {
        world.on(0).send(1).on(1).send(1).wait(sec(60));
    }
    for device in 0..2 {
        let stats = world.on(device).device().stats();
        assert!(stats.connects <= 25, "{stats:?}");
        let taken = Cause::ServerDisconnect(ReasonCode::SESSION_TAKEN_OVER);
        let told = world
            .device()
            .notices()
            .any(|event| matches!(event, Event::Disconnected { cause, .. } if *cause == taken));
        assert!(told, "the cause is in the event");
    }
    // One of the two leaves; the other gets everything through.
    world.on(1).disconnect(sec(1)).on(0).wait(sec(1_000));
    assert_eq!(world.device().ledger().acknowledged(), 60);
}

#[test]
fn a_rate_limit_makes_the_device_wait_and_rejects_nothing() {
    for version in [V5, V3_1_1] {
        let mut setup = World::setup(9);
        setup.tenant_limits = TenantLimits {
            device_messages: Some("100:60".into()),
            ..TenantLimits::default()
        };
        let config = World::config().version(VersionPolicy::Only(version));
        let mut world = World::of(config, setup, 9);
        world.wait(sec(1)).send(150).wait(sec(1_200));
        let stats = world.device().stats();
        assert_eq!(
            world.device().ledger().acknowledged(),
            150,
            "{version}: {stats:?}"
        );
        assert!(stats.connects <= 12, "{version}: {stats:?}");
    }
}

#[test]
fn a_server_that_speaks_no_mqtt_is_asked_more_and_more_slowly() {
    let mut world = scripted(V5, 9);
    for _ in 0..3 {
        world.expect(1);
        world
            .reply(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .wait(ms(30));
    }
    let (cause, time) = pause(&world);
    assert!(matches!(cause, Cause::Malformed(_)), "{cause:?}");
    assert_eq!(class(time), Pause::Slow);
}

#[test]
fn the_back_off_starts_anew_only_after_a_connection_that_held() {
    let mut world = World::speaking(V5, 9);
    for _ in 0..12 {
        world.wait(sec(90)).cut(Cut::Rst).wait(ms(100));
        assert!(pause(&world).1 <= sec(1), "it held for a minute");
    }
    // Connections that are lost at once, again and again.
    let mut longest = Duration::ZERO;
    for _ in 0..12 {
        while matches!(world.device().client().state(), State::Waiting { .. }) {
            world.wait(ms(500));
        }
        world.wait(ms(200)).cut(Cut::Rst).wait(ms(100));
        longest = longest.max(pause(&world).1);
    }
    assert!(longest > sec(10), "{longest:?}");
}

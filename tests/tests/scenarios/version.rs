//! MQTT 5 first, and what leads away from it and back.

use core::time::Duration;

use tb_proto::{Event, ProtocolVersion, State, VersionChange};
use tb_tests::sim::Mqtt5Support;
use tb_tests::world::World;

const MINUTE: Duration = Duration::from_secs(60);

const CONNACK_5: [u8; 5] = [0x20, 3, 0, 0, 0];
const CONNACK_3: [u8; 4] = [0x20, 2, 0, 0];

#[test]
fn ten_bare_closes_and_then_a_server_of_mqtt_5_end_on_mqtt_5() {
    let mut world = World::scripted(World::config(), 5);
    for _ in 0..10 {
        world.expect(1);
        world.hang_up();
    }
    // A server that speaks MQTT 5 only does not answer the other version.
    loop {
        if world.expect(1).level() == 5 {
            world.reply(&CONNACK_5);
            break;
        }
        world.hang_up();
    }
    world.wait(Duration::from_secs(1));
    let connected = State::Connected {
        version: ProtocolVersion::V5,
    };
    assert_eq!(world.device().client().state(), connected);
}

#[test]
fn a_server_that_hangs_up_on_mqtt_5_is_spoken_to_in_3_after_three_times() {
    let mut world = World::new(5);
    world.simulator().faults_mut().mqtt5 = Mqtt5Support::ClosedSilently;
    world.send(1).wait(MINUTE);
    assert_eq!(world.device().stats().connect_attempts, 4);
    let connected = State::Connected {
        version: ProtocolVersion::V3_1_1,
    };
    assert_eq!(world.device().client().state(), connected);
    assert_eq!(world.device().ledger().acknowledged(), 1);
}

#[test]
fn a_server_that_refuses_mqtt_5_in_so_many_words_is_spoken_to_in_3_at_once() {
    for support in [Mqtt5Support::Refused, Mqtt5Support::RefusedAsV3] {
        let mut world = World::new(5);
        world.simulator().faults_mut().mqtt5 = support;
        world.send(1).wait(Duration::from_secs(2));
        assert_eq!(world.device().stats().connect_attempts, 2, "{support:?}");
        assert_eq!(world.device().ledger().acknowledged(), 1, "{support:?}");
    }
}

#[test]
fn an_hour_after_silence_mqtt_5_gets_another_chance_and_keeps_it() {
    let mut world = World::new(5);
    world.simulator().faults_mut().mqtt5 = Mqtt5Support::ClosedSilently;
    world.wait(MINUTE);
    world.simulator().faults_mut().mqtt5 = Mqtt5Support::Accepted;
    world.wait(MINUTE * 62);
    let connected = State::Connected {
        version: ProtocolVersion::V5,
    };
    assert_eq!(world.device().client().state(), connected);
    let retried = world.device().notices().any(|event| {
        matches!(
            event,
            Event::VersionChanged {
                why: VersionChange::Retry,
                ..
            }
        )
    });
    assert!(retried, "each change is an event");
}

#[test]
fn an_hour_after_silence_one_more_silence_is_enough_to_go_back() {
    let mut world = World::new(5);
    world.simulator().faults_mut().mqtt5 = Mqtt5Support::ClosedSilently;
    world.wait(MINUTE * 63);
    assert_eq!(
        world.device().stats().connect_attempts,
        6,
        "three and one, then one and one"
    );
    let connected = State::Connected {
        version: ProtocolVersion::V3_1_1,
    };
    assert_eq!(world.device().client().state(), connected);
}

#[test]
fn once_mqtt_5_was_accepted_silence_does_not_lead_away_from_it() {
    let mut world = World::scripted(World::config(), 5);
    world.expect(1);
    world.reply(&CONNACK_5).wait(MINUTE).hang_up();
    for _ in 0..10 {
        assert_eq!(world.expect(1).level(), 5);
        world.hang_up();
    }
    assert_eq!(world.expect(1).level(), 5);
}

#[test]
fn an_answer_in_the_other_version_is_no_mqtt_and_ends_the_connection() {
    let mut world = World::scripted(World::config(), 5);
    assert_eq!(world.expect(1).level(), 5);
    world.reply(&CONNACK_3).wait(Duration::from_secs(30));
    assert!(!matches!(
        world.device().client().state(),
        State::Connected { .. }
    ));
}

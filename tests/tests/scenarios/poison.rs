//! A message that makes the server hang up, among a hundred that do not.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    ProtocolVersion, ReasonCode, RefusedReason, Rejection, UndeliveredCause, VersionPolicy,
};
use tb_tests::network::Cut;
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

const REJECTED: Ending =
    Ending::Undelivered(UndeliveredCause::Rejected(Rejection::ClosesConnection));

/// The server finds long texts invalid: PUBACK with 0x99 on MQTT 5, a bare close on 3.1.1.
fn poisoned(version: ProtocolVersion) -> World {
    let mut world = World::speaking(version, 6);
    world.simulator().server_mut().json_max_string_length = 50;
    world.wait(sec(1)).send(50).send_large(100).send(50);
    world
}

fn check_only_the_poison_is_rejected(world: &World, ending: &Ending) {
    let ledger = world.device().ledger();
    assert_eq!(ledger.ending(50), Some(ending));
    assert_eq!(ledger.acknowledged(), 100);
    assert!(
        (1..=101)
            .filter(|&number| number != 51)
            .all(|n| world.arrivals().has_reading(n))
    );
}

#[test]
fn on_mqtt_5_the_server_says_which_one_it_is() {
    let mut world = poisoned(V5);
    world.wait(sec(5));
    let rejection = Rejection::Reason(ReasonCode::PAYLOAD_FORMAT_INVALID);
    let rejected = Ending::Undelivered(UndeliveredCause::Rejected(rejection));
    check_only_the_poison_is_rejected(&world, &rejected);
    assert_eq!(world.device().stats().connects, 1);
}

#[test]
fn on_mqtt_3_it_is_found_by_travelling_alone() {
    let mut world = poisoned(V3_1_1);
    // Others go on being acknowledged, which shows that the topic is not to blame.
    for _ in 0..20 {
        world.wait(sec(30)).send(1);
    }
    world.wait(sec(60));
    let ledger = world.device().ledger();
    assert_eq!(ledger.ending(50), Some(&REJECTED));
    assert_eq!(ledger.acknowledged(), 120, "and only this one is rejected");
    assert!(
        world.device().stats().connects <= 8,
        "{:?}",
        world.device().stats()
    );
}

#[test]
fn on_mqtt_3_others_are_not_held_up_for_long() {
    let mut world = poisoned(V3_1_1);
    world.wait(sec(240));
    assert_eq!(world.device().ledger().acknowledged(), 100);
}

/// What a server answers that takes every message but this one, and blames the packet.
#[test]
fn on_mqtt_5_a_packet_that_the_server_blames_twice_alone_is_rejected() {
    let config = World::config().version(VersionPolicy::Only(V5));
    let mut world = World::scripted(config, 6);
    world.send(50).send_large(100).send(50);
    for _ in 0..40 {
        world.send(1);
        // Serve one connection until it is quiet, or until the poison comes.
        while let Some(packet) = world.receive(sec(60)) {
            match packet.kind() {
                1 => {
                    world.reply(&[0x20, 3, 0, 0, 0]);
                }
                3 if packet.body.windows(4).any(|window| window == b"xxxx") => {
                    world.reply(&[0xE0, 2, 0x81, 0]).hang_up();
                    break;
                }
                3 => {
                    let [high, low] = packet.identifier().to_be_bytes();
                    world.reply(&[0x40, 2, high, low]);
                }
                _ => {}
            }
        }
    }
    let ledger = world.device().ledger();
    assert_eq!(ledger.ending(50), Some(&REJECTED));
    let rejected = ledger.count(|ending| matches!(ending, Ending::Undelivered(_)));
    assert_eq!(
        (rejected, ledger.acknowledged()),
        (1, ledger.tickets().count() - 1)
    );
}

/// Cuts that look like the server's doing, but hit whatever is on its way.
#[test]
fn on_mqtt_5_no_cut_ever_makes_a_message_suspect() {
    for how in [Cut::Fin, Cut::Rst, Cut::Silent] {
        let mut world = World::speaking(V5, 6);
        world.wait(sec(1));
        for _ in 0..30 {
            world.send(2).wait(ms(25)).cut(how).wait(sec(20));
        }
        world.settle();
        assert_eq!(world.device().ledger().acknowledged(), 60, "{how:?}");
    }
}

#[test]
fn on_mqtt_3_a_device_that_is_cut_off_ten_times_in_a_row_loses_nothing() {
    for how in [Cut::Fin, Cut::Rst] {
        let mut world = World::speaking(V3_1_1, 6);
        world.wait(sec(1)).send(5);
        for _ in 0..10 {
            world.wait(ms(25)).cut(how).wait(sec(61)).send(1);
        }
        world.settle();
        assert_eq!(world.device().ledger().acknowledged(), 15, "{how:?}");
    }
}

#[test]
fn a_message_over_the_limit_is_refused_at_once() {
    let mut world = World::new(6);
    assert!(matches!(
        world.try_send_large(70_000),
        Err(RefusedReason::TooLarge { limit: 65_536, .. })
    ));
    assert!(world.try_send_large(65_000).is_ok());
    world.settle();
    assert_eq!(world.device().ledger().acknowledged(), 1);
}

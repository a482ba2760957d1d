//! Acknowledgements that are late, out of order, lost or for nobody.

use core::time::Duration;

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Rejection, UndeliveredCause};
use tb_tests::network::Cut;
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

#[test]
fn acknowledgements_in_any_order_find_their_messages() {
    for version in [V5, V3_1_1] {
        let mut world = World::speaking(version, 8);
        world
            .wait(sec(1))
            .delay_pubacks(sec(5))
            .send(300)
            .wait(sec(10));
        assert_eq!(world.device().ledger().acknowledged(), 300);
        assert_eq!(world.device().stats().unexpected_acknowledgements, 0);
        world.settle();
    }
}

#[test]
fn the_time_to_an_acknowledgement_is_told() {
    let mut world = World::new(8);
    world.wait(sec(1)).latency(ms(150), ms(0));
    for _ in 0..50 {
        world.send(1).wait(sec(1));
    }
    let told = world.device().stats().round_trip.unwrap();
    assert!((ms(295)..=ms(305)).contains(&told), "{told:?}");
    world.settle();
}

/// It cost one a minute for good, on each of which all was sent once more.
#[test]
fn a_server_that_acknowledges_nothing_costs_fewer_and_fewer_connections_and_no_message() {
    let mut world = World::speaking(V5, 8);
    world.wait(sec(1)).withhold_pubacks(1);
    for _ in 0..60 {
        world.send(1).wait(sec(60));
    }
    let connects = world.device().stats().connects;
    assert!(
        (12..=15).contains(&connects),
        "{connects} connections in an hour"
    );
    world.heal().wait(sec(310)).check_outcomes();
    assert_eq!(
        world.device().ledger().acknowledged(),
        60,
        "the server was slow, no more"
    );
}

#[test]
fn a_server_that_acknowledges_again_is_trusted_as_before() {
    let mut world = World::speaking(V5, 8);
    world
        .wait(sec(1))
        .withhold_pubacks(1)
        .send(1)
        .wait(sec(600));
    // The next connection would be two minutes away, had this acknowledgement not come.
    world.withhold_pubacks(0).send(1).wait(sec(1));
    assert_eq!(world.device().ledger().acknowledged(), 2);
}

#[test]
fn a_message_that_alone_is_never_acknowledged_is_rejected_the_second_time() {
    let config = World::config().ask_session_limits(false);
    let mut world = World::with(config, 8);
    // Every tenth acknowledgement: the one reading, and ten minutes later its repetition.
    world
        .wait(sec(1))
        .send(9)
        .wait(sec(1))
        .withhold_pubacks(10)
        .send(1)
        .wait(sec(1));
    world.send(5).wait(sec(1));
    assert_eq!(world.device().stats().inflight, 1);
    world.wait(sec(57)).send(9).wait(ms(10));
    world
        .withhold_pubacks(1)
        .wait(sec(2))
        .withhold_pubacks(0)
        .send(5)
        .wait(sec(70));
    let no_answer = Ending::Undelivered(UndeliveredCause::Rejected(Rejection::NoAnswer));
    let rejected = world.device().ledger().count(|ending| *ending == no_answer);
    assert!(rejected <= 1 && world.device().ledger().acknowledged() + rejected == 29);
    world.settle();
}

/// Acknowledgements come out of order, and twice in a row the network swallows those that are left.
#[test]
fn no_message_is_rejected_because_connections_die_without_a_word() {
    for seed in 0..40 {
        let (mut device, mut gateway) = (World::small(V5, seed), World::gateway(V5, seed));
        for world in [&mut device, &mut gateway] {
            world.wait(sec(2)).delay_pubacks(sec(3));
        }
        device.send(20);
        for child in 0..5 {
            gateway.child_send(child, 4);
        }
        for mut world in [device, gateway] {
            for _ in 0..2 {
                world.wait(ms(1_500)).cut(Cut::Silent);
                let connects = world.device().stats().connects;
                while world.device().stats().connects == connects {
                    world.wait(ms(100));
                }
            }
            world.settle();
        }
    }
}

#[test]
fn acknowledgements_for_nobody_are_counted_and_ignored() {
    let config = World::config();
    let mut world = World::scripted(config, 8);
    world.expect(1);
    world.reply(&[0x20, 3, 0, 0, 0]).wait(sec(1));
    world
        .reply(&[0x40, 2, 0, 77])
        .reply(&[0x90, 4, 0, 78, 0, 0])
        .reply(&[0xB0, 4, 0, 79, 0, 0]);
    world.send(1);
    let [high, low] = world.expect(3).identifier().to_be_bytes();
    // The right identifier in the wrong kind of acknowledgement, and then as it should be.
    world.reply(&[0x90, 4, high, low, 0, 0]).wait(sec(1));
    assert_eq!(world.device().ledger().acknowledged(), 0);
    world
        .reply(&[0x40, 2, high, low])
        .reply(&[0x40, 2, high, low])
        .wait(sec(1));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    assert_eq!(world.device().stats().unexpected_acknowledgements, 5);
}

#[test]
fn the_window_is_that_of_the_server_where_it_is_smaller() {
    let mut world = World::scripted(World::config(), 8);
    world.send(50).expect(1);
    // Receive Maximum 7.
    world.reply(&[0x20, 6, 0, 0, 3, 0x21, 0, 7]).wait(sec(5));
    assert_eq!(world.device().wire().most_in_flight, 7);
    let packet = world.expect(3);
    let [high, low] = packet.identifier().to_be_bytes();
    world.reply(&[0x40, 2, high, low]).wait(sec(1));
    assert_eq!(world.device().stats().inflight, 7);
    assert_eq!(world.device().wire().publishes, 8);
}

#[test]
fn a_message_larger_than_this_server_takes_is_rejected_and_others_are_not() {
    let mut world = World::scripted(World::config(), 8);
    world.send(1).send_large(500).send(1).expect(1);
    // Maximum Packet Size 200.
    world.reply(&[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 200]);
    // The number of the large reading fits, its text does not.
    for _ in 0..3 {
        let [high, low] = world.expect(3).identifier().to_be_bytes();
        world.reply(&[0x40, 2, high, low]);
    }
    world.wait(sec(1));
    let ledger = world.device().ledger();
    let rejected = ledger.ending(1);
    let Some(Ending::Undelivered(UndeliveredCause::Rejected(Rejection::TooLarge {
        limit, ..
    }))) = rejected
    else {
        panic!("{rejected:?}")
    };
    assert_eq!((*limit, ledger.acknowledged()), (200, 2));
}

#[test]
fn a_server_without_qos_1_gets_messages_at_qos_0() {
    let mut world = World::scripted(World::config(), 8);
    world.send(1).expect(1);
    // Maximum QoS 0.
    world.reply(&[0x20, 5, 0, 0, 2, 0x24, 0]);
    assert_eq!(world.expect(3).first, 0x30);
    assert_eq!(world.device().ledger().ending(0), Some(&Ending::Sent));
}

#[test]
fn a_refusal_for_quota_is_no_verdict() {
    let mut world = World::scripted(World::config(), 8);
    world.expect(1);
    world.reply(&[0x20, 3, 0, 0, 0]).send(1);
    let [high, low] = world.expect(3).identifier().to_be_bytes();
    world.reply(&[0x40, 4, high, low, 0x97, 0]).wait(sec(5));
    assert_eq!(world.device().ledger().open().len(), 1);
    let [high, low] = world.expect(3).identifier().to_be_bytes();
    world.reply(&[0x40, 2, high, low]).wait(sec(1));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    assert_eq!(world.device().stats().connects, 1);
}

#[test]
fn a_message_that_expires_on_its_way_still_ends_as_acknowledged() {
    let mut world = World::speaking(V5, 8);
    world
        .wait(sec(1))
        .delay_pubacks(sec(50))
        .send_expiring(ms(10))
        .wait(sec(60));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.ignore_dials().cut(Cut::Rst).send_expiring(ms(10));
    world.wait(Duration::from_millis(50));
    let expired = Ending::Undelivered(UndeliveredCause::Expired);
    assert_eq!(world.device().ledger().ending(1), Some(&expired));
    world.settle();
}

/// Both are protocol errors [MQTT-3.2.2-15]; taken at their word, nothing could ever be sent.
#[test]
fn a_server_that_allows_nothing_at_all_is_not_taken_at_its_word() {
    let nothing_in_flight: &[u8] = &[0x20, 6, 0, 0, 3, 0x21, 0, 0];
    let no_packet: &[u8] = &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0];
    for connack in [nothing_in_flight, no_packet] {
        let mut world = World::scripted(World::config(), 8);
        world.send(1).expect(1);
        world.reply(connack).wait(sec(5));
        let stats = world.device().stats();
        let tried = stats.inflight == 1 || stats.connect_attempts > 1;
        assert!(
            tried && world.device().ledger().open().len() == 1,
            "{connack:?}: {stats:?}"
        );
    }
}

//! Disconnecting: what is left is written until a deadline, and given back after it.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Drained, Flushed, LinkLost, RefusedReason, State, UndeliveredCause};
use tb_tests::network::Cut;
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

const ABANDONED: Ending = Ending::Undelivered(UndeliveredCause::Abandoned);

#[test]
fn what_is_left_is_delivered_before_the_device_leaves() {
    for version in [V5, V3_1_1] {
        let mut world = World::speaking(version, 1);
        world
            .wait(sec(1))
            .send(500)
            .send_attribute(0)
            .send_attribute(0)
            .disconnect(sec(10));
        world.wait(sec(2));
        let ledger = world.device().ledger();
        assert_eq!(ledger.acknowledged(), 502);
        let drained = Ending::Drained(Drained {
            delivered: 502,
            abandoned: 0,
        });
        assert_eq!(ledger.ending(502), Some(&drained));
        assert_eq!(world.device().client().state(), State::Closed);
        assert_eq!(
            world.simulator().open_connections(),
            [],
            "it does not wait for the deadline"
        );
        world.settle();
    }
}

#[test]
fn a_flush_tells_of_all_that_was_accepted_before_and_of_nothing_else() {
    let mut world = World::new(1);
    world.wait(sec(1)).latency(ms(100), ms(0));
    world
        .send(20)
        .send_attribute(0)
        .send_attribute(1)
        .flush(sec(60));
    world.fall_silent().send(5).flush(sec(2)).wait(ms(1_000));
    let ledger = world.device().ledger();
    assert!(ledger.ending(22).is_none(), "nothing is known yet");
    world.wait(sec(2));
    let told = world.device().ledger().ending(28);
    let Some(Ending::Flushed(Flushed {
        delivered: 0,
        undelivered: 0,
        left: 27,
        ..
    })) = told
    else {
        panic!("{told:?}")
    };
    world.speak_again().wait(sec(5));
    let told = world.device().ledger().ending(22);
    let Some(Ending::Flushed(Flushed {
        delivered: 22,
        undelivered: 0,
        left: 0,
        ..
    })) = told
    else {
        panic!("{told:?}")
    };
    world.flush(sec(60)).settle();
}

#[test]
fn what_a_silent_server_does_not_take_is_given_back_at_the_deadline() {
    let mut world = World::new(1);
    world
        .wait(sec(1))
        .fall_silent()
        .send(5)
        .disconnect(sec(3))
        .wait(ms(2_900));
    assert_eq!(
        world.device().ledger().open().len(),
        6,
        "until the deadline there is hope"
    );
    world.wait(ms(1_200));
    let ledger = world.device().ledger();
    assert!((0..5).all(|position| ledger.ending(position) == Some(&ABANDONED)));
    let drained = Ending::Drained(Drained {
        delivered: 0,
        abandoned: 5,
    });
    assert_eq!(ledger.ending(5), Some(&drained));
    assert_eq!(world.device().client().state(), State::Closed);
}

#[test]
fn a_device_that_is_offline_keeps_trying_until_the_deadline() {
    let mut world = World::new(1);
    world
        .ignore_dials()
        .send(5)
        .disconnect(sec(100))
        .wait(sec(50))
        .accept_dials()
        .wait(sec(50));
    assert_eq!(world.device().ledger().acknowledged(), 5);
    assert_eq!(world.device().client().state(), State::Closed);
}

#[test]
fn a_device_with_nothing_left_leaves_at_once_even_from_a_pause() {
    for offline in [false, true] {
        let mut world = World::new(1);
        if offline {
            world.refuse_dials(LinkLost::ConnectionRefused);
        }
        world.wait(sec(100)).disconnect(sec(100)).wait(sec(1));
        assert_eq!(world.device().client().state(), State::Closed);
        assert!(world.device().ledger().open().is_empty());
        assert_eq!(world.device().client().poll_timeout(), None);
    }
}

#[test]
fn a_second_disconnect_ends_with_the_first() {
    let mut world = World::new(1);
    world
        .wait(sec(1))
        .fall_silent()
        .send(1)
        .disconnect(sec(3))
        .disconnect(sec(1_000))
        .wait(sec(5));
    world.disconnect(sec(1)).wait(sec(1));
    let drained = Ending::Drained(Drained {
        delivered: 0,
        abandoned: 1,
    });
    assert_eq!(
        world.device().ledger().count(|ending| *ending == drained),
        3
    );
}

#[test]
fn after_disconnecting_nothing_is_accepted_and_nothing_happens() {
    let mut world = World::new(1);
    world
        .follow_attributes()
        .wait(sec(1))
        .disconnect(sec(1))
        .wait(sec(5));
    assert_eq!(world.try_send(), Err(RefusedReason::Closed));
    world
        .call()
        .request_attributes(sec(5))
        .reconnect()
        .renew_credentials()
        .wait(sec(600));
    assert_eq!(world.device().ledger().tickets().count(), 1);
    assert_eq!(world.device().stats().connect_attempts, 1);
    world.report_stale_link().wait(sec(5));
    assert_eq!(world.device().client().state(), State::Closed);
}

#[test]
fn a_connection_that_breaks_while_draining_is_replaced_until_the_deadline() {
    let mut world = World::new(1);
    world
        .wait(sec(1))
        .send(5)
        .disconnect(sec(30))
        .cut(Cut::Rst)
        .wait(sec(20));
    assert_eq!(world.device().ledger().acknowledged(), 5);
    assert_eq!(world.device().client().state(), State::Closed);
}

#[test]
fn readings_of_1970_leave_without_a_time_when_there_is_no_time_left() {
    let mut world = World::without_clock(1);
    world.wait(sec(1)).send(3).disconnect(sec(10)).wait(sec(3));
    assert_eq!(world.device().ledger().acknowledged(), 3);
}

#[test]
fn a_server_that_reads_nothing_does_not_keep_the_device() {
    let mut world = World::new(1);
    world
        .wait(sec(1))
        .stall(sec(1_000))
        .send(2_000)
        .disconnect(sec(3))
        .wait(sec(5));
    assert_eq!(world.device().client().state(), State::Closed);
    assert!(world.device().ledger().open().is_empty());
    let drained = Ending::Drained(Drained {
        delivered: 0,
        abandoned: 2_000,
    });
    assert_eq!(world.device().ledger().ending(2_000), Some(&drained));
}

#[test]
fn a_disconnect_waits_no_longer_once_the_last_message_was_taken_back() {
    let mut world = World::new(1);
    world.refuse_dials(LinkLost::ConnectionRefused).wait(sec(1));
    world.send(2).disconnect(sec(60)).cancel(1);
    assert_ne!(world.device().client().state(), State::Closed);
    world.cancel(2);
    assert_eq!(world.device().client().state(), State::Closed);
    let drained = Ending::Drained(Drained {
        delivered: 0,
        abandoned: 0,
    });
    assert_eq!(world.device().ledger().ending(2), Some(&drained));
}

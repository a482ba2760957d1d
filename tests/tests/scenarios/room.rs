//! The queue is full.

use core::time::Duration;

use tb_proto::ProtocolVersion::V5;
use tb_proto::{Overflow, RefusedReason, UndeliveredCause, VersionPolicy};
use tb_tests::world::{Ending, World};

/// Found by the properties: a reading that was refused came back with the time of the refusal, so
/// that it could not be sent later with the time of its acceptance.
#[test]
fn a_reading_that_is_refused_comes_back_without_a_time() {
    // The world compares what comes back with what was given.
    let mut world = World::small(V5, 1);
    world.send(99);
    assert!(world.try_send().is_ok());
    assert!(matches!(
        world.try_send(),
        Err(RefusedReason::QueueFull {
            max_messages: 100,
            ..
        })
    ));
    world.settle();
    assert_eq!(world.device().ledger().acknowledged(), 100);
}

#[test]
fn room_that_was_kept_is_there_when_the_queue_is_full() {
    let mut world = World::small(V5, 1);
    world.send(99).reserve(200, true);
    assert!(world.try_send().is_err());
    world.settle();
    assert_eq!(world.device().ledger().acknowledged(), 100);
}

#[test]
fn room_that_is_given_back_is_there_for_others() {
    let mut world = World::small(V5, 1);
    world.send(99).reserve(200, false);
    assert!(world.try_send().is_ok());
    world.settle();
}

/// What stands around the bytes was added to them without a look at how many they are.
#[test]
fn no_room_is_kept_for_more_bytes_than_can_be_counted() {
    let mut world = World::small(V5, 1);
    world.reserve(usize::MAX, false);
    assert!(world.try_send().is_ok());
    world.settle();
}

#[test]
fn a_full_queue_that_drops_gives_up_the_oldest_one_by_one() {
    let config = World::config()
        .max_queued_messages(100)
        .overflow(Overflow::DropOldest);
    let mut world = World::with(config, 1);
    world.send(130).settle();
    let endings: Vec<&Ending> = world.device().ledger().endings().collect();
    let dropped = Ending::Undelivered(UndeliveredCause::Overflow);
    assert!(
        endings[..30].iter().all(|&ending| *ending == dropped),
        "the oldest thirty"
    );
    assert_eq!(
        world.device().ledger().acknowledged(),
        100,
        "all others are at the server"
    );
}

#[test]
fn attributes_that_travel_together_are_dropped_together() {
    let config = World::config()
        .version(VersionPolicy::Only(V5))
        .max_inflight(2)
        .max_queued_messages(10)
        .overflow(Overflow::DropOldest);
    let mut world = World::scripted(config, 1);
    world.expect(1);
    world
        .reply(&[0x20, 3, 0, 0, 0])
        .wait(Duration::from_secs(1));
    // The first attribute message and a reading are on their way, another reading waits.
    let first = world
        .send_attribute(0)
        .send(2)
        .expect(3)
        .identifier()
        .to_be_bytes();
    // Three more attribute messages become one, which waits behind that reading.
    world.send_attribute(0).send_attribute(1).send_attribute(2);
    world
        .reply(&[0x40, 2, first[0], first[1]])
        .wait(Duration::from_secs(1));
    world.send(20).wait(Duration::from_secs(1));
    let dropped = Ending::Undelivered(UndeliveredCause::Overflow);
    let ends = |world: &World| world.device().ledger().count(|ending| *ending == dropped);
    assert_eq!(
        ends(&world),
        26 - 1 - 10,
        "all but the acknowledged one and a full queue"
    );
    world
        .disconnect(Duration::from_secs(1))
        .wait(Duration::from_secs(5))
        .check_outcomes();
}

//! The queue is full.

use tb_proto::ProtocolVersion::V5;
use tb_tests::world::World;

/// Found by the properties: a reading that was refused came back with the time of the refusal, so
/// that it could not be sent later with the time of its acceptance.
#[test]
fn a_reading_that_is_refused_comes_back_without_a_time() {
    // The world compares what comes back with what was given.
    let mut world = World::small(V5, 201);
    world.send(99);
    assert!(world.try_send().is_ok());
    assert!(world.try_send().is_err());
    world.settle();
    assert_eq!(world.device().ledger().acknowledged(), 100);
}

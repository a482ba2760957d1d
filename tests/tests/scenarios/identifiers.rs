//! Packet identifiers: one space for everything, and no identifier has two owners.

use core::time::Duration;

use tb_tests::world::World;

/// The wire fails when an identifier is given away that is taken.
#[test]
fn seventy_thousand_publishes_with_five_hundred_never_acknowledged_and_the_wrap() {
    let config = World::config()
        .acknowledgement_timeout(Duration::from_secs(36_000))
        .max_queued_bytes(64 * 1024 * 1024);
    let mut world = World::with(config, 4);
    world.simulator().server_mut().record_stored = false;
    world.wait(Duration::from_secs(1));
    world
        .withhold_pubacks(140)
        .send(70_000)
        .wait(Duration::from_secs(600));
    assert_eq!(world.device().stats().inflight, 500);
    assert_eq!(world.device().stats().acknowledged, 69_500);
    assert!(world.device().wire().publishes >= 70_000);
    // Nothing else goes wrong while five hundred identifiers are taken.
    world
        .follow_attributes()
        .serve_calls()
        .request_attributes(Duration::from_secs(20));
    world.wait(Duration::from_secs(5));
    assert_eq!(world.device().stats().open_requests, 0);
    assert_eq!(world.device().stats().connects, 1);
}

/// ThingsBoard counts its identifiers past 65,535 to 0 (C-043).
#[test]
fn a_downlink_with_identifier_0_is_taken_and_not_acknowledged() {
    let mut world = World::new(4);
    world.simulator().faults_mut().first_downlink = 0xFFFF;
    world.follow_attributes().wait(Duration::from_secs(1));
    for _ in 0..4 {
        world.set_shared(0).wait(Duration::from_millis(200));
    }
    assert_eq!(world.device().shared("s0"), Some(4));
    assert_eq!(world.device().stats().connects, 1);
    world.settle();
}

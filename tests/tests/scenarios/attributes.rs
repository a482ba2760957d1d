//! Client attributes: one message on its way at a time, and never an old value after a new one.

use tb_proto::ProtocolVersion::V5;
use tb_tests::network::Cut;
use tb_tests::world::World;

use crate::ms;

/// Found by the properties: the message that was next was taken back, and the lane waited for it for
/// ever.
#[test]
fn taking_back_the_next_attribute_message_does_not_hold_up_those_behind_it() {
    let mut world = World::small(V5, 1);
    world
        .wait(ms(100))
        .withhold_pubacks(1)
        .send(20)
        .wait(ms(100));
    // The window is full: the first attribute message waits for a place in it.
    world.send_attribute(0).send_attribute(1).cancel(1).settle();
    assert_eq!(world.arrivals().attributes().len(), 1);
}

#[test]
fn attributes_that_wait_are_merged_and_the_newest_value_wins() {
    let mut world = World::new(1);
    world.wait(ms(1_000));
    let before = world.device().wire().publishes;
    for _ in 0..10 {
        world.send_attribute(0).send_attribute(1);
    }
    world.settle();
    assert_eq!(
        world.device().wire().publishes - before,
        2,
        "the first one, and all others in one"
    );
    assert_eq!(world.arrivals().attributes()["a0"], 19);
    assert_eq!(world.arrivals().attributes()["a1"], 20);
    assert_eq!(world.device().ledger().acknowledged(), 20);
}

#[test]
fn a_lost_connection_never_brings_an_old_value_back() {
    for how in [Cut::Silent, Cut::Fin, Cut::Rst] {
        let mut world = World::new(3);
        world.wait(ms(1_000));
        for _ in 0..20 {
            // The world fails when a value is stored after a newer one.
            world
                .send_attribute(0)
                .wait(ms(25))
                .send_attribute(0)
                .cut(how)
                .wait(ms(3_000));
        }
        world.settle();
        assert_eq!(world.arrivals().attributes()["a0"], 40);
    }
}

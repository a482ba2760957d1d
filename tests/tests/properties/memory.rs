//! Memory stays within the limits, whoever misbehaves.

use tb_proto::ProtocolVersion::V5;
use tb_tests::network::Cut;
use tb_tests::world::{Answering, World};

use crate::{live_bytes, ms};

fn connected(seed: u64) -> World {
    let mut world = World::measured(V5, seed, live_bytes);
    world.wait(ms(1_000));
    world
}

#[test]
fn an_application_that_fetches_no_calls_costs_no_memory_whatever_the_server_sends() {
    let mut world = connected(2);
    world.serve_calls().wait(ms(1_000)).fetch_events(false);
    for _ in 0..400 {
        for _ in 0..10 {
            world.call_device();
        }
        // Long enough for the calls to be over, so that new ones take their places.
        world.wait(ms(100)).cut(Cut::Rst).wait(ms(100_000)).check();
    }
    world.settle();
}

#[test]
fn an_application_that_fetches_no_answers_costs_no_memory_whatever_the_server_sends() {
    let mut world = connected(2);
    for index in 0..40 {
        world.set_shared(index);
    }
    world.wait(ms(1_000)).fetch_events(false);
    for _ in 0..2_000 {
        world.request_attributes(ms(5_000)).wait(ms(100)).check();
    }
    world.settle();
}

#[test]
fn an_application_that_fetches_no_updates_costs_no_memory_whatever_the_server_sends() {
    let mut world = connected(2);
    world
        .follow_attributes()
        .wait(ms(1_000))
        .fetch_events(false);
    for round in 0..3_000_u32 {
        world.set_shared((round % 200) as u8).wait(ms(100)).check();
    }
    world.settle();
}

#[test]
fn calls_that_are_never_answered_cost_no_memory() {
    let mut world = connected(2);
    world
        .serve_calls()
        .answering(Answering::WhenTold)
        .wait(ms(1_000));
    for _ in 0..500 {
        world.call_device().wait(ms(2_000)).check();
    }
    world.settle();
}

#[test]
fn a_device_that_is_offline_for_months_and_asks_every_second_costs_no_memory() {
    let mut world = connected(2);
    world
        .ignore_dials()
        .cut(Cut::Rst)
        .request_attributes(ms(20_000));
    for _ in 0..100_000 {
        world.request_attributes(ms(3_000)).wait(ms(1_000));
    }
    world.check().settle();
}

#[test]
fn a_device_that_is_offline_for_months_with_attributes_that_expire_costs_no_memory() {
    let mut world = connected(2);
    world.ignore_dials().cut(Cut::Rst).send_attribute(1);
    for _ in 0..100_000 {
        world.send_attribute_expiring(0, ms(3_000)).wait(ms(1_000));
    }
    world.check().settle();
}

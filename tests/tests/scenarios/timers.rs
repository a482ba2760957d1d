//! The machine is woken when something is due, and only then.

use tb_proto::ProtocolVersion::V3_1_1;
use tb_proto::{Client, Instant};
use tb_tests::world::World;

use crate::ms;

/// Found by the properties: the machine was woken for the expiry of a message that was gone.
#[test]
fn nobody_is_woken_for_a_message_that_was_taken_back() {
    // The world compares all that is seen from outside before and after an early call.
    World::small(V3_1_1, 145)
        .wait(ms(74))
        .send_attribute_expiring(2, ms(9))
        .cancel(0)
        .wake_early()
        .settle();
}

/// A driver that counts from another epoch, or whose clock is broken.
#[test]
fn the_machine_comes_to_rest_at_the_end_of_time() {
    let start = Instant::from_micros(u64::MAX - 100_000_000);
    let mut client = Client::new(World::config(), start, 1).expect("a token");
    for _ in 0..100 {
        for now in [
            start,
            Instant::from_micros(u64::MAX - 1),
            Instant::from_micros(u64::MAX),
        ] {
            client.handle_timeout(now);
            while client.poll_link().is_some() || client.poll_transmit().is_some() {}
            while client.poll_event().is_some() {}
        }
    }
    assert!(client.stats().connect_attempts < 10_000);
}

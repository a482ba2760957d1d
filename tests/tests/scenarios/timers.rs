//! The machine is woken when something is due, and only then.

use tb_proto::ProtocolVersion::V3_1_1;
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

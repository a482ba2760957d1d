//! Lives that went wrong once, as they were printed.

use tb_proto::ProtocolVersion;
use tb_tests::world::World;

use crate::ms;

/// The attribute message whose turn was next was taken back before it was written, and those behind
/// it waited for it for ever.
#[test]
fn the_last_attribute_waited_for_one_that_was_taken_back() {
    World::small(ProtocolVersion::V3_1_1, 80)
        .wait(ms(27561))
        .send(4)
        .send_urgent(3)
        .send_expiring(ms(55))
        .send(1)
        .send(2)
        .send(5)
        .send_large(3033)
        .send(4)
        .send_attribute_qos0(0)
        .send(2)
        .send_attribute(0)
        .send_qos0(2)
        .send_attribute_expiring(2, ms(1489))
        .call_idempotent()
        .send(2)
        .send(3)
        .send(1)
        .send(1)
        .send(1)
        .call()
        .send_attribute(2)
        .call()
        .send_urgent(1)
        .cancel(19)
        .settle();
}

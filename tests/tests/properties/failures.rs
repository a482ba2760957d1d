//! Lives that went wrong once, as they were printed.

use tb_proto::ProtocolVersion;
use tb_tests::network::Cut;
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

/// A child was renamed while its announcement was on its way, whose acknowledgement was taken for that
/// of the new name.
#[test]
fn a_child_that_was_renamed_while_it_was_announced_spoke_under_its_new_name_unannounced() {
    World::gateway(ProtocolVersion::V5, 37)
        .call()
        .child_attribute(0, 2)
        .child_request(3, ms(32590))
        .child_attribute(4, 1)
        .delay_pubacks(ms(1717))
        .child_send(2, 1)
        .wait(ms(552))
        .cut(Cut::Silent)
        .rename_child(2)
        .wait(ms(75521))
        .settle();
}

/// The refusal of a call named the child as it was called when the call came.
#[test]
fn an_answer_for_a_child_that_was_renamed_named_the_child_that_is_no_more() {
    World::gateway(ProtocolVersion::V3_1_1, 11)
        .child_request(4, ms(30260))
        .wait(ms(2402))
        .call_child(4)
        .rename_child(4)
        .settle();
}

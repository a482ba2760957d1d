//! Lives that went wrong once, as they were printed.

use tb_proto::ProtocolVersion;
use tb_tests::network::Cut;
use tb_tests::sim::ChildPoison;
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

/// What waited for deleted children filled the queue, so that nothing could be sent for them that would
/// have brought them back.
#[test]
fn children_that_were_deleted_left_no_room_to_bring_them_back() {
    World::gateway(ProtocolVersion::V3_1_1, 31)
        .child_send_qos0(0, 1)
        .poison_child(3, ChildPoison::HangUp)
        .child_send_qos0(3, 1)
        .send_pack(58)
        .wait(ms(283))
        .child_claim(4)
        .poison_child(4, ChildPoison::Handler)
        .rename_child(0)
        .child_send(0, 3)
        .send(2)
        .wait(ms(1278))
        .child_attribute(3, 2)
        .child_attribute(2, 2)
        .child_send(4, 2)
        .child_send(4, 3)
        .poison_child(2, ChildPoison::Element)
        .wait(ms(31376))
        .send_urgent(2)
        .child_attribute(4, 1)
        .child_disconnect(2)
        .child_attribute(2, 2)
        .send(3)
        .child_send(2, 2)
        .send(4)
        .child_attribute(4, 0)
        .child_attribute(4, 0)
        .send(5)
        .delete_child(2)
        .child_send(4, 1)
        .child_attribute(2, 1)
        .child_send(3, 3)
        .send(3)
        .send_urgent(2)
        .child_send_qos0(2, 1)
        .child_send(2, 1)
        .child_send(2, 3)
        .child_send(1, 1)
        .child_send_large(2, 4918)
        .child_send(3, 4)
        .child_send(3, 4)
        .send_attribute(1)
        .child_disconnect(3)
        .child_send_large(0, 4155)
        .child_send(2, 1)
        .send(2)
        .child_send(1, 4)
        .delete_child(0)
        .send_qos0(2)
        .child_send(1, 4)
        .child_send(0, 4)
        .child_send(1, 2)
        .child_send(3, 3)
        .child_attribute(4, 1)
        .child_send(4, 2)
        .child_send(2, 2)
        .child_attribute(4, 2)
        .child_send(1, 4)
        .child_send_qos0(2, 2)
        .child_disconnect(0)
        .settle();
}

/// The server acknowledged what it refused, and the end of the connection came late enough for the
/// acknowledgement to be believed.
#[test]
fn on_3_1_1_the_close_that_says_that_a_message_was_refused_came_late() {
    World::gateway(ProtocolVersion::V3_1_1, 210)
        .send(4)
        .withhold_pubacks(17)
        .send_attribute(1)
        .send_expiring(ms(1487))
        .child_request(2, ms(41586))
        .child_attribute(4, 0)
        .wait(ms(19733))
        .call_device()
        .call()
        .child_attribute(4, 2)
        .send(1)
        .child_request(0, ms(24877))
        .call_idempotent()
        .send_expiring(ms(893))
        .send_expiring(ms(2545))
        .send_pack(87)
        .send_attribute(0)
        .send(3)
        .send(2)
        .send(5)
        .call_child(4)
        .latency(ms(93), ms(65))
        .request_attributes(ms(11960))
        .child_claim(1)
        .send_urgent(2)
        .renew_credentials()
        .child_request(3, ms(26067))
        .call()
        .wait(ms(1555))
        .child_send_urgent(4, 1)
        .call_idempotent()
        .wait(ms(2284))
        .request_attributes(ms(12077))
        .latency(ms(143), ms(279))
        .child_send(2, 3)
        .poison_child(2, ChildPoison::Handler)
        .wait(ms(152955))
        .settle();
}

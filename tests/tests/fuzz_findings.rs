//! What fuzzing has found, each as the shortest script that showed it and named after what happened.
//! How to read a script is told in `tb-proto/src/fuzzing/machine/script.rs`.

use tb_proto::fuzzing::machine;

#[test]
fn attributes_that_were_written_together_and_then_abandoned_did_not_say_that_they_were_written() {
    machine(b"10 c0 k0 a0 a1 a2 p0 D0");
}

#[test]
fn calls_under_one_number_with_ever_new_bodies_piled_up_until_they_were_fetched() {
    let calls = "m3 m4 ".repeat(90);
    machine(format!("30 s0 L0 c0 k0 B0 P0 {calls} E9").as_bytes());
}

#[test]
fn merged_attributes_that_gave_way_in_a_full_queue_never_had_an_outcome() {
    let telemetry = "t0 ".repeat(24);
    machine(format!("61 t0 a0 a1 a2 c0 k0 {telemetry}").as_bytes());
}

#[test]
fn attributes_were_never_sent_again_after_those_whose_turn_it_was_were_cancelled() {
    machine(b"11 c0 k0 t0 a0 z1 a1 P0");
}

#[test]
fn attributes_were_never_sent_again_after_those_whose_turn_it_was_gave_way_in_a_full_queue() {
    let telemetry = "t0 ".repeat(24);
    machine(format!("61 t0 a0 c0 k0 {telemetry} a1 P0").as_bytes());
}

#[test]
fn a_call_beside_the_last_acknowledgement_was_answered_after_the_client_had_closed() {
    machine(b"10 s1 c0 k0 P0 t0 D5 mu p0");
}

#[test]
fn a_closed_client_wanted_to_be_woken_for_the_expiry_of_attributes_that_had_been_merged() {
    machine(b"10 a0 a9 D5 c0 k0 >0");
}

#[test]
fn messages_that_were_given_up_did_not_count_for_the_receive_maximum_of_the_server() {
    machine(b"10 c0 k1 t0 t0 p1 w6 g0 w6 c0 k1 t0 p1 w6 g0 w6 t0 t0");
}

#[test]
fn merged_readings_that_were_refused_in_part_as_the_client_left_never_had_an_outcome() {
    machine(b"6\x00 t6 t6 t6 t5 t6 t6 c0 k0 mP P0 >0 P0 >1 d0 t6 t5 t6 t6 >0 c0 kz P0 P4 w8 >0 c0 kz m0 D?");
}

#[test]
fn a_message_was_acknowledged_of_which_one_part_had_only_been_sent() {
    machine(b"6p t5 t6 t5 c0 k4 mP >1");
}

#[test]
fn a_drain_waited_on_after_its_last_message_had_died_with_the_connection() {
    machine(b"1@ c8 k0 D9 C0 X0");
}

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

//! Calls, bytes, time and cuts on the whole client: one outcome each, within limits, without a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_proto::fuzzing::machine(data));

//! Bytes from the network, split anywhere, read as either protocol version: an error or packets, never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_proto::fuzzing::decode(data));

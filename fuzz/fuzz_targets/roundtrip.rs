//! What decodes is encoded again and decodes to the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_proto::fuzzing::roundtrip(data));

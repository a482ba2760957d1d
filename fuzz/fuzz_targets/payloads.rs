//! Every parser of what the server sends, on bytes that no server would.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_proto::fuzzing::payloads(data));

//! Any topic is told apart or refused, and what we build is recognised by our own parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_proto::fuzzing::topics(data));

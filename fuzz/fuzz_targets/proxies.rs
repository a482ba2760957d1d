//! Whatever a proxy answers, the dialogue with it ends the same way however the answer is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tb_driver::fuzzing::proxies(data));

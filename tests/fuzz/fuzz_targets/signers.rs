//! Feeds libFuzzer's inputs to the body of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hoop_fuzz::signers(data));

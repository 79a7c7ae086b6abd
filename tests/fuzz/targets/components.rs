//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz --features libfuzzer components`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hither_fuzz::components::check(data));

//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz --features libfuzzer verdicts`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hither_fuzz::verdicts::check(data));

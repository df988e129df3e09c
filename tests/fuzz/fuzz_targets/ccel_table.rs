#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests_fuzz_targets::CCEL_TABLE.run(bytes);
});

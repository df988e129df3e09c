#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests_fuzz_targets::JWT.run(bytes);
});

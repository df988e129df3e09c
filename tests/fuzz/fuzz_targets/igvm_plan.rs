#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tests_fuzz_targets::IGVM_PLAN.run(bytes);
});

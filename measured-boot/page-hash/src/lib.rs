//! Hashes pages with SHA-384 on every core, four at a time where the CPU has AVX2.

#![allow(
    unsafe_code,
    reason = "AVX2 instructions have no safe form: loads and stores go through pointers"
)]

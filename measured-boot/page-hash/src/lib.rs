//! Hashes pages with SHA-384 on every core, four at a time where the CPU has AVX2.
//!
//! [`AllCores`] is what programs give to the core crates' [`HashPages`](measured_boot_digest::HashPages);
//! [`Lanes`] is how one core does it.

#![allow(
    unsafe_code,
    reason = "AVX2 code may be entered only where the CPU has it, which the compiler cannot know"
)]

mod all_cores;
mod constants;
#[cfg(target_arch = "x86_64")]
mod four_lanes;
mod lanes;

pub use all_cores::AllCores;
pub use lanes::Lanes;

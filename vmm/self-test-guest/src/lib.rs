//! The guest of a host's self-test: some hundred bytes that say which TEE they find themselves in.
//!
//! [`kernel`] is a kernel as the boot shim takes it. On COM1 it writes one line: [`LINE`], then `plain`; or
//! `snp sev-status=` with the register SEV_STATUS; or `tdx td-info=` with the first [`TD_INFO_BYTES`] of
//! TDINFO_STRUCT out of a report that the TDX module made, both in hexadecimal. Then it powers off.
//!
//! In an SNP guest a byte can be written only through a page that the host can read. So this guest takes the
//! validation of a page back, has the host share it, and makes it its GHCB: a conversion is part of the test. If that
//! fails, it ends itself by reason set [`REASON_SET`], with one of [`GIVEN_UP`].
//!
//! The program has never run on hardware with SEV-SNP or TDX.

#![allow(
    unsafe_code,
    reason = "a sys crate: the guest is assembled into this program's constants, and read out of them"
)]

use core::arch::global_asm;
use core::ptr::slice_from_raw_parts;

use measured_boot_plan::machine::{SLEEP_CONTROL_PORT, SLEEP_S5};
use measured_boot_shim_abi::layout::PAGE_TABLES;
use measured_boot_tiny_kernel::{Segment, elf};

/// What the line begins with; the number is its version.
pub const LINE: &str = "cloister-self-test 1 ";

/// How much of TDINFO_STRUCT the line has: ATTRIBUTES, XFAM, MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG and RTMR0 to 3
/// (Intel TDX module 1.5 ABI, 348551).
pub const TD_INFO_BYTES: usize = 400;

/// Reason set of an SNP guest that gives up; 5 is the shim's.
pub const REASON_SET: u8 = 6;

/// Its reasons, from 1 on.
pub const GIVEN_UP: [&str; 3] = [
    "a page's validation cannot be taken back",
    "the host does not share a page that the guest asks it to share",
    "the host does not take the page as GHCB",
];

/// Physical address at which it is linked and entered.
const ADDRESS: u64 = 16 << 20;
/// RAM that the shim took and nothing lies in; the beginning of a large page.
const SPARE: u64 = 32 << 20;
/// Where that large page is mapped a second time, without the C-bit: the third GiB, in which there is no RAM.
const SPARE_SHARED: u64 = 2 << 30;
/// The entry of the shim's page tables for it: the first of the third directory, behind PML4 and directory pointers.
const SPARE_ENTRY: u64 = PAGE_TABLES + 4 * 0x1000;

global_asm!(
    include_str!("guest.s"),
    SPARE = const SPARE,
    SPARE_SHARED = const SPARE_SHARED,
    SPARE_ENTRY = const SPARE_ENTRY,
    POWER_PORT = const SLEEP_CONTROL_PORT,
    POWER_OFF = const SLEEP_S5,
    REASON_SET = const REASON_SET,
    options(att_syntax),
);

unsafe extern "C" {
    #[link_name = "self_test_guest"]
    static GUEST: u8;
    #[link_name = "self_test_guest_end"]
    static GUEST_END: u8;
}

/// The program, flat.
#[must_use]
pub fn code() -> &'static [u8] {
    let (start, end) = (&raw const GUEST, &raw const GUEST_END);
    let length = end.addr() - start.addr();
    // SAFETY: both are labels of one section of constants, the second one behind the first; what lies between is
    // initialised, never written, and lives as long as this program.
    unsafe { &*slice_from_raw_parts(start, length) }
}

/// The program as a kernel's file.
#[must_use]
pub fn kernel() -> Vec<u8> {
    elf(ADDRESS, &[Segment::new(ADDRESS, code().to_vec())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_small_and_says_its_lines() {
        let code = code();
        assert!(code.len() < 1024, "{} bytes", code.len());
        let said = String::from_utf8_lossy(code);
        for kind in ["plain\0", "snp sev-status=\0", "tdx td-info=\0"] {
            assert!(said.contains(&format!("{LINE}{kind}")), "{kind}");
        }
    }

    #[test]
    fn kernel_is_the_program_and_little_else() {
        let (kernel, code) = (kernel(), code());
        assert!(kernel.len() < 0x3000 && kernel.ends_with(code));
    }

    #[test]
    fn page_table_entry_is_the_one_of_the_third_gib() {
        let directory = SPARE_SHARED >> 30;
        assert_eq!(SPARE_ENTRY, PAGE_TABLES + (2 + directory) * 0x1000);
        assert!(SPARE.is_multiple_of(2 << 20));
    }
}

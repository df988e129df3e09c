//! Guests with more memory than there is room for below the hole for devices.

use crate::support::hypercalls::{PRIVATE, SHARED, assert_answers, map};
use crate::support::{
    assert_in_order, assert_said_hello, hexadecimal, host_with, run, snp_folder, tdx_folder,
};
use measured_boot_shim_abi::layout::TDX_RESET_PAGE;
use tests_kernel_abi::host::{Host, Kind};
use vmm_kernel_abi::exit::answer;

const MIB: u64 = 1 << 20;
const LOW_END: u64 = 3 << 30;
const HIGH: u64 = 4 << 30;
const HIGH_BYTES: u64 = 64 * MIB;
const HIGH_END: u64 = HIGH + HIGH_BYTES;
const MEMORY_MIB: u64 = (LOW_END + HIGH_BYTES) / MIB;
const PAGES: u64 = (LOW_END + HIGH_BYTES) / 4096;

#[test]
fn snp_guest_has_private_memory_on_both_sides_of_the_hole_and_the_same_digest() {
    let digest = |mib| {
        let folder = snp_folder(1, "")?.with_memory(mib);
        let mut host = Host::new(Kind::Snp);
        let outcome = run(&folder, &mut host);
        assert_said_hello(&outcome);
        let memory = &host.machine.as_ref().unwrap().vm.memory;
        let pages = u64::try_from(memory.private_pages()).unwrap();
        assert_eq!(pages, mib * MIB / 4096);
        let digest = host.sev_vm().unwrap().guest.digest();
        assert_eq!(hexadecimal(&digest), outcome.predicted());
        Some((digest, memory.private_slots()))
    };
    let Some(((small, _), (large, slots))) = digest(65).zip(digest(MEMORY_MIB)) else {
        return;
    };
    assert_eq!(small, large);
    assert_eq!(slots, [(0, LOW_END), (HIGH, HIGH_BYTES)]);
}

#[test]
fn td_has_private_memory_on_both_sides_of_the_hole_and_its_reset_page_in_it() {
    let Some(folder) = tdx_folder(1, "") else {
        return;
    };
    let folder = folder.with_memory(MEMORY_MIB);
    let mut host = host_with(Kind::Tdx, Vec::new());
    let outcome = run(&folder, &mut host);
    assert_in_order(&outcome);
    let memory = &host.machine.as_ref().unwrap().vm.memory;
    assert_eq!(
        memory.private_slots(),
        [(0, LOW_END), (TDX_RESET_PAGE, 4096), (HIGH, HIGH_BYTES)]
    );
    assert_eq!(u64::try_from(memory.private_pages()).unwrap(), PAGES + 1);
    let mrtd = host.tdx_vm().unwrap().td.mrtd().unwrap();
    assert_eq!(hexadecimal(&mrtd), outcome.predicted());
}

#[test]
fn conversion_is_done_on_both_sides_of_the_hole_and_refused_in_it() {
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        (map(LOW_END - 0x1000, 1, SHARED), answer::DONE),
        (map(HIGH, 512, SHARED), answer::DONE),
        (map(HIGH, 256, PRIVATE), answer::DONE),
        (map(HIGH_END - 0x1000, 1, SHARED), answer::DONE),
        (map(LOW_END - 0x1000, 2, SHARED), answer::EINVAL),
        (map(LOW_END, 1, SHARED), answer::EINVAL),
        (map(HIGH - 0x1000, 1, SHARED), answer::EINVAL),
        (map(HIGH - 0x1000, 2, PRIVATE), answer::EINVAL),
        (map(HIGH_END - 0x1000, 2, SHARED), answer::EINVAL),
        (map(HIGH_END, 1, PRIVATE), answer::EINVAL),
    ];
    let Some(folder) = snp_folder(1, "") else {
        return;
    };
    let folder = folder.with_memory(MEMORY_MIB);
    let exits = cases.iter().map(|(exit, _)| exit.clone()).collect();
    let mut host = host_with(Kind::Snp, exits);
    assert_in_order(&run(&folder, &mut host));
    assert_answers(&host, &cases);
    let memory = &host.machine.as_ref().unwrap().vm.memory;
    let shared = 1 + 256 + 1;
    assert_eq!(
        u64::try_from(memory.private_pages()).unwrap(),
        PAGES - shared
    );
    assert!(memory.is_private(HIGH) && !memory.is_private(HIGH + MIB));
    assert!(!memory.is_private(LOW_END - 0x1000) && !memory.is_private(HIGH_END - 0x1000));
}

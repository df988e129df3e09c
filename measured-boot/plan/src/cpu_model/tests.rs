use super::*;
use measured_boot_snp_abi::CPUID_PAGE_CAPACITY;
use std::collections::BTreeSet;

fn model() -> CpuModel {
    CpuModel::named("x86-64-v2").expect("the model exists")
}

fn leaf(entries: &[CpuidEntry], function: u32, index: Option<u32>) -> CpuidEntry {
    *entries
        .iter()
        .find(|entry| (entry.function, entry.index) == (function, index))
        .expect("the leaf exists")
}

#[test]
fn every_model_reads_fits_the_page_and_gives_reasons() {
    for name in CpuModel::names() {
        let model = CpuModel::named(name).expect("a listed model exists");
        assert_eq!(model.name, name);
        assert_eq!(model.vendor.len(), 12);
        assert!(model.brand.len() < 48);
        assert!(
            model
                .features
                .iter()
                .all(|feature| !feature.reason.is_empty())
        );
        assert!(model.leaves.iter().all(|leaf| !leaf.reason.is_empty()));
        let names: BTreeSet<_> = model.features.iter().map(|feature| &feature.name).collect();
        assert_eq!(
            names.len(),
            model.features.len(),
            "a feature is listed twice"
        );
        assert!(model.entries(64).len() <= CPUID_PAGE_CAPACITY);
    }
}

#[test]
fn feature_is_called_by_its_name_also_where_amd_repeats_it() {
    let name = cpuid_feature_name;
    assert_eq!(name(0x1, 2, 0).as_deref(), Some("sse3"));
    assert_eq!(name(0x1, 3, 4).as_deref(), Some("tsc"));
    assert_eq!(name(0x8000_0001, 3, 4).as_deref(), Some("tsc"));
    for (leaf, register, bit) in [(0x1, 2, 28), (0x1, 4, 0), (0x1, 3, 32), (0x1234, 0, 0)] {
        assert_eq!(name(leaf, register, bit), None);
    }
}

#[test]
fn leaves_are_sorted_and_unique() {
    let entries = model().entries(2);
    let keys: Vec<_> = entries
        .iter()
        .map(|entry| (entry.function, entry.index))
        .collect();
    let sorted: Vec<_> = keys
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(keys, sorted);
}

#[test]
fn no_feature_needs_a_leaf_that_is_not_there() {
    let entries = model().entries(2);
    for feature in &model().features {
        assert!(
            entries.iter().any(|entry| entry.function == feature.leaf),
            "{}",
            feature.name
        );
    }
}

#[test]
fn vendor_and_hypervisor_are_spelled_in_their_registers_order() {
    let entries = model().entries(1);
    let vendor = leaf(&entries, 0, None);
    let text = [vendor.ebx, vendor.edx, vendor.ecx]
        .map(u32::to_le_bytes)
        .concat();
    assert_eq!(text, b"AuthenticAMD");
    let kvm = leaf(&entries, 0x4000_0000, None);
    let text = [kvm.ebx, kvm.ecx, kvm.edx].map(u32::to_le_bytes).concat();
    assert_eq!(text, b"KVMKVMKVM\0\0\0");
}

#[test]
fn state_that_follows_the_guest_is_not_offered() {
    // OSXSAVE (leaf 1 ECX 27), XSAVE (26), OSPKE (leaf 7 ECX 4): KVM changes them as the guest
    // writes CR4, so what is read back would differ from what was planned.
    let entries = model().entries(2);
    assert_eq!(leaf(&entries, 1, None).ecx & (1 << 27 | 1 << 26), 0);
    assert_eq!(leaf(&entries, 7, Some(0)).ecx, 0);
    assert!(entries.iter().all(|entry| entry.function != 0xD));
}

#[test]
fn topology_counts_the_vcpus() {
    for (vcpus, id_bits) in [(1, 0), (2, 1), (3, 2), (64, 6)] {
        let entries = model().entries(vcpus);
        let cores = leaf(&entries, 0xB, Some(1));
        assert_eq!((cores.eax, cores.ebx), (id_bits, vcpus));
        assert_eq!(
            leaf(&entries, 0x8000_0008, None).ecx,
            id_bits << 12 | (vcpus - 1)
        );
        assert_eq!(leaf(&entries, 1, None).edx & HTT != 0, vcpus > 1);
    }
}

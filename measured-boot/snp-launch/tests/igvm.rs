//! Launch digests of IGVM files.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod support;

use measured_boot_digest::{DigestChain, OneByOne, sha384};
use measured_boot_igvm::{Igvm, PlatformKind, Rule};
use measured_boot_snp_abi::{PageType, VMSA_GPA};
use measured_boot_snp_launch::{IgvmNote, LaunchFault, SnpLaunch, ZeroPages, igvm_notes};
use std::path::Path;
use support::Builder;

fn digest(file: &[u8], zero_pages: ZeroPages) -> String {
    let igvm = Igvm::read(file).expect("an IGVM file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SEV-SNP");
    let launch = SnpLaunch::of_igvm(&loading, zero_pages).expect("a launch");
    launch.measure(&OneByOne).digest().to_string()
}

fn notes(file: &[u8], is_kvm: bool) -> Vec<IgvmNote> {
    let igvm = Igvm::read(file).expect("an IGVM file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SEV-SNP");
    igvm_notes(&loading, is_kvm)
}

/// A VMSA that KVM takes as it is: CR0 0x31, SEV_FEATURES 1.
fn vmsa() -> [u8; 4096] {
    let mut vmsa = [0; 4096];
    vmsa[0x158] = 0x31;
    vmsa[0x3B0] = 1;
    vmsa
}

#[test]
fn digest_of_the_sample_is_that_of_the_crate_that_made_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/measured-boot/igvm-crate/sample.igvm");
    let Ok(file) = std::fs::read(&path) else {
        return println!("skipped: {} is not there", path.display());
    };
    assert_eq!(
        digest(&file, ZeroPages::Normal),
        "6f42e5b95373aad0bf9aca031df87529e491d1708c1f591ea7b103f813ef18b777bfc687578861cde5d8cf1edf52e836"
    );
    assert!(digest(&file, ZeroPages::Zero).starts_with("2ebd3388"));
    assert_eq!(notes(&file, true), [IgvmNote::NotSnp(0)]);
}

#[test]
fn bits_of_cr0_that_kvm_changes_are_noted() {
    let noted = |cr0: u64| {
        let mut vmsa = vmsa();
        vmsa[0x158..0x160].copy_from_slice(&cr0.to_le_bytes());
        let file = Builder::snp().vp_context(VMSA_GPA, 0, &vmsa).build();
        assert_eq!(notes(&file, false), []);
        notes(&file, true)
    };
    for taken in [0x10, 0x11, 0x30, 0x31, 0x8000_0031] {
        assert_eq!(noted(taken), [], "{taken:#x}");
    }
    for changed in [0x1, 0x21, 0x2000_0011, 0x4000_0011, 0x6000_0010] {
        assert_eq!(noted(changed), [IgvmNote::Cr0(changed)], "{changed:#x}");
    }
}

#[test]
fn every_kind_of_page_is_measured_as_what_it_is_and_shared_ones_not_at_all() {
    let large: Vec<u8> = (0..=255)
        .cycle()
        .take(512)
        .flat_map(|page: u8| [page; 4096])
        .collect();
    let file = Builder::snp()
        .area(3, 0x2000, &[])
        .page(0x1000, 0, &[1; 4096])
        .page(0x2000, 0, &[2; 4096])
        .page(0x3000, 2, &[3; 4096])
        .page(0x4000, 4, &[4; 4096])
        .page(0x5000, 0, &[])
        .page_of_kind(0x6000, 2, 1, &[])
        .page_of_kind(0x7000, 0, 2, &[9; 4096])
        .page_of_kind(0x8000, 0, 3, &[])
        .insert(0xA000, 3)
        .page(0x20_0000, 1, &large)
        .vp_context(VMSA_GPA, 0, &vmsa())
        .build();
    let mut chain = DigestChain::new();
    chain.add(PageType::Normal, 0x1000, sha384(&[1; 4096]));
    chain.add(PageType::Normal, 0x2000, sha384(&[2; 4096]));
    chain.add(PageType::Unmeasured, 0x3000, [0; 48]);
    chain.add(PageType::Normal, 0x5000, sha384(&[0; 4096]));
    chain.add(PageType::Secrets, 0x6000, [0; 48]);
    chain.add(PageType::Cpuid, 0x7000, [0; 48]);
    chain.add(PageType::Cpuid, 0x8000, [0; 48]);
    chain.add(PageType::Unmeasured, 0xA000, [0; 48]);
    chain.add(PageType::Unmeasured, 0xB000, [0; 48]);
    for (gpa, page) in (0x20_0000..).step_by(4096).zip(large.chunks(4096)) {
        chain.add(PageType::Normal, gpa, sha384(page));
    }
    chain.add(PageType::Vmsa, VMSA_GPA, sha384(&vmsa()));
    assert_eq!(digest(&file, ZeroPages::Normal), chain.digest().to_string());
    let expected = [
        IgvmNote::LargeParameterArea(3),
        IgvmNote::LargePageWithData(0x20_0000),
    ];
    assert_eq!(notes(&file, true), expected);
}

#[test]
fn pages_of_one_kind_that_follow_one_another_are_one_run() {
    let file = Builder::snp()
        .page(0x1000, 0, &[1; 4096])
        .page(0x2000, 0, &[2; 4096])
        .page(0x4000, 0, &[3; 4096])
        .page(0x5000, 0, &[])
        .page(0x6000, 0, &[])
        .build();
    let igvm = Igvm::read(&file).unwrap();
    let loading = igvm.loading(PlatformKind::SevSnp).unwrap();
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Zero).unwrap();
    let runs: Vec<_> = launch
        .runs()
        .iter()
        .map(|run| (run.name.as_str(), run.gpa, run.pages(), run.page_type))
        .collect();
    let expected = [
        ("data", 0x1000, 2, PageType::Normal),
        ("data", 0x4000, 1, PageType::Normal),
        ("zeros", 0x5000, 2, PageType::Zero),
    ];
    assert_eq!(runs, expected);
}

#[test]
fn what_kvm_would_do_otherwise_is_said_for_kvm() {
    let vmsa_first = Builder::snp()
        .vp_context(VMSA_GPA, 0, &vmsa())
        .page(0x1000, 0, &[1; 4096])
        .build();
    assert_eq!(notes(&vmsa_first, true), [IgvmNote::VmsaNotLast]);
    assert_eq!(notes(&vmsa_first, false), []);
    let elsewhere = Builder::snp().vp_context(0x5000, 0, &vmsa()).build();
    assert_eq!(notes(&elsewhere, true), [IgvmNote::VmsaAddress(0x5000)]);
    let two = Builder::snp()
        .vp_context(VMSA_GPA, 0, &vmsa())
        .vp_context(VMSA_GPA, 1, &vmsa())
        .build();
    assert_eq!(notes(&two, true), [IgvmNote::VmsaCount(2)]);
    let none = Builder::snp().page(0x1000, 0, &[1; 4096]).build();
    assert_eq!(notes(&none, false), [IgvmNote::NoVmsa]);
    let mut relocation = [0; 48];
    relocation[0] = 1;
    let moved = Builder::snp().header(0x102, &relocation);
    let moved = moved.vp_context(VMSA_GPA, 0, &vmsa()).build();
    assert_eq!(notes(&moved, false), [IgvmNote::Relocatable]);
}

/// Nobody launches a guest without a policy; the digest would be of no launch.
#[test]
fn file_without_a_policy_is_refused() {
    let file = Builder::default()
        .platform(1, 2)
        .page(0x1000, 0, &[1; 4096]);
    let file = file.build();
    let igvm = Igvm::read(&file).unwrap();
    let loading = igvm.loading(PlatformKind::SevSnp).unwrap();
    let fault = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).unwrap_err();
    let LaunchFault::Igvm(fault) = fault else {
        panic!("{fault}");
    };
    assert_eq!(fault.rule, Rule::PolicyMissing(PlatformKind::SevSnp));
}

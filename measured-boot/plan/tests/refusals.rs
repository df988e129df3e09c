//! What cannot be planned, and what the refusal says.

mod support;

use measured_boot_plan::{DiskConfig, LaunchConfig, LaunchPlan, PlanError, Sources, TeeKind, plan};
use measured_boot_tiny_kernel::{Segment, elf};

fn refused(change: impl FnOnce(&mut LaunchConfig)) -> PlanError {
    let mut config = support::config();
    change(&mut config);
    let sources = Sources {
        kernel: &support::kernel(),
        initrd: &support::initrd(),
        ..Sources::default()
    };
    plan(&config, &sources).expect_err("the launch cannot be planned")
}

fn with_kernel(kernel: &[u8]) -> Result<LaunchPlan, PlanError> {
    plan(
        &support::config(),
        &Sources {
            kernel,
            initrd: &support::initrd(),
            ..Sources::default()
        },
    )
}

fn damaged(kernel: &[u8]) -> String {
    match with_kernel(kernel) {
        Err(PlanError::KernelMalformed { problem }) => problem,
        other => panic!("the kernel should be called damaged: {other:?}"),
    }
}

#[test]
fn setting_that_is_not_possible_is_refused_by_its_key() {
    for (error, begins) in [
        (
            refused(|config| config.tee.kind = TeeKind::Snp),
            "boot.protocol: no snp hardware can launch simulated-direct",
        ),
        (
            refused(|config| config.cpu.model = "z80".into()),
            "cpu.model: there is no model \"z80\"",
        ),
        (refused(|config| config.cpu.count = 0), "cpu.count: 0 vCPUs"),
        (
            refused(|config| config.cpu.count = 65),
            "cpu.count: 65 vCPUs",
        ),
        (
            refused(|config| config.memory.mib = 63),
            "memory.mib: 63 MiB",
        ),
        (
            refused(|config| config.memory.mib = 523_265),
            "memory.mib: 523265 MiB",
        ),
        (
            refused(|config| config.memory.mib = u64::MAX),
            "memory.mib: ",
        ),
        (
            refused(|config| config.boot.cmdline = "x".repeat(2048)),
            "boot.cmdline: it has 2048 bytes",
        ),
        (
            refused(|config| config.boot.cmdline = "a\nb".into()),
            "boot.cmdline: it holds the control",
        ),
        (
            refused(|config| config.boot.cmdline = "a\0b".into()),
            "boot.cmdline: it holds the control",
        ),
        (
            refused(|config| config.disks = vec![DiskConfig { path: "d".into() }; 19]),
            "disk: 20 devices were asked for",
        ),
    ] {
        assert!(error.to_string().starts_with(begins), "{error}");
        assert!(error.to_string().contains("; "), "no remedy: {error}");
    }
}

#[test]
fn file_that_is_no_kernel_is_refused_for_what_it_is() {
    let not = |file: &[u8]| with_kernel(file).expect_err("it is no kernel").to_string();
    assert!(not(b"").contains("the file is empty"));
    assert!(not(b"#!/bin/sh").contains("no ELF file"));
    let mut bz_image = vec![0; 0x300];
    bz_image[0x1FE..0x206].copy_from_slice(b"\x55\xAA\xEB\x66HdrS");
    assert!(not(&bz_image).contains("extract the vmlinux with `cloister-image kernel`"));
    let mut other_machine = support::kernel();
    other_machine[18] = 183; // EM_AARCH64
    assert!(not(&other_machine).contains("another machine"));
    let mut shared_object = support::kernel();
    shared_object[16] = 3; // ET_DYN
    assert!(not(&shared_object).contains("shared object"));
    let mut program = Segment::new(0x40_0000, vec![0; 16]);
    program.vaddr = 0x40_0000;
    assert!(not(&elf(0x40_0000, &[program])).contains("a program for user space"));
    let kernel = Segment::new(0x100_0000, vec![0; 16]);
    assert!(not(&elf(0x90_0000, &[kernel])).contains("entry is in no segment"));
    assert!(not(&elf(0, &[])).contains("entry is in no segment"));
}

#[test]
fn kernel_whose_headers_contradict_themselves_is_refused() {
    let text = Segment::new(0x100_0000, vec![1; 0x2000]);
    let changed = |change: fn(&mut Segment)| {
        let mut other = Segment::new(0x200_0000, vec![2; 0x1000]);
        change(&mut other);
        damaged(&elf(0x100_0000, &[text.clone(), other]))
    };
    assert!(changed(|s| s.paddr = 0x100_1000).contains("overlap"));
    assert!(changed(|s| s.paddr = 0xFF_F000 - 0x1000 + 0x2000).contains("overlap"));
    assert!(changed(|s| s.memsz = 1).contains("more bytes in the file than in memory"));
    assert!(changed(|s| s.memsz = u64::MAX).contains("wraps around"));
    assert!(changed(|s| s.paddr = 0x9_0000).contains("below 1 MiB"));
    assert!(changed(|s| s.paddr = 0x200_0010).contains("does not start at a page"));
}

#[test]
fn segments_that_share_a_page_are_refused() {
    // The first ends inside the page in which the second begins.
    let first = Segment::new(0x100_0000, vec![1; 0x1800]);
    let second = Segment::new(0x100_1000, vec![2; 0x800]);
    assert!(damaged(&elf(0x100_0000, &[first, second])).contains("overlap"));
}

#[test]
fn kernel_cut_off_anywhere_is_refused() {
    let kernel = support::kernel();
    for length in (0..kernel.len()).step_by(61) {
        assert!(with_kernel(&kernel[..length]).is_err(), "{length} bytes");
    }
    assert!(damaged(&kernel[..kernel.len() - 1]).contains("cut off"));
}

#[test]
fn kernel_that_claims_too_much_is_refused_without_effort() {
    let mut huge = Segment::new(0x100_0000, vec![1; 16]);
    huge.memsz = 1 << 40;
    let error = with_kernel(&elf(0x100_0000, &[huge])).expect_err("it does not fit");
    assert!(
        error
            .to_string()
            .contains("memory below 4 GiB ends at 0x10000000; raise memory.mib"),
        "{error}"
    );
    let many: Vec<_> = (0..100)
        .map(|i| Segment::new(0x100_0000 + i * 0x1000, vec![1; 16]))
        .collect();
    assert!(damaged(&elf(0x100_0000, &many)).contains("more than 64"));
}

#[test]
fn kernel_with_any_header_byte_changed_is_planned_or_refused_without_panic() {
    let kernel = support::kernel();
    for at in 0..64 + 2 * 56 {
        for value in [0x00, 0x7F, 0xFF] {
            let mut changed = kernel.clone();
            changed[at] = value;
            let _ = with_kernel(&changed);
        }
    }
}

#[test]
fn initrd_that_is_empty_or_does_not_fit_is_refused() {
    let with_initrd = |initrd: &[u8]| {
        plan(
            &support::config(),
            &Sources {
                kernel: &support::kernel(),
                initrd,
                ..Sources::default()
            },
        )
    };
    assert_eq!(with_initrd(b""), Err(PlanError::InitrdEmpty));
    // The kernel ends at 18 MiB and 32 KiB of 256 MiB.
    let room = (256 << 20) - (0x120_8000);
    assert!(with_initrd(&vec![7; room]).is_ok());
    let error = with_initrd(&vec![7; room + 1]).expect_err("one byte too many");
    assert!(
        matches!(error, PlanError::InitrdDoesNotFit { .. }),
        "{error}"
    );
}

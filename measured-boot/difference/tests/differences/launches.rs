//! Launches of firmware by other VMMs: a change of what they are made of, and all sentences that it gives.

use crate::image::{CPUID, Parts, SECRETS};
use measured_boot_difference::{Difference, Launch, launches};
use measured_boot_digest::OneByOne;
use measured_boot_firmware::Ovmf;
use measured_boot_snp_launch::{CpuSignature, KernelHashes, SnpInputs, SnpLaunch, VmmType};

fn inputs(image: &[u8]) -> SnpInputs<'_> {
    SnpInputs {
        firmware: Ovmf::read(image).expect("an image"),
        firmware_digest: None,
        kernel: Some(KernelHashes::of(b"kernel", b"initrd", "quiet")),
        vcpus: 4,
        cpu: CpuSignature(0x00A0_0F11),
        features: 1,
        vmm: VmmType::Qemu,
    }
}

/// What a change of the usual launch gives.
fn found(change: impl FnOnce(&mut SnpInputs<'_>)) -> Vec<Difference> {
    let image = Parts::whole().image();
    let usual = inputs(&image);
    let mut changed = usual.clone();
    change(&mut changed);
    between(&usual, &changed)
}

fn between(a: &SnpInputs<'_>, b: &SnpInputs<'_>) -> Vec<Difference> {
    let of = |inputs| {
        let launch = SnpLaunch::of(inputs).expect("there is such a launch");
        let digest = launch.measure(&OneByOne).digest();
        let launch = Launch::of_snp(&launch, &OneByOne);
        assert_eq!(launch.digest(), digest);
        launch
    };
    let (a, b) = (of(a), of(b));
    let differences = launches(&a, &b);
    assert_eq!(differences.is_empty(), a.digest() == b.digest());
    differences
}

fn said(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

#[test]
fn rows_of_the_kernel_hash_table_are_told_by_name() {
    let with = |kernel: &[u8], initrd: &[u8], cmdline: &str| {
        let hashes = KernelHashes::of(kernel, initrd, cmdline);
        found(|inputs| inputs.kernel = Some(hashes))
    };
    let row = |differences: &[Difference]| {
        let words = said(differences);
        let rows = words.iter().map(|one| one.split(": SHA-256").next());
        rows.map(|row| row.map(str::to_owned)).collect::<Vec<_>>()
    };
    let told = |row: &str| vec![Some(format!("kernel hash table, row {row}"))];
    assert_eq!(row(&with(b"kernel2", b"initrd", "quiet")), told("kernel"));
    assert_eq!(row(&with(b"kernel", b"initrd2", "quiet")), told("initrd"));
    assert_eq!(row(&with(b"kernel", b"initrd", "loud")), told("cmdline"));
    let none = with(b"kernel", b"", "quiet");
    assert_eq!(
        none[0].advice().as_deref(),
        Some(
            "that in B is the hash of nothing: no file was given; pass the same file on both sides"
        )
    );
    let empty = with(b"kernel", b"initrd", "");
    assert_eq!(
        empty[0].advice().as_deref(),
        Some(
            "that in B is the hash of an empty command line; pass the same text as --append on both sides"
        )
    );
    assert_eq!(
        said(&found(|inputs| inputs.kernel = None)),
        [
            "only A hands the firmware a kernel to check: its page of kernel hashes holds a table, the other's is empty"
        ]
    );
}

#[test]
fn habits_of_another_vmm_are_told_one_by_one() {
    assert_eq!(
        said(&found(|inputs| inputs.vmm = VmmType::Gce)),
        [
            "SNP_SEC_MEM at 0x800000: the type of its pages is ZERO in A, UNMEASURED in B",
            "every vCPU: G_PAT is 0x7040600070406 in A, 0x70106 in B",
            "every vCPU: RDX is 0xa00f11 in A, 0x600 in B",
            "every vCPU: MXCSR is 0x1f80 in A, 0x0 in B",
            "every vCPU: FCW is 0x37f in A, 0x0 in B",
        ]
    );
    let ec2 = said(&found(|inputs| inputs.vmm = VmmType::Ec2));
    assert_eq!(
        ec2[..3],
        [
            "the order of measuring differs: place 4 is that of CPUID at 0x80e000 in A, of SVSM_CAA at 0x80f000 in B",
            "vcpu0: CS.attributes is 0x9b in A, 0x9a in B",
            "every vCPU: SS.attributes is 0x93 in A, 0x92 in B",
        ]
    );
}

#[test]
fn firmware_is_told_by_page_and_metadata_by_sections() {
    let usual = Parts::whole().image();
    let mut changed = usual.clone();
    changed[0x123] = 7;
    assert_eq!(
        said(&between(&inputs(&usual), &inputs(&changed))),
        [
            "firmware: the page at 0xffffe000 differs: 1 byte from offset 0x123 on (file offset 0x123), 00 in A, 07 in B"
        ]
    );
    let mut parts = Parts::whole();
    parts.pages = 3;
    assert_eq!(
        said(&between(&inputs(&usual), &inputs(&parts.image()))),
        [
            "the firmware has 8192 bytes in A, 12288 in B: it ends at 4 GiB, so all of its pages lie elsewhere"
        ]
    );
    let mut parts = Parts::whole();
    parts.rows[1][0] = 0x80_B000;
    let moved = said(&between(&inputs(&usual), &inputs(&parts.image())));
    assert_eq!(
        moved[1],
        "SNP_SECRETS: the address is 0x80d000 in A, 0x80b000 in B"
    );
    let mut parts = Parts::whole();
    parts.rows.retain(|row| !matches!(row[2], CPUID | SECRETS));
    let gone = said(&between(&inputs(&usual), &inputs(&parts.image())));
    assert_eq!(
        gone[1..],
        [
            "SNP_SECRETS at 0x80d000, 1 page, is only in A",
            "CPUID at 0x80e000, 1 page, is only in A",
        ]
    );
}

/// A name is in no digest, and yet says that something else was meant.
#[test]
fn component_of_another_name_is_told_where_the_digests_are_equal() {
    let image = Parts::whole().image();
    let launch = SnpLaunch::of(&inputs(&image)).expect("there is such a launch");
    let launch = Launch::of_snp(&launch, &OneByOne);
    let mut renamed = launch.clone();
    let name = std::mem::replace(&mut renamed.pieces[0].name, "other".to_owned());
    assert_eq!(launch.digest(), renamed.digest());
    let said = said(&launches(&launch, &renamed));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with(&name) && said[0].ends_with("is only in A"));
    assert!(said[1].starts_with("other") && said[1].ends_with("is only in B"));
}

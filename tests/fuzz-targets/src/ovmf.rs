//! OVMF images for SEV-SNP.

mod naive;

use crate::{Bound, Target};
use measured_boot_digest::OneByOne;
use measured_boot_firmware::{Ovmf, SectionKind};
use measured_boot_snp_launch::{CpuSignature, SnpInputs, SnpLaunch, VmmType};

/// An image that is accepted has one meaning: a reader that knows no rule finds the same sections in it
/// and hashes it to the same launch digest.
pub const OVMF: Target = Target {
    name: "ovmf",
    // An entry of 18 bytes becomes 48, in a list that doubles; a row of 12 becomes 24.
    bound: Bound {
        factor: 12,
        constant: 4096,
    },
    longest: 16 << 10,
    vectors: &["sev-snp-measure/fixtures", "measured-boot/debian-ovmf"],
    check,
};

/// Hashing more pages than this would be what the fuzzer spends its time with.
const MOST_PAGES: u32 = 64;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    // What matters ends at an image's end: a short input stands there, behind zeros.
    let missing = bytes.len().next_multiple_of(4096) - bytes.len();
    judge(bytes, bound) | (missing > 0 && judge(&[&vec![0; missing], bytes].concat(), bound))
}

fn judge(image: &[u8], bound: &Bound) -> bool {
    let ovmf = match bound.holds(image, || Ovmf::read(image)) {
        Ok(ovmf) => ovmf,
        Err(fault) => {
            assert!(fault.offset <= image.len(), "{fault}");
            return false;
        }
    };
    let naive = naive::read(image);
    let metadata = ovmf.metadata();
    let sections: Vec<_> = metadata
        .sections
        .iter()
        .map(|section| (section.gpa, section.size, number(section.kind)))
        .collect();
    assert_eq!(sections, naive.rows);
    assert_eq!(metadata.reset_address, naive.reset_address);
    for (index, (gpa, size, _)) in sections.iter().enumerate() {
        let end = u64::from(*gpa) + u64::from(*size);
        assert!(end <= ovmf.base(), "a section reaches into the image");
        for (other, other_size, _) in &sections[..index] {
            let apart = end <= u64::from(*other)
                || u64::from(*other) + u64::from(*other_size) <= u64::from(*gpa);
            assert!(apart, "two sections overlap");
        }
    }
    let pages: u64 = sections.iter().map(|row| u64::from(row.1) / 4096).sum();
    if pages <= u64::from(MOST_PAGES) {
        compare_digests(ovmf, image, &naive);
    }
    true
}

fn compare_digests(ovmf: Ovmf<'_>, image: &[u8], naive: &naive::Image) {
    let inputs = SnpInputs {
        firmware: ovmf,
        firmware_digest: None,
        kernel: None,
        vcpus: 1,
        cpu: CpuSignature(0x0080_0F12),
        features: 1,
        vmm: VmmType::Qemu,
    };
    let launch = SnpLaunch::of(&inputs).expect("one vCPU and no kernel is always a launch");
    let digest = launch.measure(&OneByOne).digest();
    assert_eq!(digest.0, naive::launch_digest(image, naive));
}

fn number(kind: SectionKind) -> u32 {
    match kind {
        SectionKind::SecMem => 1,
        SectionKind::Secrets => 2,
        SectionKind::Cpuid => 3,
        SectionKind::SvsmCaa => 4,
        SectionKind::KernelHashes => 0x10,
    }
}

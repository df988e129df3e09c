//! A launch that a secure processor measured.

#[path = "../../firmware/tests/support/mod.rs"]
#[allow(dead_code, reason = "this image needs not all of it")]
mod support;

use measured_boot_digest::OneByOne;
use measured_boot_firmware::Ovmf;
use measured_boot_snp_launch::{CpuSignature, KernelHashes, SnpInputs, SnpLaunch, VmmType};
use ring::digest::{SHA256, digest};
use support::{CAA, CPUID, HASH_AREA, HASHES, Parts, RESET_BLOCK, SEC_MEM, SECRETS};

/// The report of an EPYC Milan, and what was launched, as dstack publishes them (`dstack/verifier/fixtures/
/// sev-snp-attestation.json`, June 2026): QEMU with an AmdSev build of OVMF, two vCPUs, a kernel.
const MEASUREMENT: &str = "7f51e17f72a04d5422cb2c00998166536019a217376f3aa45a630e59c805a599847ff250dbffcd07e1ba639771d6f05d";
const FIRMWARE: &str = "ffb57e393469a497c0e3b07bd1c97d8611e555f464d14491837665893ac642b263a71f9507ff100a847897fe0c3f8c6f";
const KERNEL: &str = "dd9ea274ce9a07090b22e8284b0c841b65c021c2d15ca57d0f16731089dd226c";
const INITRD: &str = "5f844c4a2ca5a3d0711b3db38293b21ba929bb8e0b3c5bc1a779a57f69221c19";
const CMDLINE: &[u8] = b"console=ttyS0 init=/init panic=1 net.ifnames=0 biosdevname=0 mce=off \
    oops=panic pci=noearly pci=nommconf random.trust_cpu=y random.trust_bootloader=n tsc=reliable no-kvmclock \
    dstack.rootfs_hash=ca5adaef0ac3a36108035925763b48a5818f634e700fbaab561d419fd30d7121 \
    dstack.rootfs_size=490713088\0";
const HASH_TABLE: u32 = 0x0081_0C00;
const RESET: u32 = 0x0080_B004;

fn bytes<const N: usize>(hexadecimal: &str) -> [u8; N] {
    std::array::from_fn(|index| {
        let byte = &hexadecimal[2 * index..2 * index + 2];
        u8::from_str_radix(byte, 16).expect("hexadecimal")
    })
}

/// An image with the sections of the one that was launched.
fn image() -> Vec<u8> {
    let rows = vec![
        [0x0080_0000, 0x9000, SEC_MEM],
        [0x0080_A000, 0x3000, SEC_MEM],
        [0x0080_D000, 0x1000, SECRETS],
        [0x0080_E000, 0x1000, CPUID],
        [0x0080_F000, 0x1000, CAA],
        [0x0081_1000, 0xF000, SEC_MEM],
        [0x0081_0000, 0x1000, HASHES],
    ];
    let area = [HASH_TABLE, 0x400].map(u32::to_le_bytes).concat();
    let entries = vec![
        (HASH_AREA, area),
        (RESET_BLOCK, RESET.to_le_bytes().to_vec()),
    ];
    Parts {
        pages: 2,
        rows,
        entries,
    }
    .image()
}

#[test]
fn measurement_of_a_secure_processor_comes_out() {
    let image = image();
    let cmdline = digest(&SHA256, CMDLINE);
    let launch = SnpLaunch::of(&SnpInputs {
        firmware: Ovmf::read(&image).expect("an image"),
        firmware_digest: Some(bytes(FIRMWARE)),
        kernel: Some(KernelHashes {
            cmdline: *cmdline.as_ref().first_chunk().expect("32 bytes"),
            initrd: bytes(INITRD),
            kernel: bytes(KERNEL),
        }),
        vcpus: 2,
        cpu: "EPYC-v4".parse::<CpuSignature>().expect("known"),
        features: 1,
        vmm: VmmType::Qemu,
    });
    let measured = launch.expect("possible").measure(&OneByOne);
    assert_eq!(measured.digest().to_string(), MEASUREMENT);
}

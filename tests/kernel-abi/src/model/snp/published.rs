//! Digests that sev-snp-measure computed over Debian's firmware.

use std::path::Path;

use super::*;

/// What QEMU's vCPUs have that KVM's reset has not; they start at `start`.
fn qemu_vcpu(signature: u64, start: u64) -> VcpuRegisters {
    let mut vcpu = VcpuRegisters::default();
    vcpu.general[16] = start & 0xffff;
    vcpu.segments[1].base = start & 0xffff_0000;
    vcpu.general[3] = signature;
    // The task register is busy.
    vcpu.segments[9].attributes = 0x8b;
    vcpu.cr0 = 0x10;
    vcpu
}

/// The sections that the firmware lists: address, bytes, kind.
fn sections(image: &[u8]) -> Vec<(u64, u64, u32)> {
    let start = image
        .windows(4)
        .rposition(|window| window == b"ASEV")
        .expect("the firmware has SNP metadata");
    let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
    let count = usize::try_from(word(start + 12)).expect("a few");
    (0..count)
        .map(|index| start + 16 + 12 * index)
        .map(|at| (word(at).into(), word(at + 4).into(), word(at + 8)))
        .collect()
}

/// Where all vCPUs but the first start: before the GUID of its table entry and the entry's length.
fn others_start(image: &[u8]) -> u64 {
    const GUID: [u8; 16] = [
        0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4,
        0x4e,
    ];
    let guid = image.windows(16).rposition(|window| window == GUID);
    let end = guid.expect("the firmware says where others start") - 2;
    let bytes = image[end - 4..end].try_into().expect("four bytes");
    u32::from_le_bytes(bytes).into()
}

fn launch(image: &[u8], vcpus: u64, signature: u64, features: u64) -> [u8; 48] {
    let mut guest = Guest::new(Platform::default());
    guest.start(0x3_0000).expect("a policy for every host");
    let mut load = |page_type, gpa, page: &[u8]| {
        let mut page = page.try_into().expect("a page");
        guest
            .update(page_type, gpa, &mut page)
            .expect("it is taken");
    };
    let length = u64::try_from(image.len()).expect("two megabytes");
    for (gpa, page) in (0x1_0000_0000 - length..)
        .step_by(4096)
        .zip(image.chunks(4096))
    {
        load(page_type::NORMAL, gpa, page);
    }
    for (start, bytes, kind) in sections(image) {
        let page_type = match kind {
            1 | 4 => page_type::ZERO,
            2 => page_type::SECRETS,
            3 => page_type::CPUID,
            _ => panic!("section of kind {kind}"),
        };
        for gpa in (start..start + bytes).step_by(4096) {
            load(page_type, gpa, &[0; 4096]);
        }
    }
    for index in 0..vcpus {
        let start = match index {
            0 => 0xffff_fff0,
            _ => others_start(image),
        };
        let vmsa = qemu_vcpu(signature, start).vmsa(features);
        guest.update_vmsa(&vmsa).expect("it is taken");
    }
    guest.digest()
}

#[test]
fn digests_are_those_of_sev_snp_measure() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let Ok(list) = std::fs::read(folder.join("snp-digests.json")) else {
        return println!("skipped: {} is not there", folder.display());
    };
    let list: serde_json::Value = serde_json::from_slice(&list).expect("it is JSON");
    let mut compared = 0;
    for entry in list.as_array().expect("a list") {
        let signature = match entry["vcpu_type"].as_str() {
            Some("EPYC-Genoa-v1") => 0xa1_0f10,
            Some("EPYC-Milan-v2") => 0xa0_0f11,
            Some("EPYC-v4") => 0x80_0f12,
            other => panic!("another processor: {other:?}"),
        };
        let ovmf = entry["ovmf"].as_str().expect("a path");
        if !ovmf.contains("debian") || entry["vmm_type"] != "QEMU" {
            continue;
        }
        let image = std::fs::read(folder.join(ovmf)).expect("it is there");
        let vcpus = entry["vcpus"].as_u64().expect("a number");
        let features = entry["guest_features"].as_str().expect("a number");
        let features = u64::from_str_radix(&features[2..], 16).expect("hexadecimal");
        let digest = launch(&image, vcpus, signature, features);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            Some(digest.as_str()),
            entry["launch_digest"].as_str(),
            "{entry}"
        );
        compared += 1;
    }
    assert_eq!(compared, 9);
}

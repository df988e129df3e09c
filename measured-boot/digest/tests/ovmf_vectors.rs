//! The digest chain and the VMSA against launch digests of another implementation, over firmware
//! images of other people: `../shared/vectors/snp-digests.json`, beside the repository.
//!
//! The VMSA's layout, PAGE_INFO and the chain are this crate's, the reset state is the plan's: what a launch of
//! our own and of another VMM share is held to what others computed.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{DigestChain, sha384, vmsa};
use measured_boot_firmware::{Ovmf, SectionKind};
use measured_boot_plan::VcpuState;
use measured_boot_snp_abi::{PageType, VMSA_GPA};
use std::path::{Path, PathBuf};
use zerocopy::IntoBytes;

#[test]
fn launch_digests_over_ovmf_equal_another_implementations() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let Ok(list) = std::fs::read(vectors.join("snp-digests.json")) else {
        println!("skipped: {} is not there", vectors.display());
        return;
    };
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list).expect("the list is JSON");
    // Kernel hashes are a matter of OVMF, and other VMMs' registers of other VMMs.
    let ours =
        |entry: &&serde_json::Value| entry["vmm_type"] == "QEMU" && entry["kernel"].is_null();
    let ours: Vec<_> = list.iter().filter(ours).collect();
    assert!(ours.len() >= 20, "only {} vectors apply", ours.len());
    for entry in ours {
        let firmware = vectors.join(entry["ovmf"].as_str().expect("a path"));
        assert_eq!(
            computed(&firmware, entry),
            entry["launch_digest"].as_str().expect("hex"),
            "{entry}"
        );
    }
}

fn computed(firmware: &PathBuf, entry: &serde_json::Value) -> String {
    let features = entry["guest_features"].as_str().expect("hexadecimal");
    let features = u64::from_str_radix(&features[2..], 16).expect("hexadecimal");
    let signature = signature(entry["vcpu_type"].as_str().expect("a name"));
    let image = std::fs::read(firmware).expect("the firmware is there");
    let ovmf = Ovmf::read(&image).expect("an OVMF image");
    let mut chain = DigestChain::new();
    for (gpa, page) in ovmf.pages() {
        chain.add(PageType::Normal, gpa, sha384(page));
    }
    for section in &ovmf.metadata().sections {
        for gpa in section.pages() {
            chain.add(page_type(section.kind), gpa, [0; 48]);
        }
    }
    for index in 0..entry["vcpus"].as_u64().expect("a number") {
        let address = match index {
            0 => 0xFFFF_FFF0,
            _ => ovmf.metadata().reset_address,
        };
        let page = vmsa(&reset_at(address.into(), signature), features);
        chain.add(PageType::Vmsa, VMSA_GPA, sha384(page.as_bytes()));
    }
    chain.digest().to_string()
}

fn page_type(kind: SectionKind) -> PageType {
    match kind {
        SectionKind::SecMem | SectionKind::SvsmCaa | SectionKind::KernelHashes => PageType::Zero,
        SectionKind::Secrets => PageType::Secrets,
        SectionKind::Cpuid => PageType::Cpuid,
    }
}

/// The reset state of a plan's second vCPU, but for address and CPU signature.
fn reset_at(address: u64, signature: u64) -> VcpuState {
    let mut state = support::planned(&support::config()).vcpus.0.remove(1);
    state.cs.base = address & 0xFFFF_0000;
    state.rip = address & 0xFFFF;
    state.rdx = signature;
    state
}

fn signature(vcpu_type: &str) -> u64 {
    match vcpu_type {
        "EPYC-v4" => 0x0080_0F12,
        "EPYC-Milan-v2" => 0x00A0_0F11,
        "EPYC-Genoa-v1" => 0x00A1_0F10,
        other => panic!("the signature of {other} is not known here"),
    }
}

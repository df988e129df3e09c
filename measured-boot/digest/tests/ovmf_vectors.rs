//! The digest chain and the VMSA against launch digests of another implementation, over firmware
//! images of other people: `../shared/vectors/snp-digests.json`, beside the repository.
//!
//! Only the firmware's metadata is read here; PAGE_INFO, the VMSA's layout, the reset state and the
//! order of pages are this crate's and the plan's own.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{DigestChain, sha384, vmsa};
use measured_boot_plan::VcpuState;
use measured_boot_snp_abi::{PageType, VMSA_GPA};
use std::path::{Path, PathBuf};
use zerocopy::IntoBytes;

const FOUR_GIB: u64 = 1 << 32;
// GUIDs as they lie in memory.
const TABLE_FOOTER: [u8; 16] = guid(0x96b582de, 0x1fb2, 0x45f7, 0xbaea_a366c55a082d);
const SEV_METADATA: [u8; 16] = guid(0xdc886566, 0x984a, 0x4798, 0xa75e_5585a7bf67cc);
const RESET_BLOCK: [u8; 16] = guid(0x00f771de, 0x1a7e, 0x4fcb, 0x890e_68c77e2fb44e);

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
    let ovmf = Ovmf::read(&image);
    let mut chain = DigestChain::new();
    for (gpa, page) in (FOUR_GIB - image.len() as u64..)
        .step_by(4096)
        .zip(image.chunks(4096))
    {
        chain.add(PageType::Normal, gpa, sha384(page));
    }
    for (start, size, page_type) in &ovmf.sections {
        for gpa in (*start..start + size).step_by(4096) {
            chain.add(*page_type, gpa, [0; 48]);
        }
    }
    for index in 0..entry["vcpus"].as_u64().expect("a number") {
        let address = if index == 0 {
            0xFFFF_FFF0
        } else {
            ovmf.reset_address
        };
        let page = vmsa(&reset_at(address, signature), features);
        chain.add(PageType::Vmsa, VMSA_GPA, sha384(page.as_bytes()));
    }
    chain.digest().to_string()
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

/// What the firmware's footer table says.
struct Ovmf {
    /// Address, size, page type.
    sections: Vec<(u64, u64, PageType)>,
    reset_address: u64,
}

impl Ovmf {
    fn read(image: &[u8]) -> Self {
        let entry = |guid| footer_entry(image, guid).expect("the firmware has SEV entries");
        let metadata = image.len() - u32_at(entry(SEV_METADATA), 0) as usize;
        let count = u32_at(image, metadata + 12) as usize;
        let section = |index| {
            let at = metadata + 16 + index * 12;
            let page_type = match u32_at(image, at + 8) {
                1 | 4 | 0x10 => PageType::Zero,
                2 => PageType::Secrets,
                3 => PageType::Cpuid,
                other => panic!("section type {other} is not known here"),
            };
            (
                u32_at(image, at).into(),
                u32_at(image, at + 4).into(),
                page_type,
            )
        };
        Self {
            sections: (0..count).map(section).collect(),
            reset_address: u32_at(entry(RESET_BLOCK), 0).into(),
        }
    }
}

/// Data of an entry of the GUIDed table that ends 32 bytes before the image's end. Entries are read
/// backwards: data, u16 size of all, GUID.
fn footer_entry(image: &[u8], guid: [u8; 16]) -> Option<&[u8]> {
    let mut end = image.len() - 32;
    assert_eq!(image[end - 16..end], TABLE_FOOTER);
    let table_start = end - u16_at(image, end - 18) as usize;
    end -= 18;
    while end > table_start {
        let size = u16_at(image, end - 18) as usize;
        if image[end - 16..end] == guid {
            return Some(&image[end - size..end - 18]);
        }
        end -= size;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes[at..].first_chunk().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

const fn guid(a: u32, b: u16, c: u16, d: u64) -> [u8; 16] {
    let (a, b, c, d) = (
        a.to_le_bytes(),
        b.to_le_bytes(),
        c.to_le_bytes(),
        d.to_be_bytes(),
    );
    [
        a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6],
        d[7],
    ]
}

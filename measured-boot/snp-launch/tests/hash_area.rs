//! Where the hashes of a kernel go.

#[path = "../../firmware/tests/support/mod.rs"]
#[allow(dead_code, reason = "this image needs not all of it")]
mod support;

use measured_boot_firmware::Ovmf;
use measured_boot_snp_launch::{
    Contents, CpuSignature, KernelHashes, LaunchFault, SnpInputs, SnpLaunch, VmmType,
};
use support::{HASH_AREA, Parts};

/// The page of hashes of an image whose area has this size.
fn page(area_bytes: u32) -> Result<Vec<u8>, LaunchFault> {
    let mut parts = Parts::whole();
    let area = [0x0081_0C00, area_bytes].map(u32::to_le_bytes).concat();
    parts.entries[0] = (HASH_AREA, area);
    let image = parts.image();
    let launch = SnpLaunch::of(&SnpInputs {
        firmware: Ovmf::read(&image).expect("an image"),
        firmware_digest: None,
        kernel: Some(KernelHashes::of(b"kernel", b"", "quiet")),
        vcpus: 1,
        cpu: CpuSignature(0),
        features: 1,
        vmm: VmmType::Qemu,
    })?;
    let mut runs = launch.runs().iter();
    let run = runs.find(|run| run.name == "SNP_KERNEL_HASHES");
    match &run.expect("the section is there").contents {
        Contents::Made(page) => Ok(page.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn table_lies_where_the_firmware_looks_for_it_with_zeros_around() {
    let table = KernelHashes::of(b"kernel", b"", "quiet").table();
    let expected = [&[0; 0xC00], table.as_slice(), &[0; 0x400 - 176]].concat();
    assert_eq!(page(0x400), Ok(expected.clone()));
    assert_eq!(page(176), Ok(expected));
}

#[test]
fn area_too_small_for_the_table_is_refused() {
    assert_eq!(page(175), Err(LaunchFault::HashAreaSmall(175)));
}

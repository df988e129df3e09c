//! Launch digests that other implementations published, over other people's firmware.

use measured_boot_digest::OneByOne;
use measured_boot_firmware::Ovmf;
use measured_boot_snp_launch::{
    CpuSignature, KernelHashes, LaunchFault, SnpInputs, SnpLaunch, VmmType,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The vectors beside the repository, if they are there.
fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("it is JSON")
}

/// The one kernel that `snp-digests.json` has digests of.
fn kernel_of(entry: &Value) -> Option<KernelHashes> {
    let kernel = entry.get("kernel")?;
    assert_eq!(kernel, "b'cloister kernel test vector\\n' * 1000");
    assert_eq!(entry["initrd"], "b'initrd' * 5000");
    let kernel = b"cloister kernel test vector\n".repeat(1000);
    let initrd = b"initrd".repeat(5000);
    Some(KernelHashes::of(
        &kernel,
        &initrd,
        entry["append"].as_str().expect("a command line"),
    ))
}

fn hexadecimal(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a hexadecimal number")
}

#[test]
fn every_digest_of_sev_snp_measure_comes_out() {
    let Some(folder) = vectors() else { return };
    let list = json(&folder.join("snp-digests.json"));
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 72);
    for entry in list {
        let image = std::fs::read(folder.join(entry["ovmf"].as_str().unwrap())).unwrap();
        let launch = SnpLaunch::of(&SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: kernel_of(entry),
            vcpus: u32::try_from(entry["vcpus"].as_u64().unwrap()).unwrap(),
            cpu: entry["vcpu_type"].as_str().unwrap().parse().unwrap(),
            features: hexadecimal(entry["guest_features"].as_str().unwrap()),
            vmm: entry["vmm_type"].as_str().unwrap().parse().unwrap(),
        });
        let digest = launch.unwrap().measure(&OneByOne).digest().to_string();
        assert_eq!(digest, entry["launch_digest"].as_str().unwrap(), "{entry}");
    }
}

#[test]
fn every_digest_of_debians_firmware_comes_out() {
    let Some(folder) = vectors() else { return };
    let folder = folder.join("measured-boot/debian-ovmf");
    let image = std::fs::read(folder.join("OVMF.fd")).unwrap();
    let expected = json(&folder.join("expected.json"));
    let expected = expected["snp"].as_object().unwrap();
    assert_eq!(expected.len(), 26);
    for (inputs, digest) in expected {
        let mut words = inputs.split(' ');
        let vmm: VmmType = words.next().unwrap().parse().unwrap();
        let mut inputs_of = SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: None,
            vcpus: 0,
            cpu: CpuSignature(0),
            features: 0,
            vmm,
        };
        for word in words {
            match word.split_once('=') {
                Some(("vcpus", number)) => inputs_of.vcpus = number.parse().unwrap(),
                Some(("guest_features", number)) => inputs_of.features = hexadecimal(number),
                Some(other) => panic!("{other:?}"),
                None => inputs_of.cpu = word.parse().unwrap(),
            }
        }
        let launch = SnpLaunch::of(&inputs_of).unwrap();
        assert_eq!(
            &launch.measure(&OneByOne).digest().to_string(),
            digest,
            "{inputs}"
        );
    }
}

#[test]
fn kernel_that_the_firmware_would_not_check_is_refused() {
    let Some(folder) = vectors() else { return };
    for name in [
        "measured-boot/debian-ovmf/OVMF.fd",
        "sev-snp-measure/fixtures/ovmf_OvmfX64_suffix.bin",
    ] {
        let image = std::fs::read(folder.join(name)).unwrap();
        let inputs = SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: Some(KernelHashes::of(b"kernel", b"", "")),
            vcpus: 1,
            cpu: "EPYC-v4".parse().unwrap(),
            features: 1,
            vmm: VmmType::Qemu,
        };
        let fault = SnpLaunch::of(&inputs).unwrap_err();
        assert_eq!(fault, LaunchFault::KernelUnchecked, "{name}");
    }
}

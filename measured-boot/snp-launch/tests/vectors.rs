//! Launch digests that other implementations published, over other people's firmware.

use measured_boot_digest::OneByOne;
use measured_boot_firmware::Ovmf;
use measured_boot_snp_launch::{
    Contents, CpuSignature, KernelHashes, LaunchFault, SnpInputs, SnpLaunch, VmmType,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// Firmware, VMM, vCPUs, features, the command line with an empty kernel and initrd, and the digest.
type Published = (
    &'static str,
    &'static str,
    u32,
    u64,
    Option<&'static str>,
    &'static str,
);

/// What sev-snp-measure's own tests publish over the ends of two builds.
#[rustfmt::skip] // a table: one digest a line
const PUBLISHED: [Published; 15] = [
    ("AmdSev", "qemu", 1, 0x21, Some(""), "329c8ce0972ae52343b64d34a434a86f245dfd74f5ed7aae15d22efc78fb9683632b9b50e4e1d7fa41179ef98a7ef198"),
    ("AmdSev", "qemu", 1, 0x1, Some(""), "ddc5224521617a536ee7ce9dd6224d1b58a8d4fda1c741f3ac99fc4bfa04ba6e9fc98646d4a07a9079397fa3852819b5"),
    ("AmdSev", "qemu", 1, 0x21, Some("console=ttyS0 loglevel=7"), "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977"),
    ("AmdSev", "qemu", 1, 0x1, Some("console=ttyS0 loglevel=7"), "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046c042e706363b4b08fa"),
    ("AmdSev", "qemu", 4, 0x21, Some(""), "4953b1fb416fa874980e8442b3706d345926d5f38879134e00813c5d7abcbe78eafe7b422907be0b4698e2414a631942"),
    ("AmdSev", "qemu", 4, 0x1, Some(""), "5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c4933de877c36e23046ad5"),
    ("AmdSev", "qemu", 1, 0x21, None, "e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b"),
    ("AmdSev", "qemu", 1, 0x1, None, "19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d"),
    ("OvmfX64", "qemu", 1, 0x21, None, "28797ae0afaba4005a81e629acebfb59e6687949d6be44007cd5506823b0dd66f146aaae26ff291eed7b493d8a64c385"),
    ("OvmfX64", "qemu", 1, 0x1, None, "da0296de8193586a5512078dcd719eccecbd87e2b825ad4148c44f665dc87df21e5b49e21523a9ad993afdb6a30b4005"),
    ("AmdSev", "ec2", 1, 0x21, Some(""), "0ce9ccc06bab55eebe8abc234f3df6514883977a68a591b71052498ab52b2f1aa415db338033946ef93aa8278c0d67fb"),
    ("AmdSev", "ec2", 1, 0x1, Some(""), "0883bd0eeb716e65b7b977a321c278d1e51b33b5c655fab985443bbcc65c086b9c15e8a0bd8811050dec7e24964e5056"),
    ("AmdSev", "gce", 1, 0x1, Some(""), "5da7106cf14cf46b1725ebab123eb9e53bd46a1e9f400cd0c08e7827b04b688ea8b4e403c8404efed4397ea5d5d0722e"),
    ("AmdSev", "gce", 4, 0x1, Some(""), "5c5debf100fc339f90276e761ee1f1658d08922c3b20e2a2e6c7a6c3370b2452a15a00eae11886a93d6fd1e7ab81e29d"),
    // The suffixes are also in virtee/sev, byte for byte the same.
    ("AmdSev", "cloister", 1, 0x1, None, "19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d"),
];

#[test]
fn every_digest_in_the_tests_of_sev_snp_measure_comes_out() {
    let Some(folder) = vectors() else { return };
    for (firmware, vmm, vcpus, features, cmdline, digest) in PUBLISHED {
        let name = format!("sev-snp-measure/fixtures/ovmf_{firmware}_suffix.bin");
        let image = std::fs::read(folder.join(name)).unwrap();
        let launch = SnpLaunch::of(&SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: cmdline.map(|cmdline| KernelHashes::of(b"", b"", cmdline)),
            vcpus,
            cpu: "EPYC-v4".parse().unwrap(),
            features,
            vmm: vmm.parse().unwrap(),
        });
        let measured = launch.unwrap().measure(&OneByOne).digest().to_string();
        assert_eq!(
            measured, digest,
            "{firmware} {vmm} {vcpus} {features:#x} {cmdline:?}"
        );
    }
}

/// Of the firmware alone: `ovmf-hash` of sev-snp-measure.
#[test]
fn digest_after_the_firmwares_own_pages_comes_out() {
    let Some(folder) = vectors() else { return };
    for (name, digest) in [
        (
            "sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin",
            "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74",
        ),
        (
            "measured-boot/debian-ovmf/OVMF.fd",
            "ba2c811512ef868474f239a21f7d7057d65a20de87a003c4f116e4fb1573183bfbcd75c3e99b2f558575a5d0094f73c6",
        ),
    ] {
        let image = std::fs::read(folder.join(name)).unwrap();
        let launch = SnpLaunch::of(&SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: None,
            vcpus: 1,
            cpu: CpuSignature(0),
            features: 1,
            vmm: VmmType::Qemu,
        });
        let measurement = launch.unwrap().measure(&OneByOne);
        assert_eq!(measurement.digest_after(1).to_string(), digest, "{name}");
        assert_eq!(measurement.digest_after(usize::MAX), measurement.digest());
    }
}

/// What virtee/sev publishes of EC2, from before its RDX became 0x600.
#[test]
fn digests_of_ec2_before_2026_have_no_rdx() {
    let Some(folder) = vectors() else { return };
    let image = folder.join("virtee-sev/tests/measurement/ovmf_AmdSev_suffix.bin");
    let image = std::fs::read(image).unwrap();
    for (features, digest) in [
        (
            0x1,
            "7d3756157c805bf6adf617064c8552e8c1688fa1c8756f11cbf56ba5d25c9270fb69c0505c1cbe1c5c66c0e34c6ed3be",
        ),
        (
            0x21,
            "6ae80856486b1396af8c82a40351d6ed76a20c785e9c7fa4ffa27c22d5d6313b4b3b458cd3c9968e6f89fb5d8450d7a6",
        ),
    ] {
        let launch = SnpLaunch::of(&SnpInputs {
            firmware: Ovmf::read(&image).unwrap(),
            firmware_digest: None,
            kernel: Some(KernelHashes::of(b"", b"", "")),
            vcpus: 1,
            cpu: CpuSignature(0),
            features,
            vmm: VmmType::Ec2,
        });
        let mut runs = launch.unwrap().runs().to_vec();
        let Some(Contents::Made(vmsa)) = runs.last_mut().map(|run| &mut run.contents) else {
            panic!("a vCPU is last");
        };
        Arc::make_mut(vmsa)[0x310..0x318].fill(0);
        let measured = SnpLaunch::of_runs(runs).measure(&OneByOne).digest();
        assert_eq!(measured.to_string(), digest, "{features:#x}");
    }
}

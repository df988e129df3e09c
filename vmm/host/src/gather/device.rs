//! The processor, `/dev/kvm` and `/dev/sev`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use vmm_host_facts::questions::{self, Section};
use vmm_host_facts::{Answer, Recording};
use vmm_host_probe::{Kvm, SecureProcessor, cpuid};

use super::files::{absent, unread};

const MSR: &str = "/dev/cpu/0/msr";
/// EIO: what the kernel answers where the processor refused.
const REFUSED: i32 = 5;

/// CPUID leaves and model-specific registers.
pub fn processor(recording: &mut Recording) {
    for (leaf, subleaf) in questions::CPUID {
        let answer = match cpuid(leaf, subleaf) {
            Some([a, b, c, d]) => Answer::Told(format!("{a:08x} {b:08x} {c:08x} {d:08x}")),
            None => absent("the processor has no such leaf"),
        };
        recording.put(Section::Cpuid, &questions::cpuid_key(leaf, subleaf), answer);
    }
    let device = File::open(MSR);
    for register in vendors_registers() {
        let answer = match &device {
            Ok(device) => msr(device, *register),
            Err(error) => unread(without_msr(error)),
        };
        recording.put(Section::Msr, &questions::msr_key(*register), answer);
    }
}

/// Another vendor's registers mean something else, so they are not read.
fn vendors_registers() -> &'static [u32] {
    const AMD: u32 = u32::from_le_bytes(*b"Auth");
    const INTEL: u32 = u32::from_le_bytes(*b"Genu");
    match cpuid(0, 0) {
        Some([_, AMD, ..]) => &questions::MSRS_AMD,
        Some([_, INTEL, ..]) => &questions::MSRS_INTEL,
        _ => &[],
    }
}

fn msr(device: &File, register: u32) -> Answer {
    let mut value = [0; 8];
    match device.read_exact_at(&mut value, register.into()) {
        Ok(()) => Answer::Told(format!("{:#x}", u64::from_le_bytes(value))),
        Err(error) if error.raw_os_error() == Some(REFUSED) => {
            absent("the processor has no such register")
        }
        Err(error) => unread(without_msr(&error)),
    }
}

fn without_msr(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            format!("there is no {MSR}: modprobe msr, where the kernel has X86_MSR")
        }
        ErrorKind::PermissionDenied => {
            format!("{MSR}: permission denied; run as root, without lockdown")
        }
        _ => format!("{MSR}: {error}"),
    }
}

/// The version, capabilities and attributes of KVM.
pub fn kvm(recording: &mut Recording) {
    let kvm = Kvm::open();
    for key in questions::keys(Section::Kvm) {
        let answer = match &kvm {
            Ok(_) => continue,
            Err(error) => without_device("/dev/kvm", "or join the group kvm", error),
        };
        recording.put(Section::Kvm, &key, answer);
    }
    let Ok(kvm) = kvm else { return };
    let api = number(kvm.api_version());
    recording.put(Section::Kvm, questions::KVM_API, api);
    for capability in questions::CAPABILITIES {
        let answer = number(kvm.capability(capability));
        recording.put(Section::Kvm, &questions::capability_key(capability), answer);
    }
    for (group, attribute) in questions::ATTRIBUTES {
        let answer = match kvm.attribute(group, attribute).transpose() {
            Some(value) => number(value),
            None => absent("this KVM does not know it"),
        };
        recording.put(
            Section::Kvm,
            &questions::attribute_key(group, attribute),
            answer,
        );
    }
}

fn number(value: io::Result<u64>) -> Answer {
    match value {
        Ok(value) => Answer::Told(format!("{value:#x}")),
        Err(error) => unread(format!("/dev/kvm: {error}")),
    }
}

/// A device file without a driver behind it is as good as none.
fn without_device(path: &str, or: &str, error: &io::Error) -> Answer {
    const NO_DRIVER: [i32; 2] = [6, 19];
    let code = error.raw_os_error().unwrap_or_default();
    match error.kind() {
        ErrorKind::NotFound => absent("no such device"),
        ErrorKind::PermissionDenied => {
            unread(format!("{path}: permission denied; run as root {or}"))
        }
        _ if NO_DRIVER.contains(&code) => absent("no driver behind it"),
        _ => unread(format!("{path}: {error}")),
    }
}

/// The status of the secure processor.
pub fn secure_processor(recording: &mut Recording) {
    let answer = match SecureProcessor::open() {
        Ok(device) => match device.snp_platform_status() {
            Ok(bytes) => Answer::Told(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Err(error) => unread(format!("/dev/sev: SNP_PLATFORM_STATUS: {error}")),
        },
        Err(error) => without_device("/dev/sev", "or join the group kvm", &error),
    };
    recording.put(Section::Sev, questions::SNP_PLATFORM_STATUS, answer);
}

//! Known ways in which a launch of OVMF turns out otherwise.

use super::variant::{Dimension, Variant};
use super::vcpus::vmsa_variants;
use crate::Launch;
use measured_boot_digest::HashPages;
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_snp_launch::{KernelHashes, SnpInputs, SnpLaunch, SvsmInputs, VmmType};

/// What the VMM hands the firmware, as the user gave it.
#[derive(Clone, Copy, Debug)]
pub struct KernelFiles<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// Its initrd; empty for none.
    pub initrd: &'a [u8],
    /// Its command line, without a NUL.
    pub cmdline: &'a str,
}

/// The known ways in which the launch of these inputs turns out otherwise.
pub fn ovmf_variants<'a>(
    inputs: &SnpInputs<'a>,
    files: Option<KernelFiles<'_>>,
    planned: &Launch<'a>,
    hasher: &impl HashPages,
) -> Vec<Variant<'a>> {
    let made = |inputs: &SnpInputs<'a>| {
        let launch = SnpLaunch::of(inputs).ok()?;
        let mut launch = Launch::of_snp(&launch, hasher);
        launch.before = inputs.firmware_digest.unwrap_or([0; 48]);
        Some(launch)
    };
    let mut variants = vmsa_variants(planned);
    for vmm in [VmmType::Qemu, VmmType::Ec2, VmmType::Gce] {
        let is_same = vmm == inputs.vmm || (vmm, inputs.vmm) == (VmmType::Qemu, VmmType::Cloister);
        let other = SnpInputs {
            vmm,
            ..inputs.clone()
        };
        if let Some(launch) = made(&other).filter(|_| !is_same) {
            let says = format!("the VMM is {}", vmm.name());
            let advice = Some("pass it as --vmm-type");
            variants.push(Variant::whole(Dimension::Vmm, says, advice, launch));
        }
    }
    for (says, advice, kernel) in kernels(inputs.kernel, files) {
        let other = SnpInputs {
            kernel,
            ..inputs.clone()
        };
        if let Some(launch) = made(&other) {
            variants.push(Variant::whole(
                Dimension::Kernel,
                says,
                Some(advice),
                launch,
            ));
        }
    }
    variants
}

type Kernel = (String, &'static str, Option<KernelHashes>);

/// What else a VMM may hand over, or tell the firmware that it did.
fn kernels(planned: Option<KernelHashes>, files: Option<KernelFiles<'_>>) -> Vec<Kernel> {
    let (Some(planned), Some(files)) = (planned, files) else {
        return Vec::new();
    };
    let cmdline = |says: &str, text: &[u8]| {
        let hash = measured_boot_snp_launch::KernelHashes::of(&[], text, "").initrd;
        let hashes = KernelHashes {
            cmdline: hash,
            ..planned
        };
        (
            format!("the command line {says}"),
            "pass the same text on both sides",
            Some(hashes),
        )
    };
    let text = files.cmdline;
    let ended = |text: &str| [text.as_bytes(), &[0]].concat();
    let mut kernels = vec![
        (
            "the VMM gave the firmware no kernel hashes".to_owned(),
            "launch with kernel-hashes=on, or measure without --kernel: the kernel is then checked by nothing",
            None,
        ),
        cmdline("is hashed without the NUL that ends it", text.as_bytes()),
        cmdline("is empty", &ended("")),
        cmdline("has no blanks at its ends", &ended(text.trim())),
        cmdline("ends with a blank", &ended(&format!("{text} "))),
        cmdline("ends with a newline", &ended(&format!("{text}\n"))),
        cmdline(
            "ends with ` initrd=initrd`",
            &ended(&format!("{text} initrd=initrd")),
        ),
    ];
    let empty = KernelHashes::of(&[], &[], "");
    if !files.initrd.is_empty() {
        kernels.push((
            "there is no initrd".to_owned(),
            "pass the same --initrd on both sides",
            Some(KernelHashes {
                initrd: empty.initrd,
                ..planned
            }),
        ));
    }
    kernels
        .into_iter()
        .filter(|(_, _, kernel)| *kernel != Some(planned))
        .collect()
}

/// The known ways in which a launch of firmware under an SVSM turns out otherwise.
pub fn svsm_variants<'a>(
    inputs: &SvsmInputs<'a>,
    image: &'a [u8],
    planned: &Launch<'a>,
    hasher: &impl HashPages,
) -> Vec<Variant<'a>> {
    let made = |inputs: &SvsmInputs<'a>| {
        let launch = SnpLaunch::of_svsm(inputs).ok()?;
        Some(Launch::of_snp(&launch, hasher))
    };
    let mut variants = vmsa_variants(planned);
    for bytes in [0, 0x2_0000, 0x4_0000, 0x8_4000, 0x10_0000] {
        let svsm = Svsm::below(image, &inputs.firmware, bytes);
        let other = svsm.ok().map(|svsm| SvsmInputs {
            svsm,
            ..inputs.clone()
        });
        if let Some(launch) = other.and_then(|other| made(&other)) {
            let says = format!("the variable store has {bytes:#x} bytes");
            let advice = Some("pass it as --vars-size");
            variants.push(Variant::whole(Dimension::Variables, says, advice, launch));
        }
    }
    variants.extend(without_svsm(&inputs.firmware, inputs).and_then(|other| {
        let launch = Launch::of_snp(&SnpLaunch::of(&other).ok()?, hasher);
        let says = "the firmware runs without the SVSM".to_owned();
        Some(Variant::whole(Dimension::Vmm, says, None, launch))
    }));
    variants
}

fn without_svsm<'a>(firmware: &Ovmf<'a>, inputs: &SvsmInputs<'a>) -> Option<SnpInputs<'a>> {
    Some(SnpInputs {
        firmware: firmware.clone(),
        firmware_digest: None,
        kernel: None,
        vcpus: inputs.vcpus,
        cpu: inputs.cpu,
        features: inputs.features,
        vmm: inputs.vmm,
    })
}

//! Launches of OVMF under a Coconut SVSM, as QEMU made them before SVSMs came as IGVM files.

use crate::reset_state::{Start, segment};
use crate::vcpus::vcpus;
use crate::{CpuSignature, LaunchFault, Run, SnpLaunch, VmmType};
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_snp_abi::Vmsa;
use std::fmt;
use zerocopy::little_endian::{U16, U64};

/// What a launch of OVMF under an SVSM is made of.
#[derive(Clone, Debug)]
pub struct SvsmInputs<'a> {
    /// The firmware; its own metadata says nothing to this launch.
    pub firmware: Ovmf<'a>,
    /// The SVSM.
    pub svsm: Svsm<'a>,
    /// How many vCPUs: 1 to [`crate::SnpInputs::MAX_VCPUS`].
    pub vcpus: u32,
    /// The vCPUs' signature.
    pub cpu: CpuSignature,
    /// SEV_FEATURES of every vCPU.
    pub features: u64,
    /// Who launches: QEMU as PyPI's sev-snp-measure has it, or Cloister, which stands for today's KVM.
    pub vmm: VmmType,
}

/// Something in which tools and hosts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SvsmNote {
    /// No kernel that is known sets MXCSR and leaves FCW zero.
    FcwAsPublished,
    /// The features that were asked for are not measured.
    FeaturesIgnored(u64),
}

impl<'a> SnpLaunch<'a> {
    /// The launch of these inputs: the firmware's image, the SVSM's image, the sections that the SVSM's
    /// metadata asks for, the vCPUs, which all start in the SVSM.
    ///
    /// # Errors
    /// No such VMM launches SVSMs this way, or the number of vCPUs is impossible.
    pub fn of_svsm(inputs: &SvsmInputs<'a>) -> Result<Self, LaunchFault> {
        let (firmware, svsm) = (&inputs.firmware, &inputs.svsm);
        let mut runs = vec![
            Run::image("firmware", firmware.base(), firmware.image()),
            Run::image("svsm", svsm.base(), svsm.image()),
        ];
        let sections = svsm.metadata().sections.iter();
        runs.extend(sections.map(|section| Run::empty_section(section, inputs.vmm)));
        let vmsa = vmsa(inputs)?;
        runs.extend(vcpus(inputs.vcpus, &[vmsa.clone(), vmsa])?);
        Ok(Self::of_runs(runs))
    }
}

impl SvsmNote {
    /// What is to be said of these inputs.
    pub fn of(inputs: &SvsmInputs<'_>) -> Vec<Self> {
        if inputs.vmm != VmmType::Qemu {
            return Vec::new();
        }
        let ignored = (inputs.features != 1).then_some(Self::FeaturesIgnored(inputs.features));
        [Self::FcwAsPublished].into_iter().chain(ignored).collect()
    }
}

impl fmt::Display for SvsmNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FcwAsPublished => f.write_str(
                "svsm: FCW is measured as 0, as sev-snp-measure does; Linux 6.10 and later set 0x37f: use --vmm-type cloister",
            ),
            Self::FeaturesIgnored(features) => write!(
                f,
                "svsm: SEV_FEATURES are measured as 0x1, as sev-snp-measure does, and not as {features:#x}: use --vmm-type cloister"
            ),
        }
    }
}

/// Protected mode, flat segments, at the SVSM's entry. With QEMU the values are those that
/// sev-snp-measure 0.0.13 publishes (FCW 0, SEV_FEATURES 1), with Cloister what KVM sets since Linux 6.10.
fn vmsa(inputs: &SvsmInputs<'_>) -> Result<Vmsa, LaunchFault> {
    let (fcw, features) = match inputs.vmm {
        VmmType::Qemu => (0, 1),
        VmmType::Cloister => (0x37F, inputs.features),
        VmmType::Ec2 | VmmType::Gce => return Err(LaunchFault::SvsmVmm(inputs.vmm)),
    };
    let reset = Start::kvm(inputs.cpu).vmsa(0, features);
    let data = segment(16, 0xC93, 0, u32::MAX);
    Ok(Vmsa {
        es: data,
        ss: data,
        ds: data,
        fs: data,
        cs: segment(8, 0xC9B, 0, u32::MAX),
        cr0: U64::new(0x11),
        rip: U64::new(u64::from(inputs.svsm.entry())),
        x87_fcw: U16::new(fcw),
        ..reset
    })
}

//! The launches that reference values allow: one plan or one image with several numbers of vCPUs.

use anyhow::{Context, Result, bail};
use clap::Args;
use measured_boot_digest::Manifest;
use measured_boot_firmware::Ovmf;
use measured_boot_page_hash::AllCores;
use measured_boot_plan::{TeeKind, plan_like};
use measured_boot_reference_values::{Alternative, Tee};
use measured_boot_snp_launch::{CpuSignature, KernelHashes, SnpInputs, SnpLaunch, VmmType};
use measured_boot_tdx_launch::predicted_digest;
use serde::Deserialize;
use std::path::{Path, PathBuf};

use super::IMAGE;
use crate::boot_files::BootFiles;
use crate::files::read;
use crate::prediction::Planned;
use crate::snp::hexadecimal;
use crate::text::count;

#[derive(Args)]
#[command(next_help_heading = IMAGE)]
pub struct ImageArguments {
    /// Measure launches of this OVMF image under SEV-SNP instead, as `cloister measure snp` does.
    #[arg(long, value_name = "FILE", requires_all = ["sign", "vcpus"])]
    ovmf: Option<PathBuf>,
    /// QEMU's name of the vCPUs' model, such as EPYC-Milan-v2; not needed for ec2 and gce.
    #[arg(long, value_name = "TYPE", requires = "ovmf")]
    vcpu_type: Option<CpuSignature>,
    /// SEV_FEATURES of the vCPUs; 0x1, SNP alone, when not given.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal, requires = "ovmf")]
    guest_features: Option<u64>,
    /// Who launches: qemu, ec2, gce or cloister; qemu when not given.
    #[arg(long, value_name = "VMM", requires = "ovmf")]
    vmm_type: Option<VmmType>,
    /// The kernel that the VMM hands to the firmware, which has to check it.
    #[arg(long, value_name = "FILE", requires = "ovmf")]
    kernel: Option<PathBuf>,
    /// Its initrd.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// Its command line.
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    append: Option<String>,
}

/// What is allowed, and what measures it.
pub struct Launches {
    /// The configuration's own name, if there is one.
    pub name: Option<String>,
    pub tee: Tee,
    pub alternatives: Vec<Alternative>,
}

impl Launches {
    /// Measures a plan with each of these numbers of vCPUs, or with its own if there are none.
    pub fn of_plan(path: &Path, vcpus: &[u32]) -> Result<Self> {
        let planned = Planned::of(path)?;
        let own = [planned.config.cpu.count];
        let vcpus = if vcpus.is_empty() { &own } else { vcpus };
        let launch = |count: &u32| {
            let mut config = planned.config.clone();
            config.cpu.count = *count;
            let plan =
                plan_like(&config, &planned.sources(), &planned.plan).with_context(|| {
                    format!(
                        "{}: --vcpus {count}: the launch cannot be planned",
                        path.display()
                    )
                })?;
            let sources = planned.sources();
            let digest = match plan.tee.0 {
                TeeKind::Tdx => predicted_digest(&plan, &sources),
                _ => Manifest::from_plan_hashed_by(&plan, &sources, &AllCores::new()).recompute(),
            };
            Ok(alternative(*count, digest.0))
        };
        Ok(Self {
            alternatives: vcpus.iter().map(launch).collect::<Result<_>>()?,
            tee: match planned.plan.tee.0 {
                TeeKind::Snp => Tee::Snp,
                TeeKind::Tdx => Tee::Tdx,
                TeeKind::Simulated => Tee::Simulated,
            },
            name: Some(planned.plan.name.0),
        })
    }

    /// Measures an image with each of these numbers of vCPUs.
    pub fn of_image(arguments: &ImageArguments, vcpus: &[u32]) -> Result<Self> {
        let path = arguments.ovmf.as_deref().context("--ovmf is required")?;
        let place = || {
            format!(
                "--ovmf {}: there is no such launch under SEV-SNP",
                path.display()
            )
        };
        let image = read("--ovmf", path)?;
        let mut inputs = SnpInputs {
            firmware: Ovmf::read(&image).with_context(place)?,
            firmware_digest: None,
            kernel: arguments.kernel_hashes()?,
            vcpus: 1,
            cpu: arguments.cpu()?,
            features: arguments.guest_features.unwrap_or(1),
            vmm: arguments.vmm(),
        };
        let mut alternatives = Vec::new();
        for count in vcpus {
            inputs.vcpus = *count;
            let launch = SnpLaunch::of(&inputs).with_context(place)?;
            let digest = launch.measure(&AllCores::new()).digest();
            alternatives.push(alternative(*count, digest.0));
        }
        Ok(Self {
            name: None,
            tee: Tee::Snp,
            alternatives,
        })
    }

    /// Takes launches, each with its number of vCPUs, that were measured before.
    pub fn predicted(files: &[(u32, PathBuf)]) -> Result<Self> {
        let mut launches = Vec::new();
        for (vcpus, path) in files {
            let predicted = Predicted::read(path)?;
            let launch = predicted
                .tee()
                .and_then(|tee| Ok((tee, predicted.alternative(*vcpus)?)));
            launches.push(launch.with_context(|| format!("--prediction {}", path.display()))?);
        }
        let (tees, alternatives): (Vec<_>, _) = launches.into_iter().unzip();
        let tee = *tees.first().context("--prediction is required")?;
        if tees.iter().any(|other| *other != tee) {
            bail!("--prediction: the launches are of different TEEs; sign one document for each");
        }
        Ok(Self {
            name: None,
            tee,
            alternatives,
        })
    }
}

/// What is read of the documents that `plan`, `snp` and `tdx` print.
#[derive(Deserialize)]
struct Predicted {
    tee: String,
    vcpus: Option<u32>,
    launch_digest: String,
    rtmr0: Option<String>,
    rtmr1: Option<String>,
    rtmr2: Option<String>,
    rtmr3: Option<String>,
}

impl Predicted {
    fn read(path: &Path) -> Result<Self> {
        let place = || {
            format!(
                "--prediction {}: no prediction: give what `cloister measure` prints with -o json",
                path.display()
            )
        };
        serde_json::from_slice(&read("--prediction", path)?).with_context(place)
    }

    fn tee(&self) -> Result<Tee> {
        let known = [Tee::Snp, Tee::Tdx, Tee::Simulated];
        let tee = known.into_iter().find(|tee| tee.name() == self.tee);
        tee.with_context(|| format!("{:?} is no TEE", self.tee))
    }

    fn alternative(&self, vcpus: u32) -> Result<Alternative> {
        if let Some(own) = self.vcpus.filter(|own| *own != vcpus) {
            bail!(
                "the launch is one with {}, not with {vcpus}",
                count(own, "vCPU")
            );
        }
        let mut rtmrs = [None; 4];
        let given = [&self.rtmr0, &self.rtmr1, &self.rtmr2, &self.rtmr3];
        for (rtmr, given) in rtmrs.iter_mut().zip(given) {
            *rtmr = given.as_deref().map(digest).transpose()?;
        }
        Ok(Alternative {
            vcpus,
            digest: digest(&self.launch_digest)?,
            rtmrs,
        })
    }
}

fn digest(text: &str) -> Result<[u8; 48]> {
    let bytes = hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.with_context(|| format!("{text:?} is no digest of 48 bytes"))
}

fn alternative(vcpus: u32, digest: [u8; 48]) -> Alternative {
    Alternative {
        vcpus,
        digest,
        rtmrs: [None; 4],
    }
}

impl ImageArguments {
    fn vmm(&self) -> VmmType {
        self.vmm_type.unwrap_or(VmmType::Qemu)
    }

    /// The vCPUs' signature; the clouds show none to their guests.
    fn cpu(&self) -> Result<CpuSignature> {
        match (self.vmm(), self.vcpu_type) {
            (VmmType::Ec2 | VmmType::Gce, _) => Ok(CpuSignature(0)),
            (_, Some(cpu)) => Ok(cpu),
            (vmm, None) => bail!(
                "--vcpu-type is needed with --vmm-type {}: the signature is in every vCPU's RDX, which is measured",
                vmm.name()
            ),
        }
    }

    fn kernel_hashes(&self) -> Result<Option<KernelHashes>> {
        let files = BootFiles::read(
            self.kernel.as_deref(),
            self.initrd.as_deref(),
            self.append.as_deref(),
        )?;
        Ok(files.as_ref().map(BootFiles::hashes))
    }
}

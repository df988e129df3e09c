//! The planned launch, and the known ways in which it turns out otherwise.

use anyhow::{Context, Result, bail};
use measured_boot_difference::{
    Difference, Explanation, KernelFiles, Launch, OwnPlans, igvm_variants, ovmf_variants,
    own_variants, search, svsm_variants, vmsa_variants,
};
use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_page_hash::AllCores;
use measured_boot_snp_launch::{
    CpuSignature, LaunchFault, SnpInputs, SnpLaunch, SvsmInputs, VmmType, ZeroPages,
};

use super::LaunchArguments;
use super::document::Outcome;
use crate::boot_files::BootFiles;
use crate::diff::{Kind, Predicted, Subject, predictions};
use crate::files::read;
use crate::prediction::Planned;

/// What is asked of a planned launch.
pub struct Question<'q> {
    /// The digest that the report shows.
    pub reported: LaunchDigest,
    /// The launch that the host's manifest describes, which explains that digest.
    pub manifest: Option<&'q Launch<'q>>,
    /// That manifest.
    pub described: Option<&'q Manifest>,
}

impl Question<'_> {
    /// Compares; where the digests differ and no manifest says why, tries `variants`.
    fn answered<'a>(
        &self,
        planned: &Launch<'a>,
        digest: LaunchDigest,
        try_variants: impl FnOnce(LaunchDigest, &mut dyn FnMut(Explanation<'_, '_>)),
    ) -> Outcome {
        let mut outcome = Outcome::new(digest, self.reported);
        if outcome.matches {
            return outcome;
        }
        if let Some(manifest) = self.manifest {
            outcome.differences = measured_boot_difference::launches(planned, manifest);
            return outcome;
        }
        try_variants(self.reported, &mut |explanation| outcome.take(&explanation));
        outcome
    }
}

/// Compares the launch that `plan` describes.
///
/// # Errors
/// It describes none, or what it takes is not given.
pub fn outcome(
    arguments: &LaunchArguments,
    plan: &Subject,
    question: &Question<'_>,
) -> Result<Outcome> {
    match plan {
        Subject::Plan(_, planned) => Ok(of_plan(planned, question)),
        Subject::Manifest(_, manifest) => {
            let launch = Launch::of_manifest(manifest);
            let digest = launch.digest();
            let mut outcome = question.answered(&launch, digest, |reported, answer| {
                let variants = vmsa_variants(&launch);
                answer(search(&launch, reported, &variants, launch.free_vcpus()));
            });
            outcome.say_that_it_is_of_a_manifest();
            Ok(outcome)
        }
        Subject::Prediction(_, predicted) => Ok(of_prediction(predicted, question)),
        Subject::Bytes(_, Kind::Firmware, image) => of_ovmf(arguments, plan, image, question),
        Subject::Bytes(_, Kind::Igvm, file) => of_igvm(arguments, plan, file, question),
        other => bail!(
            "--against {}: taken for {}; give a vm.toml, a prediction, a manifest, an OVMF image or an IGVM file",
            other.path().display(),
            other.kind().one()
        ),
    }
}

/// Digests alone: no other launch can be tried.
fn of_prediction(predicted: &Predicted, question: &Question<'_>) -> Outcome {
    let planned = predicted.launch_digest.map_or([0; 48], |digest| digest.0);
    let mut outcome = Outcome::new(LaunchDigest(planned), question.reported);
    if let (false, Some(manifest)) = (outcome.matches, question.described) {
        outcome.differences = predictions(predicted, &Predicted::of_manifest(manifest));
    }
    outcome
}

fn of_plan(planned: &Planned, question: &Question<'_>) -> Outcome {
    let (sources, hasher) = (planned.sources(), AllCores::new());
    let launch = Launch::of_plan(&planned.plan, &sources, &hasher);
    question.answered(&launch, launch.digest(), |reported, answer| {
        let plans = OwnPlans::of(&planned.config, &sources, &planned.plan);
        let variants = own_variants(&plans, &sources, &launch, &hasher);
        answer(search(&launch, reported, &variants, None));
    })
}

fn of_ovmf(
    arguments: &LaunchArguments,
    plan: &Subject,
    image: &[u8],
    question: &Question<'_>,
) -> Result<Outcome> {
    let place = || format!("--against {}", plan.path().display());
    let firmware = Ovmf::read(image)
        .with_context(|| format!("{}: the image cannot be launched as an SNP guest", place()))?;
    let Some(vcpus) = arguments.vcpus else {
        bail!("{}: give the number of vCPUs as --vcpus", place());
    };
    let cpu = cpu(arguments)?;
    if arguments.svsm.is_some() {
        return of_svsm(arguments, firmware, (vcpus, cpu), question);
    }
    let files = BootFiles::read(
        arguments.kernel.as_deref(),
        arguments.initrd.as_deref(),
        arguments.append.as_deref(),
    )?;
    let kernel = files.as_ref().map(BootFiles::hashes);
    let inputs = |vcpus| SnpInputs {
        firmware: firmware.clone(),
        firmware_digest: None,
        kernel,
        vcpus,
        cpu,
        features: arguments.guest_features,
        vmm: arguments.vmm_type,
    };
    let hasher = AllCores::new();
    let launches = launches(vcpus, &hasher, |vcpus| SnpLaunch::of(&inputs(vcpus)));
    let [launch, several] =
        launches.with_context(|| format!("{}: there is no such launch", place()))?;
    let outcome = question.answered(&launch, launch.digest(), |reported, answer| {
        let files = files.as_ref().map(|files| KernelFiles {
            kernel: &files.kernel,
            initrd: &files.initrd,
            cmdline: &files.cmdline,
        });
        let variants = ovmf_variants(&inputs(vcpus.max(2)), files, &several, &hasher);
        answer(search(&several, reported, &variants, Some(vcpus.into())));
    });
    Ok(outcome)
}

/// The launch that is planned, and the same with two vCPUs at least: there the others' registers are known.
fn launches<'a>(
    vcpus: u32,
    hasher: &AllCores,
    made: impl Fn(u32) -> Result<SnpLaunch<'a>, LaunchFault>,
) -> Result<[Launch<'a>; 2], LaunchFault> {
    let launch = |vcpus| made(vcpus).map(|launch| Launch::of_snp(&launch, hasher));
    Ok([launch(vcpus)?, launch(vcpus.max(2))?])
}

fn of_svsm(
    arguments: &LaunchArguments,
    firmware: Ovmf<'_>,
    (vcpus, cpu): (u32, CpuSignature),
    question: &Question<'_>,
) -> Result<Outcome> {
    let Some(path) = &arguments.svsm else {
        bail!("--svsm is needed");
    };
    let place = || format!("--svsm {}", path.display());
    let image = read("--svsm", path)?;
    let usual = Svsm::usual_vars_bytes(&firmware);
    let vars_bytes = arguments.vars_size.unwrap_or(usual);
    let svsm = Svsm::below(&image, &firmware, vars_bytes)
        .with_context(|| format!("{}: the image cannot be launched as an SVSM", place()))?;
    let inputs = |vcpus| SvsmInputs {
        firmware: firmware.clone(),
        svsm: svsm.clone(),
        vcpus,
        cpu,
        features: arguments.guest_features,
        vmm: arguments.vmm_type,
    };
    let hasher = AllCores::new();
    let launches = launches(vcpus, &hasher, |vcpus| SnpLaunch::of_svsm(&inputs(vcpus)));
    let [launch, several] =
        launches.with_context(|| format!("{}: there is no such launch", place()))?;
    let outcome = question.answered(&launch, launch.digest(), |reported, answer| {
        let variants = svsm_variants(&inputs(vcpus.max(2)), &image, &several, &hasher);
        answer(search(&several, reported, &variants, Some(vcpus.into())));
    });
    Ok(outcome)
}

fn of_igvm(
    arguments: &LaunchArguments,
    plan: &Subject,
    file: &[u8],
    question: &Question<'_>,
) -> Result<Outcome> {
    let place = || {
        let path = plan.path().display();
        format!("--against {path}: the file cannot be launched as an SNP guest")
    };
    let igvm = Igvm::read(file).with_context(place)?;
    let loading = igvm.loading(PlatformKind::SevSnp).with_context(place)?;
    let policy = loading.policy().with_context(place)?;
    let zero_pages = match arguments.vmm_type {
        VmmType::Gce => ZeroPages::Zero,
        _ => ZeroPages::Normal,
    };
    let launch = SnpLaunch::of_igvm(&loading, zero_pages).with_context(place)?;
    let launch = Launch::of_snp(&launch, &AllCores::new());
    let mut outcome = question.answered(&launch, launch.digest(), |reported, answer| {
        let variants = igvm_variants(&launch);
        answer(search(&launch, reported, &variants, None));
    });
    outcome.planned_policy = Some(policy);
    Ok(outcome)
}

/// The vCPUs' signature; the clouds show none to their guests.
fn cpu(arguments: &LaunchArguments) -> Result<CpuSignature> {
    let given = arguments.vcpu_type.or(arguments.vcpu_sig);
    match (given, arguments.vmm_type) {
        (_, VmmType::Ec2 | VmmType::Gce) => Ok(given.unwrap_or(CpuSignature(0))),
        (Some(cpu), _) => Ok(cpu),
        (None, vmm) => bail!(
            "--vcpu-type or --vcpu-sig is needed with --vmm-type {}: the signature is in every vCPU's RDX, which is measured",
            vmm.name()
        ),
    }
}

/// What a plan of ours determines and the report shows otherwise.
pub fn beside(plan: &Subject, report: &Subject) -> Vec<Difference> {
    match (plan, report.report()) {
        (Subject::Plan(_, planned), Some(report)) => {
            measured_boot_difference::planned_fields(&planned.plan, report)
        }
        _ => Vec::new(),
    }
}

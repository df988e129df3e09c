//! From a plan to a measured launch.

use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_plan::{LaunchPlan, Region, Sources};
use thiserror::Error;
use vmm_kvm::{CpuidError, KvmError, Vcpu, Vm};

use crate::{Guest, PageRun, Parameters, Staging, Tee, TeeError, Told};

/// Why nothing runs.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// KVM answers CPUID otherwise than planned.
    #[error("the vCPUs are not as planned")]
    Cpuid(#[from] CpuidError),
    /// KVM refused.
    #[error(transparent)]
    Kvm(#[from] KvmError),
    /// The TEE failed or refused.
    #[error(transparent)]
    Tee(#[from] TeeError),
    /// What the TEE measured is not what was predicted.
    #[error(
        "the {tee} TEE measured another launch than the one that was predicted, so nothing runs\n  \
         predicted: {predicted}\n  reported:  {reported}"
    )]
    Digest {
        /// Which TEE.
        tee: &'static str,
        /// From the plan.
        predicted: LaunchDigest,
        /// From the TEE.
        reported: LaunchDigest,
    },
}

/// A VM that is loaded and measured, and whose measurement is the predicted one as far as a host can
/// know: see [`MeasuredLaunch::told`].
pub struct MeasuredLaunch<T> {
    pub(crate) vm: Vm,
    pub(crate) vcpus: Vec<Vcpu>,
    pub(crate) tee: T,
    launch_digest: LaunchDigest,
    told: Told,
}

impl<T> MeasuredLaunch<T> {
    /// The launch digest that was predicted, and that [`Self::told`] did not contradict.
    #[must_use]
    pub fn launch_digest(&self) -> LaunchDigest {
        self.launch_digest
    }

    /// What the TEE told of its measurement.
    #[must_use]
    pub fn told(&self) -> Told {
        self.told
    }

    /// The TEE.
    #[must_use]
    pub fn tee(&self) -> &T {
        &self.tee
    }

    /// The VM, to connect its devices to.
    #[must_use]
    pub fn vm(&self) -> &Vm {
        &self.vm
    }
}

/// Replays `plan` on `vm` and `tee`, with `staging` prepared from it, and compares what the TEE told of its
/// measurement with `predicted`.
///
/// # Errors
/// Anything short of a loaded VM whose digest is not known to be another than the predicted one; the
/// VM is then given up.
pub fn launch<T: Tee>(
    vm: Vm,
    mut tee: T,
    plan: &LaunchPlan,
    sources: &Sources<'_>,
    staging: Staging,
    predicted: LaunchDigest,
) -> Result<MeasuredLaunch<T>, LaunchError> {
    tee.create(&vm, &Parameters::new(plan, tee.cpuid_audience()))?;
    staging.lay(&vm)?;
    let vcpus = add_vcpus(&vm, &mut tee, plan)?;
    let guest = Guest {
        vm: &vm,
        vcpus: &vcpus,
    };
    add_pages(guest, &mut tee, plan, sources)?;
    let manifest = || Manifest::from_plan(plan, sources).to_bytes();
    let told = tee.finish(guest, &manifest)?;
    compare(tee.name(), predicted, told)?;
    Ok(MeasuredLaunch {
        vm,
        vcpus,
        tee,
        launch_digest: predicted,
        told,
    })
}

fn compare(tee: &'static str, predicted: LaunchDigest, told: Told) -> Result<(), LaunchError> {
    match told.digest() {
        Some(reported) if reported != predicted => Err(LaunchError::Digest {
            tee,
            predicted,
            reported,
        }),
        _ => Ok(()),
    }
}

/// Regions in the plan's order.
fn add_pages(
    guest: Guest<'_>,
    tee: &mut impl Tee,
    plan: &LaunchPlan,
    sources: &Sources<'_>,
) -> Result<(), LaunchError> {
    let regions = plan.regions.0.iter();
    let regions: Vec<_> = regions
        .map(|region| (region, plan.contents(region, sources)))
        .collect();
    let runs: Vec<_> = regions
        .iter()
        .map(|(region, bytes)| page_run(region, bytes))
        .collect();
    Ok(tee.add_pages(guest, &runs)?)
}

fn page_run<'a>(region: &Region, bytes: &'a [u8]) -> PageRun<'a> {
    PageRun {
        component: region.component.name(),
        gpa: region.start.get(),
        count: region.pages(),
        page_type: region.page_type,
        bytes,
    }
}

fn add_vcpus(vm: &Vm, tee: &mut impl Tee, plan: &LaunchPlan) -> Result<Vec<Vcpu>, LaunchError> {
    (0..)
        .zip(&plan.vcpus.0)
        .map(|(index, state)| {
            let vcpu = vm.add_vcpu(index)?;
            let leaves = plan.cpuid_for(index, tee.cpuid_audience());
            vcpu.set_cpuid(&leaves)?;
            tee.add_vcpu(&vcpu)?;
            if tee.takes_registers() {
                vcpu.set_state(state)?;
                vcpu.check_cpuid(&leaves, &vcpu.cpuid()?)?;
            }
            Ok(vcpu)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREDICTED: LaunchDigest = LaunchDigest([1; 48]);

    #[test]
    fn digest_that_is_told_must_be_the_predicted_one() {
        let other = LaunchDigest([2; 48]);
        for tell in [Told::Digest, Told::HeldByIdBlock] {
            assert!(compare("snp", PREDICTED, tell(PREDICTED)).is_ok());
            let refused = compare("snp", PREDICTED, tell(other));
            assert!(
                matches!(refused, Err(LaunchError::Digest { reported, .. }) if reported == other)
            );
        }
    }

    #[test]
    fn launch_of_which_nothing_is_told_is_left_to_the_guests_report() {
        assert!(compare("snp", PREDICTED, Told::Nothing).is_ok());
    }
}

//! From a plan to a measured launch.

use measured_boot_digest::{LaunchDigest, Manifest};
use measured_boot_plan::{LaunchPlan, Region, Sources};
use measured_boot_snp_abi::PageType;
use thiserror::Error;
use vmm_kvm::{CpuidError, KvmError, RamError, Vcpu, Vm};
use zerocopy::IntoBytes as _;

use crate::{PageRun, Parameters, Tee, TeeError};

/// Why nothing runs.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// KVM answers CPUID otherwise than planned.
    #[error("the vCPUs are not as planned")]
    Cpuid(#[from] CpuidError),
    /// KVM refused.
    #[error(transparent)]
    Kvm(#[from] KvmError),
    /// The plan does not fit into memory.
    #[error("{component} cannot be loaded")]
    Load {
        /// What was to be loaded.
        component: &'static str,
        /// Why.
        #[source]
        source: RamError,
    },
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

/// A VM that is loaded and measured, and whose measurement is the predicted one.
pub struct MeasuredLaunch<T> {
    pub(crate) vm: Vm,
    pub(crate) vcpus: Vec<Vcpu>,
    pub(crate) tee: T,
    launch_digest: LaunchDigest,
}

impl<T> MeasuredLaunch<T> {
    /// The launch digest that the TEE reported.
    #[must_use]
    pub fn launch_digest(&self) -> LaunchDigest {
        self.launch_digest
    }

    /// The VM, to connect its devices to.
    #[must_use]
    pub fn vm(&self) -> &Vm {
        &self.vm
    }
}

/// Replays `plan` on `vm` and `tee`, and compares what the TEE measured with `predicted`.
///
/// # Errors
/// Anything short of a loaded VM with exactly the predicted digest; the VM is then given up.
pub fn launch<T: Tee>(
    vm: Vm,
    mut tee: T,
    plan: &LaunchPlan,
    sources: &Sources<'_>,
    predicted: LaunchDigest,
) -> Result<MeasuredLaunch<T>, LaunchError> {
    tee.create(&Parameters::from(plan))?;
    load_regions(&vm, &mut tee, plan, sources)?;
    load_cpuid_page(&vm, &mut tee, plan)?;
    let vcpus = add_vcpus(&vm, &mut tee, plan)?;
    let manifest = Manifest::from_plan(plan, sources).to_bytes();
    let reported = tee.finish(&manifest)?;
    if reported != predicted {
        return Err(LaunchError::Digest {
            tee: tee.name(),
            predicted,
            reported,
        });
    }
    Ok(MeasuredLaunch {
        vm,
        vcpus,
        tee,
        launch_digest: reported,
    })
}

fn load_regions(
    vm: &Vm,
    tee: &mut impl Tee,
    plan: &LaunchPlan,
    sources: &Sources<'_>,
) -> Result<(), LaunchError> {
    for region in &plan.regions.0 {
        load(
            vm,
            region.component.name(),
            region.start.get(),
            region.content.bytes(sources),
        )?;
    }
    let runs: Vec<_> = plan.regions.0.iter().map(page_run).collect();
    Ok(tee.add_pages(&runs)?)
}

fn page_run(region: &Region) -> PageRun {
    PageRun {
        gpa: region.start.get(),
        count: region.pages(),
        page_type: PageType::Normal,
    }
}

fn load_cpuid_page(vm: &Vm, tee: &mut impl Tee, plan: &LaunchPlan) -> Result<(), LaunchError> {
    let gpa = plan.cpuid_page.0.get();
    load(
        vm,
        "the CPUID page",
        gpa,
        plan.cpuid_page_contents().as_bytes(),
    )?;
    Ok(tee.add_pages(&[PageRun {
        gpa,
        count: 1,
        page_type: PageType::Cpuid,
    }])?)
}

fn load(vm: &Vm, component: &'static str, gpa: u64, content: &[u8]) -> Result<(), LaunchError> {
    vm.ram()
        .write(gpa, content)
        .map_err(|source| LaunchError::Load { component, source })
}

fn add_vcpus(vm: &Vm, tee: &mut impl Tee, plan: &LaunchPlan) -> Result<Vec<Vcpu>, LaunchError> {
    let mut vcpus = Vec::new();
    for (index, state) in (0..).zip(&plan.vcpus.0) {
        let vcpu = vm.add_vcpu(index)?;
        let leaves = plan.cpuid_for(index);
        vcpu.set_cpuid(&leaves)?;
        vcpu.set_state(state)?;
        vcpu.check_cpuid(&leaves, &vcpu.cpuid()?)?;
        vcpus.push(vcpu);
    }
    // Only now, when nothing more is set: what is handed over is the state that will run.
    for vcpu in &vcpus {
        tee.add_vcpu(vcpu)?;
    }
    Ok(vcpus)
}

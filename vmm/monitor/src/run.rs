//! The order of things.
//!
//! 1. Read and plan: nothing is started for a configuration that cannot be launched.
//! 2. Open everything that needs a path: first what the configuration names, then /dev/kvm, and for an SNP
//!    guest /dev/sev. A host that lacks what the TEE needs is refused here. To adopt KVM's CPUID, KVM is asked
//!    through a VM that has no memory and never runs: that is before this process is confined.
//! 3. Start the supervisor, and through it the TEE and the devices, each confined.
//! 4. Confine this process: first each vCPU thread, then the main one.
//! 5. Make the VM, load it, have it measured; compare.
//! 6. Give the devices what they serve, and run.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use measured_boot_digest::LaunchDigest;
use measured_boot_plan::machine::COM1_GSI;
use measured_boot_plan::{LaunchPlan, TeeKind};
use policies_jail::Filter;
use policies_profiles::{Guest, Program};
use vmm_kvm::{GuestRam, Host, RamLayout, Vm, VmKind};
use vmm_launch::{MeasuredLaunch, Staging, Tee as _, Threads, launch};
use vmm_snp::CertificateFile;
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

use crate::arguments::{Output, RunArguments};
use crate::bus::Machine;
use crate::com1::{self, Com1};
use crate::confidential::PrivateGuest;
use crate::console::Console;
use crate::cpuid;
use crate::devices::place_all;
use crate::events::{Event, Teller};
use crate::inputs::Inputs;
use crate::interrupt::{self, Interrupt, is_interruption};
use crate::io_apic::UserIoApic;
use crate::processes::{self, Household, Processes};
use crate::runtime_dir::RuntimeDir;
use crate::tee::{AnyTee, Named, Ready, SimulatedProcess};
use crate::trust_domain::{self, Quoting, TrustDomain};
use crate::watch::{self, End};

/// How a run ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest stopped by itself.
    Orderly,
    /// Somebody stopped it.
    Interrupted,
}

/// What is launched.
struct Planned {
    inputs: Inputs,
    plan: LaunchPlan,
    predicted: LaunchDigest,
    adopt_cpuid: bool,
}

/// Everything that has a path, opened.
struct Opened {
    host: Host,
    tee: Ready,
    tee_listener: Option<UnixListener>,
    staging: Staging,
    disks: Vec<File>,
    console: Console,
}

/// Runs the VM that the arguments name.
///
/// # Errors
/// Anything that keeps it from running to its own end. Nothing is left behind.
pub fn run(arguments: &RunArguments) -> anyhow::Result<Outcome> {
    let teller = Teller(arguments.output);
    let end = run_to_its_end(arguments, teller).or_else(|error| match is_interruption(&error) {
        true => Ok(End::Interrupted),
        false => Err(error),
    });
    let end = end.map_err(|error| cpuid::advise(error, arguments.adopt_cpuid));
    let end = end.inspect_err(|error| {
        // People read it on standard error, where main prints it; programs read events.
        if arguments.output == Output::Json {
            let error = format!("{error:#}");
            // Whoever does not listen any more does not miss it.
            let _ = teller.tell(&Event::Failed { error });
        }
    })?;
    let detail = end.detail().map(str::to_owned);
    teller.tell(&Event::Stopped {
        reason: end.reason(),
        detail,
    })?;
    outcome(end)
}

fn run_to_its_end(arguments: &RunArguments, teller: Teller) -> anyhow::Result<End> {
    let mut planned = plan(arguments, teller)?;
    let named = Named::open(&planned.inputs)?;
    let disks = planned.inputs.disks(&planned.plan)?;
    let host = Host::open()?;
    let tee = named.on(&host, &planned.plan, arguments.software_protected)?;
    tell_about_certificates(&tee, teller)?;
    let leaves = cpuid::settle(&host, &mut planned.plan, arguments.adopt_cpuid)?;
    if !leaves.is_empty() {
        teller.tell(&Event::CpuidAdopted { leaves: &leaves })?;
    }
    let Planned { inputs, plan, .. } = &planned;
    let staging = inputs.staging(plan)?;
    let console = Console::open(&arguments.console, arguments.output)?;
    let interrupt = Interrupt::catch()?;
    let runtime_dir = RuntimeDir::make(arguments.runtime_dir.as_deref())?;
    if runtime_dir.was_left_behind() {
        let runtime_dir = runtime_dir.path();
        teller.tell(&Event::TookOver { runtime_dir })?;
    }
    let is_simulated = plan.tee.0 == TeeKind::Simulated;
    let tee_listener = is_simulated.then(|| runtime_dir.tee_socket()).transpose()?;
    // From here on, whatever happens, the supervisor ends what it started.
    let mut household = Household::start(runtime_dir, interrupt)?;
    let folder = &inputs.folder;
    let processes = processes::start_all(&mut household.supervisor, plan, folder, teller)?;
    let threads = confine(guest(tee.vm_kind()), plan)?;
    let opened = Opened {
        host,
        tee,
        tee_listener,
        staging,
        disks,
        console,
    };
    launch_and_wait(
        &planned,
        opened,
        processes,
        threads,
        &mut household,
        interrupt,
        teller,
    )
}

fn plan(arguments: &RunArguments, teller: Teller) -> anyhow::Result<Planned> {
    let inputs = Inputs::read(&arguments.config)?;
    let (plan, predicted) = inputs.plan()?;
    if !arguments.any_id_block {
        inputs.check_id_block(&plan, predicted)?;
    }
    teller.tell(&Event::Planned {
        name: &inputs.config.name,
        tee: plan.tee.0.name(),
        launch_digest_predicted: predicted.to_string(),
    })?;
    Ok(Planned {
        inputs,
        plan,
        predicted,
        adopt_cpuid: arguments.adopt_cpuid,
    })
}

/// Whose rules this process runs under.
fn guest(vm: VmKind) -> Guest {
    match vm {
        VmKind::Plain => Guest::Simulated,
        VmKind::SoftwareProtected => Guest::SoftwareProtected,
        VmKind::Snp => Guest::Snp,
        VmKind::Tdx => Guest::Tdx,
    }
}

/// Gives up every right of this process, and makes the threads of the vCPUs with still fewer.
fn confine(guest: Guest, plan: &LaunchPlan) -> anyhow::Result<Threads> {
    let profile = Program::Vmm(guest).profile().for_guest(plan.memory_bytes.0);
    let filter = Filter::compile(&profile)?;
    let vcpu_filter = Filter::compile(&Program::VmmVcpu(guest).profile())?;
    policies_jail::isolate_self(&profile).context("cannot confine this process")?;
    let threads = Threads::make(plan.vcpus.0.len(), move || vcpu_filter.install())?;
    filter.install()?;
    Ok(threads)
}

fn launch_and_wait(
    planned: &Planned,
    opened: Opened,
    processes: Processes,
    threads: Threads,
    household: &mut Household,
    interrupt: Interrupt,
    teller: Teller,
) -> anyhow::Result<End> {
    let Processes {
        tee: control,
        devices,
        quotes,
    } = processes;
    let process = control
        .zip(opened.tee_listener)
        .map(|(control, listener)| SimulatedProcess { control, listener });
    let ready = (&opened.host, opened.tee, opened.staging);
    let (launch, certificates) = load(planned, ready, process, interrupt)?;
    let plan = &planned.plan;
    settle_td(&launch, planned, teller)?;
    let tee = plan.tee.0.name();
    teller.tell(&Event::measured(tee, launch.launch_digest(), launch.told()))?;
    let com1 = Com1::new(com1_interrupt(&launch)?, opened.console);
    let slots = place_all(launch.vm(), plan, devices, opened.disks, interrupt)?;
    let (td, mut quoting) = trust_domain(&launch, quotes, teller)?.unzip();
    let private = private_guest(&launch, certificates, td);
    let io_apic = UserIoApic::of(launch.vm());
    let machine = Arc::new(Machine::new(com1, slots, private).with_io_apic(io_apic));
    let running = launch.run(threads, &machine)?;
    teller.tell(&Event::Running {
        vcpus: plan.vcpus.0.len(),
    })?;
    let supervisor = &mut household.supervisor;
    let end = watch::wait(&running, supervisor, interrupt, quoting.as_mut())
        .context("cannot wait for the guest")?;
    running.stop()?;
    machine.finish();
    Ok(end)
}

/// Makes the VM, and has it loaded and measured.
fn load(
    planned: &Planned,
    (host, tee, staging): (&Host, Ready, Staging),
    process: Option<SimulatedProcess>,
    interrupt: Interrupt,
) -> anyhow::Result<(MeasuredLaunch<AnyTee>, Option<CertificateFile>)> {
    let plan = &planned.plan;
    let ram = Arc::new(GuestRam::new(RamLayout::new(&plan.ram()))?);
    let vm = Vm::new(host, tee.vm_kind(), Arc::clone(&ram))?;
    let (tee, certificates) = tee.begin(process, &ram, interrupt)?;
    let sources = planned.inputs.sources();
    let launch = launch(vm, tee, plan, &sources, staging, planned.predicted)
        .map_err(interrupt::or_interruption)?;
    Ok((launch, certificates))
}

/// The guest has not run yet.
fn settle_td(
    launch: &MeasuredLaunch<AnyTee>,
    planned: &Planned,
    teller: Teller,
) -> anyhow::Result<()> {
    let AnyTee::Tdx(tdx) = launch.tee() else {
        return Ok(());
    };
    let leaves = planned.plan.cpuid_for(0, tdx.cpuid_audience());
    let leaves = cpuid::settle_td(&leaves, tdx.cpuid(), planned.adopt_cpuid)?;
    if !leaves.is_empty() {
        teller.tell(&Event::CpuidAdopted { leaves: &leaves })?;
    }
    Ok(())
}

fn private_guest<T>(
    launch: &MeasuredLaunch<T>,
    certificates: Option<CertificateFile>,
    td: Option<TrustDomain>,
) -> Option<PrivateGuest> {
    let vm = launch.vm();
    vm.kind()
        .has_private_memory()
        .then(|| PrivateGuest::new(vm.clone(), certificates, td))
}

/// What answers a TD's calls, and what has its quotes made.
fn trust_domain(
    launch: &MeasuredLaunch<AnyTee>,
    quotes: Option<OwnedFd>,
    teller: Teller,
) -> anyhow::Result<Option<(TrustDomain, Quoting)>> {
    let AnyTee::Tdx(tdx) = launch.tee() else {
        return Ok(None);
    };
    trust_domain::make(launch.vm(), tdx.call_info(), quotes, teller)
        .context("cannot make an event")
        .map(Some)
}

/// Certificates are a convenience: a guest without them is verified all the same.
fn tell_about_certificates(tee: &Ready, teller: Teller) -> anyhow::Result<()> {
    if let Ready::Snp(snp, Some(_)) = tee
        && !snp.hands_certificates()
    {
        teller.tell(&Event::CertificatesLeftOut {})?;
    }
    Ok(())
}

fn com1_interrupt<T>(launch: &MeasuredLaunch<T>) -> anyhow::Result<com1::Interrupt> {
    let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC).context("cannot make an event")?;
    launch.vm().interrupt_on(&event, COM1_GSI)?;
    Ok(com1::Interrupt(event))
}

fn outcome(end: End) -> anyhow::Result<Outcome> {
    match end {
        End::PowerOff | End::Reset => Ok(Outcome::Orderly),
        End::Interrupted => Ok(Outcome::Interrupted),
        End::Device(detail) => bail!("the guest was stopped, since a device failed: {detail}"),
        End::Supervisor(detail) => bail!("the guest was stopped: {detail}"),
        End::Guest(detail) => bail!("the guest was stopped: {detail}"),
        End::Vcpu(detail) => bail!("the guest was stopped: {detail}"),
    }
}

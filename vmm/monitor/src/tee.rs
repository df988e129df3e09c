//! The TEE that the configuration names, chosen at run time.

use std::os::unix::net::UnixListener;

use anyhow::{Context as _, ensure};
use measured_boot_plan::{CpuidAudience, LaunchPlan, TeeKind};
use vmm_channel::Channel;
use vmm_kvm::{GuestRam, Host, Vcpu, Vm, VmKind};
use vmm_launch::{EvidencePath, Guest, Keys, PageRun, Parameters, Simulated, Tee, TeeError, Told};
use vmm_snp::{CertificateFile, Snp};
use vmm_tdx::Tdx;
use vmm_wire::{TeeReply, TeeRequest};

use crate::inputs::Inputs;
use crate::interrupt::{self, Interrupt};

/// What a launch needs of files that the configuration names.
pub enum Named {
    /// The simulated TEE's keys.
    Simulated(Keys),
    /// Where the certificates lie that an SNP guest gets beside its report.
    Snp(Option<CertificateFile>),
    /// Nothing.
    Tdx,
}

/// What it needs of this host beside: there is nothing left that could be missing.
pub enum Ready {
    /// The simulated TEE's keys, and which kind of VM it stands beside.
    Simulated(Keys, VmKind),
    /// SEV-SNP, with its device open.
    Snp(Snp, Option<CertificateFile>),
    /// TDX.
    Tdx(Tdx),
}

/// The simulated TEE's process and the socket on which it will answer the guest.
pub struct SimulatedProcess {
    /// Its control socket.
    pub control: Channel<TeeRequest, TeeReply>,
    /// Where it listens.
    pub listener: UnixListener,
}

/// One of the TEEs.
pub enum AnyTee {
    /// A process that stands in.
    Simulated(Simulated),
    /// AMD SEV-SNP.
    Snp(Snp),
    /// Intel TDX.
    Tdx(Tdx),
}

impl Named {
    /// Opens and reads what `inputs` names for its TEE.
    ///
    /// # Errors
    /// Something is missing, or is not what it should be.
    pub fn open(inputs: &Inputs) -> anyhow::Result<Self> {
        Ok(match inputs.config.tee.kind {
            TeeKind::Simulated => Self::Simulated(inputs.keys()?),
            TeeKind::Snp => Self::Snp(inputs.certificates()?),
            TeeKind::Tdx => Self::Tdx,
        })
    }

    /// Looks at what `host` offers, before anything is started. The simulated TEE's guest may be
    /// `software_protected`; every other has private memory anyway.
    ///
    /// # Errors
    /// What it lacks, and what to change.
    pub fn on(
        self,
        host: &Host,
        plan: &LaunchPlan,
        software_protected: bool,
    ) -> anyhow::Result<Ready> {
        let refused = || {
            let kind = plan.tee.0;
            format!("[tee] kind = \"{kind}\" cannot be launched on this host")
        };
        ensure!(
            !software_protected || matches!(self, Self::Simulated(_)),
            "--software-protected is for [tee] kind = \"simulated\" alone"
        );
        Ok(match self {
            Self::Simulated(keys) if software_protected => {
                host.supports(VmKind::SoftwareProtected)
                    .context("--software-protected cannot be had on this host")?;
                Ready::Simulated(keys, VmKind::SoftwareProtected)
            }
            Self::Simulated(keys) => Ready::Simulated(keys, VmKind::Plain),
            Self::Snp(certificates) => {
                let snp = Snp::open(host, plan, certificates.is_some()).with_context(refused)?;
                Ready::Snp(snp, certificates)
            }
            Self::Tdx => {
                host.supports(VmKind::Tdx).with_context(refused)?;
                Ready::Tdx(Tdx::new(interrupt::is_asked))
            }
        })
    }
}

impl Ready {
    /// What kind of VM the TEE needs.
    pub fn vm_kind(&self) -> VmKind {
        match self {
            Self::Simulated(_, kind) => *kind,
            Self::Snp(..) => VmKind::Snp,
            Self::Tdx(_) => VmKind::Tdx,
        }
    }

    /// The TEE, and the certificates that its guest gets through this process. `process` is there for the
    /// simulated one.
    ///
    /// # Errors
    /// The simulated TEE does not take its configuration.
    pub fn begin(
        self,
        process: Option<SimulatedProcess>,
        ram: &GuestRam,
        interrupt: Interrupt,
    ) -> anyhow::Result<(AnyTee, Option<CertificateFile>)> {
        Ok(match self {
            Self::Simulated(keys, _) => {
                let process = process.context("the simulated TEE was not started")?;
                let patience = interrupt.patience(None);
                let SimulatedProcess { control, listener } = process;
                let tee = Simulated::configure(control, ram, &keys, &listener, patience)?;
                (AnyTee::Simulated(tee), None)
            }
            Self::Snp(tee, certificates) => (AnyTee::Snp(tee), certificates),
            Self::Tdx(tee) => (AnyTee::Tdx(tee), None),
        })
    }
}

impl AnyTee {
    fn tee(&self) -> &dyn Tee {
        match self {
            Self::Simulated(tee) => tee,
            Self::Snp(tee) => tee,
            Self::Tdx(tee) => tee,
        }
    }

    fn tee_mut(&mut self) -> &mut dyn Tee {
        match self {
            Self::Simulated(tee) => tee,
            Self::Snp(tee) => tee,
            Self::Tdx(tee) => tee,
        }
    }
}

impl Tee for AnyTee {
    fn name(&self) -> &'static str {
        self.tee().name()
    }

    fn default_vm_kind(&self) -> VmKind {
        self.tee().default_vm_kind()
    }

    fn takes_registers(&self) -> bool {
        self.tee().takes_registers()
    }

    fn cpuid_audience(&self) -> CpuidAudience {
        self.tee().cpuid_audience()
    }

    fn create(&mut self, vm: &Vm, parameters: &Parameters) -> Result<(), TeeError> {
        self.tee_mut().create(vm, parameters)
    }

    fn add_vcpu(&mut self, vcpu: &Vcpu) -> Result<(), TeeError> {
        self.tee_mut().add_vcpu(vcpu)
    }

    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        self.tee_mut().add_pages(guest, pages)
    }

    fn finish(
        &mut self,
        guest: Guest<'_>,
        manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        self.tee_mut().finish(guest, manifest)
    }

    fn evidence_path(&self) -> EvidencePath {
        self.tee().evidence_path()
    }
}

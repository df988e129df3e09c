//! The kernel of a host with SEV-SNP or TDX, as far as the VMM meets it.
//!
//! [`Host`] decides who answers a call: it itself, or the real kernel, whose answer it may only watch. It
//! keeps what Linux keeps (memory slots, attributes, vCPUs), enforces the order that Linux enforces, and hands
//! what is the processor's to [`crate::model`]. [`Trouble`] makes any step fail; [`Script`] says which exits
//! the first vCPU meets.

mod clock;
mod cpuid;
mod device;
pub mod documented;
mod exits;
mod kvm;
mod memory;
mod registers;
mod sev;
mod sev_vm;
mod step;
mod tdx;
mod trouble;
mod vm;

pub use exits::{Exit, Script};
pub use kvm::{Kind, Release};
pub use memory::GuestMemory;
pub use sev_vm::SevVm;
pub use step::Step;
pub use tdx::TdxVm;
pub use trouble::{Trouble, What};
pub use vm::{Machine, Protection, Vm};

use nix::errno::Errno;
use nix::libc::SYS_openat;

use crate::model;
use crate::trace::{Call, Enter, Kernel, Leave, Watched};
use device::SevDevice;

/// An error as a system call returns it.
pub(crate) fn error(errno: Errno) -> i64 {
    -i64::from(errno as i32)
}

/// A host.
pub struct Host {
    /// What it can do.
    pub kind: Kind,
    /// How new its kernel is.
    pub release: Release,
    /// The processor of an SNP host.
    pub snp: model::snp::Platform,
    /// The processor of a TDX host.
    pub tdx: model::tdx::Platform,
    /// The frequency of a TDX host's TSC: no multiple of what a TD's can be.
    pub tsc_khz: u32,
    /// vCPUs that a TD may have here.
    pub most_vcpus: u32,
    /// Capabilities that its KVM lacks beside.
    pub lacks: Vec<u32>,
    /// Whether there is `/dev/sev`.
    pub has_sev_device: bool,
    /// What goes wrong.
    pub trouble: Vec<Trouble>,
    /// What the first vCPU does; nothing: it runs the guest.
    pub script: Option<Script>,
    /// The VM with private memory, once it is made.
    pub machine: Option<Machine>,
    /// Every step that was tried, in order.
    pub steps: Vec<Step>,
    sev: SevDevice,
    /// What is to be undone when the call that is under way ends.
    restore: Option<(u64, Vec<u8>)>,
}

impl Host {
    /// A host without trouble, on which guests run as they are.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            release: Release::default(),
            snp: model::snp::Platform::default(),
            tdx: model::tdx::Platform::default(),
            tsc_khz: 2_112_001,
            most_vcpus: 64,
            lacks: Vec::new(),
            has_sev_device: kind == Kind::Snp,
            trouble: Vec::new(),
            script: None,
            machine: None,
            steps: Vec::new(),
            sev: SevDevice::default(),
            restore: None,
        }
    }

    /// The calls that it must see. KVM_RUN is one of them only where there is a script: it comes often.
    pub fn watched(&self) -> Watched {
        let mut ioctls = step::watched();
        if self.script.is_some() {
            ioctls.push(vmm_kernel_abi::ioctl::KVM_RUN);
        }
        Watched {
            ioctls,
            calls: vec![SYS_openat],
        }
    }

    /// The SNP side of its VM.
    pub fn sev_vm(&self) -> Option<&SevVm> {
        match &self.machine.as_ref()?.vm.protection {
            Protection::Snp(vm) => Some(vm),
            Protection::Tdx(_) => None,
        }
    }

    /// The TDX side of its VM.
    pub fn tdx_vm(&self) -> Option<&TdxVm> {
        match &self.machine.as_ref()?.vm.protection {
            Protection::Tdx(vm) => Some(vm),
            Protection::Snp(_) => None,
        }
    }

    /// How often this step was tried.
    pub fn count(&self, step: Step) -> usize {
        self.steps.iter().filter(|tried| **tried == step).count()
    }
}

impl Kernel for Host {
    fn enter(&mut self, call: &Call) -> Enter {
        if call.number == SYS_openat {
            return self.enter_open(call);
        }
        let Some(step) = self.step_of(call) else {
            return Enter::Pass;
        };
        self.steps.push(step);
        if let Some(what) = self.trouble_at(step) {
            return self.suffer(call, what);
        }
        self.carry_out(call, step)
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        if let Some((address, bytes)) = self.restore.take() {
            use crate::trace::Memory as _;
            // The program's own buffer: it was there a moment ago.
            let _ = call.memory().write(address, &bytes);
        }
        if call.number == SYS_openat {
            return self.sev.opened(result);
        }
        self.real_answer(call, result)
    }
}

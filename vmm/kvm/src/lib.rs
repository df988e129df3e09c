//! KVM: makes a VM, sets and reads back its state, runs its vCPUs.
//!
//! [`Host`] is `/dev/kvm`; [`Vm`] holds the guest's memory and interrupt controllers; [`Vcpu`] is
//! one processor, whose state is set from the plan and **read back** for whoever measures it.
//!
//! A VM with private memory ([`VmKind`]) has two sides of every page: [`Vm::set_visibility`] chooses, and
//! [`Confidential`] is who answers such a guest.
#![allow(
    unsafe_code,
    reason = "a memory slot lends the guest a mapping of this process, what ended a run lies in a page that \
              the kernel shares, and no safe crate sends a signal to a thread or locks an open file"
)]

mod confidential;
mod cpuid;
mod error;
mod file_lock;
mod host;
mod interrupts;
mod kind;
mod mapping;
mod memory;
mod msr;
mod page_buffer;
mod ram;
mod run;
mod run_error;
mod run_page;
mod sev;
mod state;
mod stopper;
mod supports;
mod tdx;
mod vm;

pub use confidential::{
    CertificatesAnswer, Confidential, Converted, Hypercall, HypercallAnswer, MemoryFault, ReqCerts,
    SystemEvent,
};
pub use cpuid::{CpuidError, Feature};
pub use error::KvmError;
pub use file_lock::{try_lock_exclusive, try_lock_shared, unlock};
pub use host::Host;
pub use interrupts::{Controllers, Message};
pub use kind::VmKind;
pub use mapping::Mapping;
pub use memory::SlotId;
pub use page_buffer::PageBuffer;
pub use ram::{GuestRam, RamError};
pub use run::Bus;
pub use run_error::{At, RunError};
pub use sev::{SevError, SnpFinish, SnpUpdate};
pub use stopper::{Seat, Stopper, Stuck};
pub use supports::Lack;
pub use tdx::{TdxCapabilities, TdxError, TdxParameters, TdxRegion};
pub use vm::{Vcpu, Vm};
pub use vmm_conversion::{PAGE_BYTES, PageRange, RamLayout, RamPart, Rejection, Visibility};

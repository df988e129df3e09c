//! KVM: makes a VM, sets and reads back its state, runs its vCPUs.
//!
//! [`Host`] is `/dev/kvm`; [`Vm`] holds the guest's memory and interrupt controllers; [`Vcpu`] is
//! one processor, whose state is set from the plan and **read back** for whoever measures it.
#![allow(
    unsafe_code,
    reason = "a memory slot lends the guest a mapping of this process, and the reason of a failed run \
              lies in a union that the kernel tags"
)]

mod cpuid;
mod error;
mod host;
mod kind;
mod msr;
mod page_buffer;
mod ram;
mod run;
mod state;
mod vm;

pub use cpuid::{CpuidError, Feature};
pub use error::KvmError;
pub use host::Host;
pub use kind::VmKind;
pub use page_buffer::PageBuffer;
pub use ram::{GuestRam, RamError};
pub use run::{Bus, RunError};
pub use vm::{Vcpu, Vm};

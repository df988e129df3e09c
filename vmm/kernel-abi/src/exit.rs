//! Exits of KVM_RUN that guests with private memory bring, and the answers to them.
//!
//! Pure functions over the first bytes of `kvm_run` (Linux 6.12 `include/uapi/linux/kvm.h`; exit 40 of 6.16,
//! exit 43 of 7.0, from `Documentation/virt/kvm/api.rst`). What is decoded is only what KVM wrote there: every
//! number in it that came from the guest is still unchecked.

mod decode;
mod reply;

pub use decode::{Exit, Hypercall, MemoryFault, ReqCerts, SystemEvent, TdxCall};
pub use reply::{set_hypercall_ret, set_req_certs, set_td_vm_call_info, set_tdx_ret};

/// Bytes of `kvm_run` that decoding and answering touch; a system event's data is what reaches farthest.
pub const RUN_BYTES: usize = 168;
/// Offset of `immediate_exit`, one byte: KVM_RUN only completes the exit before and returns EINTR.
pub const IMMEDIATE_EXIT: usize = 1;
/// Offset of `exit_reason`, 32 bits.
pub const EXIT_REASON: usize = 8;
/// Offset of the union that holds what the exit is about.
pub const UNION: usize = 32;

/// KVM_EXIT_HYPERCALL.
pub const HYPERCALL: u32 = 3;
/// KVM_EXIT_SYSTEM_EVENT.
pub const SYSTEM_EVENT: u32 = 24;
/// KVM_EXIT_MEMORY_FAULT: KVM_RUN failed with EFAULT or EHWPOISON, and this says where.
pub const MEMORY_FAULT: u32 = 39;
/// KVM_EXIT_TDX (Linux 6.16).
pub const TDX: u32 = 40;
/// KVM_EXIT_SNP_REQ_CERTS (Linux 7.0).
pub const SNP_REQ_CERTS: u32 = 43;

/// KVM_HC_MAP_GPA_RANGE: `args` are the guest-physical address, the number of 4 KiB pages, the attributes.
pub const HC_MAP_GPA_RANGE: u64 = 12;
/// Attributes of KVM_HC_MAP_GPA_RANGE (`Documentation/virt/kvm/x86/hypercalls.rst`).
pub mod map_gpa {
    /// The pages become private; zero: they become shared.
    pub const ENCRYPTED: u64 = 1 << 4;
    /// Bits of the page size that the guest hints at: 0 4 KiB, 1 2 MiB, 2 1 GiB.
    pub const SIZE_MASK: u64 = 0b1111;
    /// Bits with a meaning; all others must be zero.
    pub const KNOWN: u64 = SIZE_MASK | ENCRYPTED;
}

/// The only flag of exit 39: the guest meant the private half.
pub const MEMORY_FAULT_PRIVATE: u64 = 1 << 3;

/// KVM_SYSTEM_EVENT_SEV_TERM: `data[0]` is the GHCB MSR with the guest's reason.
pub const EVENT_SEV_TERM: u32 = 6;
/// KVM_SYSTEM_EVENT_TDX_FATAL (Linux 6.16): `data` are the 16 registers of ReportFatalError.
pub const EVENT_TDX_FATAL: u32 = 7;

/// Where things lie in `kvm_run`, counted from its start.
pub mod offset {
    /// `hypercall.nr`.
    pub const HYPERCALL_NR: usize = 32;
    /// `hypercall.args`, six of 64 bits.
    pub const HYPERCALL_ARGS: usize = 40;
    /// `hypercall.ret`. SNP of Linux 6.12 leaves what was there: always write it.
    pub const HYPERCALL_RET: usize = 88;
    /// `hypercall.flags`.
    pub const HYPERCALL_FLAGS: usize = 96;
    /// `memory_fault.flags`.
    pub const FAULT_FLAGS: usize = 32;
    /// `memory_fault.gpa`.
    pub const FAULT_GPA: usize = 40;
    /// `memory_fault.size`.
    pub const FAULT_SIZE: usize = 48;
    /// `system_event.type`, 32 bits.
    pub const EVENT_TYPE: usize = 32;
    /// `system_event.ndata`, 32 bits.
    pub const EVENT_NDATA: usize = 36;
    /// `system_event.data`, sixteen of 64 bits.
    pub const EVENT_DATA: usize = 40;
    /// `tdx.flags`.
    pub const TDX_FLAGS: usize = 32;
    /// `tdx.nr`.
    pub const TDX_NR: usize = 40;
    /// `ret`, the first word of every member of `tdx`'s union.
    pub const TDX_RET: usize = 48;
    /// The second word: `get_quote.gpa`, `get_tdvmcall_info.leaf`, `setup_event_notify.vector`,
    /// `unknown.data[0]`.
    pub const TDX_FIRST: usize = 56;
    /// `get_quote.size`.
    pub const TDX_QUOTE_SIZE: usize = 64;
    /// `get_tdvmcall_info.r11`; r12, r13 and r14 follow.
    pub const TDX_INFO_R11: usize = 64;
    /// `snp_req_certs.gpa`.
    pub const CERTS_GPA: usize = 32;
    /// `snp_req_certs.npages`.
    pub const CERTS_NPAGES: usize = 40;
    /// `snp_req_certs.ret`.
    pub const CERTS_RET: usize = 48;
}

/// What `hypercall.ret` and `snp_req_certs.ret` may be: 0, or one of these errors as a positive number. Newer
/// kernels fail KVM_RUN with EINVAL for any other.
pub mod answer {
    /// Done.
    pub const DONE: u64 = 0;
    /// EIO; certificates only.
    pub const EIO: u64 = 5;
    /// EAGAIN: the guest may try again.
    pub const EAGAIN: u64 = 11;
    /// EINVAL; hypercalls only.
    pub const EINVAL: u64 = 22;
    /// ENOSPC; certificates only: `npages` says how much room is needed.
    pub const ENOSPC: u64 = 28;
}

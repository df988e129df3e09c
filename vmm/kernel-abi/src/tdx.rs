//! KVM_MEMORY_ENCRYPT_OP for TDX, on the VM and on its vCPUs.
//!
//! Written from `Documentation/virt/kvm/x86/intel-tdx.rst` (Linux 6.16) and compared with nothing but the
//! constant assertions here: Debian's headers are of 6.12, which has no TDX guests.
//!
//! **Beside the `tdx` crate (0.1.2).** Its structures are private to it; what is public is a `Launcher` that
//! calls the kernel. It does not suffice: MRCONFIGID, MROWNER and MROWNERCONFIG cannot be set; the
//! remainder that INIT_MEM_REGION writes back goes to a borrowed copy and is lost, so neither EAGAIN nor EINTR
//! can be answered; a failure's `hw_error` is dropped; attribute bits without a name are cut off silently;
//! `kernel_tdvmcallinfo` hides in its `reserved`; GET_CPUID and GetQuote are not there. Its bit names of
//! attributes and XFAM are right and complete, and `tests/tdx_crate.rs` compares ours with them.

mod command;
mod quote;

pub use command::{
    Capabilities, Cmd, Command, INIT_MEM_REGION_MEASURE, InitMemRegion, InitVm, MAX_CPUID_ENTRIES,
};
pub use quote::{
    QUOTE_ERROR, QUOTE_IN_FLIGHT, QUOTE_SERVICE_UNAVAILABLE, QUOTE_SUCCESS, QUOTE_VERSION,
    QuoteHeader,
};

/// TD attributes (348551, "ATTRIBUTES"), as `attributes` of INIT_VM.
pub mod attributes {
    /// The host may read and change the TD's state. Linux 6.16 refuses it.
    pub const DEBUG: u64 = 1 << 0;
    /// Linear address space separation.
    pub const LASS: u64 = 1 << 27;
    /// No #VE where the guest touches a page that it has not accepted. Linux guests demand it.
    pub const SEPT_VE_DISABLE: u64 = 1 << 28;
    /// A migration TD may move it.
    pub const MIGRATABLE: u64 = 1 << 29;
    /// Supervisor protection keys.
    pub const PKS: u64 = 1 << 30;
    /// Key Locker.
    pub const KL: u64 = 1 << 31;
    /// Performance monitoring.
    pub const PERFMON: u64 = 1 << 63;
}

/// Extended features (348551, "XFAM"), as `xfam` of INIT_VM: XCR0 and IA32_XSS in one.
pub mod xfam {
    /// x87 and SSE, which every TD has.
    pub const FP_SSE: u64 = 0b11;
    /// AVX.
    pub const AVX: u64 = 1 << 2;
    /// AVX-512.
    pub const AVX512: u64 = 0b111 << 5;
    /// Protection keys.
    pub const PK: u64 = 1 << 9;
    /// Control-flow enforcement.
    pub const CET: u64 = 0b11 << 11;
    /// AMX.
    pub const AMX: u64 = 0b11 << 17;
}

/// What a TDVMCALL answers in the guest's R10 (GHCI 1.5, "TDG.VP.VMCALL Leaf ... Completion Status").
pub mod status {
    /// Done.
    pub const SUCCESS: u64 = 0;
    /// Try again.
    pub const RETRY: u64 = 1;
    /// An operand is wrong.
    pub const INVALID_OPERAND: u64 = 0x8000_0000_0000_0000;
    /// The guest-physical address is in use.
    pub const GPA_IN_USE: u64 = 0x8000_0000_0000_0001;
    /// An address or a size is not aligned.
    pub const ALIGN_ERROR: u64 = 0x8000_0000_0000_0002;
    /// This sub-function is not there.
    pub const SUBFUNC_UNSUPPORTED: u64 = 0x8000_0000_0000_0003;
}

/// `nr` of exit 40: which TDVMCALL it was (GHCI 1.5).
pub mod call {
    /// TDG.VP.VMCALL<GetTdVmCallInfo>; only leaf 1 leaves the kernel.
    pub const GET_TD_VM_CALL_INFO: u64 = 0x10000;
    /// TDG.VP.VMCALL<MapGPA>. KVM turns it into a hypercall exit; it never comes as exit 40.
    pub const MAP_GPA: u64 = 0x10001;
    /// TDG.VP.VMCALL<GetQuote>.
    pub const GET_QUOTE: u64 = 0x10002;
    /// TDG.VP.VMCALL<ReportFatalError>. KVM turns it into a system event; it never comes as exit 40.
    pub const REPORT_FATAL_ERROR: u64 = 0x10003;
    /// TDG.VP.VMCALL<SetupEventNotifyInterrupt>.
    pub const SETUP_EVENT_NOTIFY: u64 = 0x10004;
}

/// R11 of GetTdVmCallInfo's leaf 1: SetupEventNotifyInterrupt is answered.
pub const CALL_INFO_SETUP_EVENT_NOTIFY: u64 = 1 << 1;
/// Vectors that SetupEventNotifyInterrupt may name; others are an invalid operand.
pub const EVENT_NOTIFY_VECTORS: std::ops::RangeInclusive<u64> = 32..=255;

/// Bits 63..32 of `hw_error` (348551, "Completion Status Codes"); the low half names the operand.
pub mod hw_error {
    /// TDX_OPERAND_INVALID.
    pub const OPERAND_INVALID: u64 = 0xc000_0100;
    /// TDX_OPERAND_BUSY.
    pub const OPERAND_BUSY: u64 = 0x8000_0200;
    /// TDX_RND_NO_ENTROPY.
    pub const NO_ENTROPY: u64 = 0x8000_0203;

    /// The status of a `hw_error`.
    pub const fn status(hw_error: u64) -> u64 {
        hw_error >> 32
    }
}

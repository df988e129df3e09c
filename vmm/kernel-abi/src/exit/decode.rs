//! What KVM says about an exit.

use super::{EXIT_REASON, RUN_BYTES, offset};
use crate::tdx::call;

/// An exit as KVM describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Exit 3.
    Hypercall(Hypercall),
    /// Exit 24.
    SystemEvent(SystemEvent),
    /// Exit 39.
    MemoryFault(MemoryFault),
    /// Exit 40.
    Tdx(TdxCall),
    /// Exit 43.
    SnpReqCerts(ReqCerts),
    /// Any other, by its number.
    Other(u32),
}

/// A hypercall that KVM passed on; only KVM_HC_MAP_GPA_RANGE ever is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hypercall {
    /// Which one.
    pub nr: u64,
    /// Its arguments, from the guest.
    pub args: [u64; 6],
    /// Bit 0: the guest was in long mode.
    pub flags: u64,
}

/// An end that the guest asked for or met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemEvent {
    /// KVM_SYSTEM_EVENT_*.
    pub kind: u32,
    /// How many of `data` KVM filled in; see [`SystemEvent::data`].
    pub ndata: u32,
    /// Details, by the kind.
    pub words: [u64; 16],
}

impl SystemEvent {
    /// The words that were filled in; `None` if KVM claims more than there is room for.
    pub fn data(&self) -> Option<&[u64]> {
        self.words.get(..usize::try_from(self.ndata).ok()?)
    }
}

/// The guest touched memory as what it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFault {
    /// [`super::MEMORY_FAULT_PRIVATE`] or nothing.
    pub flags: u64,
    /// Guest-physical address.
    pub gpa: u64,
    /// Bytes.
    pub size: u64,
}

/// A TDVMCALL that KVM passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdxCall {
    /// The guest wants its TD report signed.
    GetQuote {
        /// Guest-physical address of the shared buffer, without the shared bit.
        gpa: u64,
        /// Bytes of the buffer.
        size: u64,
    },
    /// The guest asks which TDVMCALLs are answered.
    GetTdVmCallInfo {
        /// Always 1 today.
        leaf: u64,
    },
    /// The guest names the interrupt by which it wants to hear of quotes.
    SetupEventNotify {
        /// The vector, unchecked.
        vector: u64,
    },
    /// Something newer than this program. Leave the answer as KVM preset it.
    Unknown {
        /// Which one.
        nr: u64,
    },
}

/// The guest asked for its certificates along with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReqCerts {
    /// Guest-physical address for the table, page-aligned and otherwise unchecked.
    pub gpa: u64,
    /// Pages that the guest has there.
    pub npages: u64,
}

impl Exit {
    /// Reads the exit that these first bytes of `kvm_run` describe.
    pub fn decode(run: &[u8; RUN_BYTES]) -> Self {
        match word32(run, EXIT_REASON) {
            super::HYPERCALL => Self::Hypercall(Hypercall {
                nr: word(run, offset::HYPERCALL_NR),
                args: words(run, offset::HYPERCALL_ARGS),
                flags: word(run, offset::HYPERCALL_FLAGS),
            }),
            super::SYSTEM_EVENT => Self::SystemEvent(SystemEvent {
                kind: word32(run, offset::EVENT_TYPE),
                ndata: word32(run, offset::EVENT_NDATA),
                words: words(run, offset::EVENT_DATA),
            }),
            super::MEMORY_FAULT => Self::MemoryFault(MemoryFault {
                flags: word(run, offset::FAULT_FLAGS),
                gpa: word(run, offset::FAULT_GPA),
                size: word(run, offset::FAULT_SIZE),
            }),
            super::TDX => Self::Tdx(tdx_call(run)),
            super::SNP_REQ_CERTS => Self::SnpReqCerts(ReqCerts {
                gpa: word(run, offset::CERTS_GPA),
                npages: word(run, offset::CERTS_NPAGES),
            }),
            other => Self::Other(other),
        }
    }
}

fn tdx_call(run: &[u8; RUN_BYTES]) -> TdxCall {
    let first = word(run, offset::TDX_FIRST);
    match word(run, offset::TDX_NR) {
        call::GET_QUOTE => TdxCall::GetQuote {
            gpa: first,
            size: word(run, offset::TDX_QUOTE_SIZE),
        },
        call::GET_TD_VM_CALL_INFO => TdxCall::GetTdVmCallInfo { leaf: first },
        call::SETUP_EVENT_NOTIFY => TdxCall::SetupEventNotify { vector: first },
        nr => TdxCall::Unknown { nr },
    }
}

fn words<const N: usize>(run: &[u8; RUN_BYTES], at: usize) -> [u64; N] {
    std::array::from_fn(|index| word(run, at + 8 * index))
}

fn word(run: &[u8; RUN_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| run[at + index]))
}

fn word32(run: &[u8; RUN_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| run[at + index]))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;

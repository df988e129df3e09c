//! What a guest with private memory asks of its host while it runs.
//!
//! Every number in it is the guest's and unchecked.

use std::ops::ControlFlow;

use vmm_conversion::{Conversion, RamLayout, Rejection, Visibility};
use vmm_kernel_abi::exit::{MEMORY_FAULT_PRIVATE, answer};
use vmm_kernel_abi::tdx::status;

pub use vmm_kernel_abi::exit::{Hypercall, MemoryFault, ReqCerts, SystemEvent};

use crate::{KvmError, Vm};

/// Answers to what a guest with private memory asks. The vCPU waits for each.
pub trait Confidential {
    /// Why the VM stops.
    type Stop;

    /// The guest asks that pages be made private or shared: see [`Vm::convert`].
    fn convert(&self, vcpu: u32, call: &Hypercall) -> ControlFlow<Self::Stop, HypercallAnswer>;

    /// The guest reached for a page as what it is not, without having asked for a conversion: see
    /// [`Vm::convert_at_fault`]. Continuing runs the vCPU again, and the same access happens again.
    fn memory_fault(&self, vcpu: u32, fault: &MemoryFault) -> ControlFlow<Self::Stop>;

    /// The guest or its processor ended the VM: SEV's termination request, or TDX's fatal error.
    fn ended(&self, vcpu: u32, event: &SystemEvent) -> Self::Stop;

    /// A TD wants its report at guest-physical `gpa`, in a buffer of `size` bytes, made into a quote.
    /// Returns the status that the guest gets at once, of [`status`].
    fn tdx_quote(&self, _vcpu: u32, _gpa: u64, _size: u64) -> u64 {
        status::SUBFUNC_UNSUPPORTED
    }

    /// A TD asks which of its calls are answered. Returns a status, of [`status`], and R11 to R14.
    fn tdx_call_info(&self, _leaf: u64) -> (u64, [u64; 4]) {
        (status::SUCCESS, [0; 4])
    }

    /// A TD wants interrupt `vector` on this vCPU when a quote is there. Returns a status, of [`status`].
    fn tdx_event_notify(&self, _vcpu: u32, _vector: u64) -> u64 {
        status::SUBFUNC_UNSUPPORTED
    }

    /// An SNP guest wants certificates beside its report.
    fn certificates(&self, _vcpu: u32, _request: &ReqCerts) -> CertificatesAnswer {
        CertificatesAnswer::Failed
    }

    /// The report that goes with the certificates of the last answer has been made: whoever wants to
    /// change them may do so from here on.
    fn certificates_fetched(&self, _vcpu: u32) {}
}

/// What a hypercall is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HypercallAnswer {
    /// It is done.
    Done,
    /// It is refused.
    Invalid,
}

impl HypercallAnswer {
    /// As KVM takes it: newer kernels take no other numbers.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Done => answer::DONE,
            Self::Invalid => answer::EINVAL,
        }
    }
}

/// What a request for certificates is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificatesAnswer {
    /// The table is in the guest's buffer.
    Done,
    /// It needs so many pages.
    Needs {
        /// Number of pages.
        pages: u64,
    },
    /// Not now; the guest may ask again.
    Again,
    /// There are none to be had.
    Failed,
}

impl CertificatesAnswer {
    /// `npages`, which stays the guest's unless more are needed, and `ret`, as KVM takes them.
    #[must_use]
    pub const fn numbers(self, asked_pages: u64) -> (u64, u64) {
        match self {
            Self::Done => (asked_pages, answer::DONE),
            Self::Needs { pages } => (pages, answer::ENOSPC),
            Self::Again => (asked_pages, answer::EAGAIN),
            Self::Failed => (asked_pages, answer::EIO),
        }
    }
}

/// What became of a guest's wish to convert pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Converted {
    /// The pages are as asked for.
    Done {
        /// How many of them were not before.
        changed: u64,
    },
    /// The request was judged and refused; nothing has changed.
    Refused(Rejection),
}

impl Vm {
    /// Judges a guest's hypercall and carries it out.
    ///
    /// # Errors
    /// As [`Vm::set_visibility`].
    pub fn convert(&self, call: &Hypercall) -> Result<Converted, KvmError> {
        self.carry_out(Conversion::judge(call.nr, &call.args, self.ram().layout()))
    }

    /// Judges an access that the guest made without having asked, and makes the pages what it took them
    /// for.
    ///
    /// # Errors
    /// As [`Vm::set_visibility`].
    pub fn convert_at_fault(&self, fault: &MemoryFault) -> Result<Converted, KvmError> {
        let judged = judge_fault(fault, self.ram().layout());
        self.carry_out(judged)
    }

    fn carry_out(&self, judged: Result<Conversion, Rejection>) -> Result<Converted, KvmError> {
        match judged {
            Ok(conversion) => {
                let changed = self.set_visibility(conversion.pages(), conversion.to())?;
                Ok(Converted::Done { changed })
            }
            Err(rejection) => Ok(Converted::Refused(rejection)),
        }
    }
}

fn judge_fault(fault: &MemoryFault, ram: RamLayout) -> Result<Conversion, Rejection> {
    let to = match fault.flags {
        0 => Visibility::Shared,
        MEMORY_FAULT_PRIVATE => Visibility::Private,
        attributes => return Err(Rejection::Attributes { attributes }),
    };
    Conversion::judge_fault(fault.gpa, fault.size, to, ram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_with_a_flag_that_has_no_meaning_is_refused() {
        let judge = |flags| {
            let fault = MemoryFault {
                flags,
                gpa: 0x1000,
                size: 0x1000,
            };
            judge_fault(&fault, RamLayout::from_zero(0x10_0000))
        };
        assert_eq!(judge(0).unwrap().to(), Visibility::Shared);
        assert_eq!(judge(8).unwrap().to(), Visibility::Private);
        for bit in (0..64).filter(|bit| *bit != 3) {
            let attributes = 8 | 1 << bit;
            assert_eq!(judge(attributes), Err(Rejection::Attributes { attributes }));
        }
    }

    #[test]
    fn answers_are_numbers_that_every_kernel_takes() {
        let numbers = [HypercallAnswer::Done, HypercallAnswer::Invalid];
        assert_eq!(numbers.map(HypercallAnswer::number), [0, 22]);
        let needs = CertificatesAnswer::Needs { pages: 3 };
        assert_eq!(CertificatesAnswer::Done.numbers(1), (1, 0));
        assert_eq!(needs.numbers(1), (3, 28));
        assert_eq!(CertificatesAnswer::Again.numbers(1), (1, 11));
        assert_eq!(CertificatesAnswer::Failed.numbers(1), (1, 5));
    }
}

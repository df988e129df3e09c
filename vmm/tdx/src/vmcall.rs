//! What a TD asks of its VMM, and the answers that it knows.
//!
//! Sources: Intel GHCI for TDX 1.5 (348552), sections 3.1 (completion status codes), 3.3 (GetQuote), 3.4
//! (ReportFatalError), 3.5 (SetupEventNotifyInterrupt), 3.13 (GetTdVmCallInfo); Linux 6.16
//! Documentation/virt/kvm/api.rst, KVM_EXIT_TDX.

use vmm_kernel_abi::tdx::{CALL_INFO_SETUP_EVENT_NOTIFY, EVENT_NOTIFY_VECTORS, status};

/// How a call ended, as the guest finds it in R10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmCallStatus {
    /// It was carried out, or begun.
    Success,
    /// Not now.
    Retry,
    /// A number that cannot be.
    InvalidOperand,
    /// The memory is in use by an earlier call.
    GpaInUse,
    /// An address or size that is not of whole pages.
    AlignError,
    /// There is no such call.
    SubFunctionUnsupported,
}

impl VmCallStatus {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Success => status::SUCCESS,
            Self::Retry => status::RETRY,
            Self::InvalidOperand => status::INVALID_OPERAND,
            Self::GpaInUse => status::GPA_IN_USE,
            Self::AlignError => status::ALIGN_ERROR,
            Self::SubFunctionUnsupported => status::SUBFUNC_UNSUPPORTED,
        }
    }
}

/// The answer to GetTdVmCallInfo: R10 and R11 to R14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmCallInfo {
    /// R10.
    pub status: VmCallStatus,
    /// R11 to R14.
    pub registers: [u64; 4],
}

impl VmCallInfo {
    /// Which calls there are: SetupEventNotifyInterrupt, as far as KVM hands it on. GetQuote has no bit,
    /// since every VMM is taken to have it. Leaf 0 is KVM's own answer and does not come here. `kernel` and `user` are
    /// R11 and R12 of KVM's capabilities: what KVM answers itself, and what a VMM may.
    #[must_use]
    pub fn of_leaf(leaf: u64, kernel: [u64; 2], user: [u64; 2]) -> Self {
        let [kernel_r11, kernel_r12] = kernel;
        let [user_r11, _] = user;
        match leaf {
            1 => Self {
                status: VmCallStatus::Success,
                registers: [
                    user_r11 & CALL_INFO_SETUP_EVENT_NOTIFY | kernel_r11,
                    kernel_r12,
                    0,
                    0,
                ],
            },
            _ => Self {
                status: VmCallStatus::InvalidOperand,
                registers: [0; 4],
            },
        }
    }
}

/// Which interrupt tells the guest that its quote is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventNotify {
    vector: u8,
    apic_id: u32,
}

impl EventNotify {
    /// Takes SetupEventNotifyInterrupt from the processor with this APIC id.
    ///
    /// # Errors
    /// [`VmCallStatus::InvalidOperand`]: the vector is one of exceptions, or none.
    pub fn setup(vector: u64, apic_id: u32) -> Result<Self, VmCallStatus> {
        let known = EVENT_NOTIFY_VECTORS.contains(&vector).then_some(vector);
        let vector = known.and_then(|vector| u8::try_from(vector).ok());
        let vector = vector.ok_or(VmCallStatus::InvalidOperand)?;
        Ok(Self { vector, apic_id })
    }

    /// The message that interrupts: address and data, fixed mode, edge. The identifier's upper 24 bits are
    /// bits 63..40 of the address (Linux 6.12 Documentation/virt/kvm/api.rst, KVM_SET_GSI_ROUTING).
    #[must_use]
    pub fn message(self) -> (u64, u32) {
        let id = u64::from(self.apic_id);
        let address = 0xfee0_0000 | (id & 0xff) << 12 | (id & 0xffff_ff00) << 32;
        (address, u32::from(self.vector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_numbers_are_those_of_the_document() {
        let numbers = [
            VmCallStatus::Success,
            VmCallStatus::Retry,
            VmCallStatus::InvalidOperand,
            VmCallStatus::GpaInUse,
            VmCallStatus::AlignError,
            VmCallStatus::SubFunctionUnsupported,
        ]
        .map(VmCallStatus::number);
        let error = 0x8000_0000_0000_0000;
        assert_eq!(numbers, [0, 1, error, error + 1, error + 2, error + 3]);
    }

    #[test]
    fn vectors_of_exceptions_and_of_no_processor_are_refused() {
        for vector in [0, 31, 256, 0x120, u64::MAX] {
            let refused = EventNotify::setup(vector, 0);
            assert_eq!(
                refused,
                Err(VmCallStatus::InvalidOperand),
                "vector {vector}"
            );
        }
        for vector in [32, 255] {
            assert!(EventNotify::setup(vector, 0).is_ok(), "vector {vector}");
        }
    }

    #[test]
    fn notification_goes_to_the_processor_that_asked() {
        let message = |id| EventNotify::setup(0x51, id).unwrap().message();
        assert_eq!(message(3), (0xfee0_3000, 0x51));
        assert_eq!(message(0x1_02ff), (0x0001_0200_feef_f000, 0x51));
    }

    #[test]
    fn info_tells_what_kernel_and_vmm_have_and_nothing_that_kvm_does_not_let_through() {
        let answer = |user| VmCallInfo::of_leaf(1, [0x100, 0x200], user).registers;
        assert_eq!(answer([u64::MAX; 2]), [0x102, 0x200, 0, 0]);
        assert_eq!(answer([0, u64::MAX]), [0x100, 0x200, 0, 0]);
        for leaf in [0, 2, u64::MAX] {
            let info = VmCallInfo::of_leaf(leaf, [u64::MAX; 2], [u64::MAX; 2]);
            assert_eq!(info.status, VmCallStatus::InvalidOperand);
            assert_eq!(info.registers, [0; 4]);
        }
    }
}

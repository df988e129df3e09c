//! The clocks of a TD (Linux 6.16, Documentation/virt/kvm/x86/intel-tdx.rst; 348551, TD_PARAMS, TSC_FREQUENCY).

use nix::errno::Errno;
use vmm_kernel_abi::ioctl::{KVM_GET_TSC_KHZ, KVM_SET_TSC_KHZ};

use super::{Host, Kind, error};
use crate::trace::{Call, Enter};

/// What a TD's TSC can run at: multiples of 25 MHz, from 100 MHz to 10 GHz.
const STEP_KHZ: u64 = 25_000;
const FREQUENCIES_KHZ: std::ops::RangeInclusive<u64> = 100_000..=10_000_000;

impl Host {
    /// Of a call that is about neither memory nor vCPUs: a TDX host's clock is the emulator's, all else the
    /// real kernel's.
    pub(super) fn clock(&mut self, call: &Call, request: u32) -> Enter {
        let Some(machine) = self.machine.as_mut().filter(|_| self.kind == Kind::Tdx) else {
            return Enter::Pass;
        };
        match request {
            KVM_GET_TSC_KHZ => Enter::Answer(self.tsc_khz.into()),
            KVM_SET_TSC_KHZ => {
                let khz = call.argument();
                if !FREQUENCIES_KHZ.contains(&khz) || !khz.is_multiple_of(STEP_KHZ) {
                    return Enter::Answer(error(Errno::EINVAL));
                }
                machine.vm.tsc_khz = Some(khz);
                Enter::Answer(0)
            }
            _ => Enter::Pass,
        }
    }
}

//! Where the guest's randomness comes from.

/// The CPU, as the host lets us see it, has no random number generator that the kernel can seed from.
#[derive(Debug, thiserror::Error)]
#[error(
    "the CPU offers neither RDRAND nor RDSEED: the kernel's randomness would be the host's; start the VM with a CPU model that has one of them"
)]
pub struct NoHardwareRandom;

/// Checks CPUID for RDRAND (leaf 1, ECX bit 30) or RDSEED (leaf 7, EBX bit 18).
///
/// Interrupt timing, disks and virtio-rng are all the host's. Only these instructions give the
/// kernel's generator something that the host does not choose, and the kernel mixes them in at boot:
/// RDSEED where there is one, else RDRAND.
///
/// # Errors
/// Neither is there.
pub fn require_hardware_random() -> Result<(), NoHardwareRandom> {
    judge(
        std::arch::is_x86_feature_detected!("rdrand"),
        std::arch::is_x86_feature_detected!("rdseed"),
    )
}

fn judge(rdrand: bool, rdseed: bool) -> Result<(), NoHardwareRandom> {
    match rdrand || rdseed {
        true => Ok(()),
        false => Err(NoHardwareRandom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_random_one_instruction_accepted() {
        assert!(judge(true, true).is_ok());
        assert!(judge(true, false).is_ok());
        assert!(judge(false, true).is_ok());
    }

    #[test]
    fn hardware_random_missing_refused() {
        assert!(judge(false, false).is_err());
    }
}

//! Where the guest's randomness comes from.

/// The CPU, as the host lets us see it, has no random number generator that the kernel can seed from.
#[derive(Debug, thiserror::Error)]
#[error(
    "the CPU offers no {missing}: the kernel's randomness would be the host's; start the VM with a CPU model that has RDRAND and RDSEED"
)]
pub struct NoHardwareRandom {
    missing: &'static str,
}

/// Checks CPUID for RDRAND (leaf 1, ECX bit 30) and RDSEED (leaf 7, EBX bit 18).
///
/// Interrupt timing, disks and virtio-rng are all the host's. Only these instructions give the
/// kernel's generator something that the host does not choose, and the kernel mixes them in at boot.
///
/// # Errors
/// Names the instruction that is missing.
pub fn require_hardware_random() -> Result<(), NoHardwareRandom> {
    judge(
        std::arch::is_x86_feature_detected!("rdrand"),
        std::arch::is_x86_feature_detected!("rdseed"),
    )
}

fn judge(rdrand: bool, rdseed: bool) -> Result<(), NoHardwareRandom> {
    match (rdrand, rdseed) {
        (true, true) => Ok(()),
        (false, _) => Err(NoHardwareRandom { missing: "RDRAND" }),
        (_, false) => Err(NoHardwareRandom { missing: "RDSEED" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_random_both_instructions_accepted() {
        assert!(judge(true, true).is_ok());
    }

    #[test]
    fn hardware_random_one_missing_refused_by_name() {
        let without = |rdrand, rdseed| judge(rdrand, rdseed).unwrap_err().to_string();
        assert!(without(false, true).contains("no RDRAND"));
        assert!(without(true, false).contains("no RDSEED"));
        assert!(without(false, false).contains("no RDRAND"));
    }
}

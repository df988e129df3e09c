//! Why there is no such launch.

use crate::{KernelHashes, SnpInputs, VmmType};
use measured_boot_igvm::IgvmFault;

/// No launch has these inputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchFault {
    /// No guest has so many.
    #[error("{0} vCPUs: a guest has 1 to {max}", max = SnpInputs::MAX_VCPUS)]
    Vcpus(u32),
    /// The firmware would boot whatever kernel the host hands it.
    #[error(
        "the firmware has no SNP_KERNEL_HASHES section: it would not check the kernel, and the digest would say nothing of it; use a build for direct boot (OvmfPkg/AmdSev)"
    )]
    KernelUnchecked,
    /// The table of hashes does not fit.
    #[error("the firmware's hash table area has {0} bytes; the table has {needed}", needed = KernelHashes::PADDED_BYTES)]
    HashAreaSmall(u32),
    /// The clouds launch no image of an SVSM.
    #[error("{vmm} launches no SVSM: qemu and cloister do", vmm = .0.name())]
    SvsmVmm(VmmType),
    /// The IGVM file is not what is launched.
    #[error(transparent)]
    Igvm(#[from] IgvmFault),
}

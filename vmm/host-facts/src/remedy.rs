//! What to change, in words. The same words wherever the same change helps, so that it is asked for once.

pub const SMEE: &str = "BIOS: enable SMEE (Secure Memory Encryption), then SEV-SNP Support";
pub const ASIDS: &str =
    "BIOS: raise \"SEV-ES ASID Space Limit\" above 1 (SNP guests get the ids below it)";
pub const RMP: &str =
    "BIOS: enable SEV-SNP and set \"SNP Memory (RMP Table) Coverage\" to Enabled, for all memory";
pub const IOMMU: &str = "kernel command line: remove iommu=pt, iommu=off and amd_iommu=off; BIOS: enable IOMMU and SEV-SNP Support";
pub const SNP_KERNEL: &str =
    "kernel: Linux 6.11 or later, built with KVM_AMD_SEV, CRYPTO_DEV_SP_PSP and AMD_IOMMU";

pub const TDX_BIOS: &str = "BIOS: enable TME, TME-MT, TDX and TDX SEAM Loader, and give TDX keys (TME-MT/TDX key split above 0)";
pub const TDX_KERNEL: &str =
    "kernel: Linux 6.16 or later, built with INTEL_TDX_HOST and KVM_INTEL_TDX";
pub const NO_HIBERNATION: &str = "kernel command line: nohibernate";
pub const TDX_PARAMETERS: &str = "module options: kvm.tdp_mmu=1 kvm.mmio_caching=1 kvm.enable_virt_at_load=1 kvm_intel.ept=1 kvm_intel.eptad=1 kvm_intel.enable_apicv=1";

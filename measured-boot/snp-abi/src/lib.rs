//! The SEV-SNP ABI structures and constants: report, VMSA, PAGE_INFO, policy bits, CPUID page, and the guest protocol of the simulated TEE.

#![forbid(unsafe_code)]

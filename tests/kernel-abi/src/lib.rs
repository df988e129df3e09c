//! An emulator of the kernel's interface for SEV-SNP and TDX, around the unmodified VMM.

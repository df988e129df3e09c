//! The kernel's interface for SEV-SNP and TDX guests: structures, numbers and error codes, with their offsets asserted.

#![forbid(unsafe_code)]

//! Asks the processor, /dev/kvm and /dev/sev what this host has.
//!
//! Only questions: no VM is made, and no command is issued that changes the secure processor.

#![allow(unsafe_code, reason = "ioctls that no crate wraps")]

mod kvm;
mod processor;
mod secure_processor;

pub use kvm::Kvm;
pub use processor::cpuid;
pub use secure_processor::{SecureProcessor, StatusError};

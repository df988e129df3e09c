//! Launches that fail.

use rustix::io::Errno;
use thiserror::Error;
use vmm_kvm::{KvmError, SevError};

use crate::{CpuidCorrection, Lack};

/// Why an SNP launch is given up. The VM is then of no use: no step can be taken back.
#[derive(Debug, Error)]
pub enum SnpError {
    /// This host does not give what the plan wants.
    #[error(transparent)]
    Lack(#[from] Lack),
    /// Pages that no launch can hand over.
    #[error("{component} at {gpa:#x} is no whole number of pages in memory; report it as a bug")]
    Pages {
        /// What they are.
        component: &'static str,
        /// Guest-physical address.
        gpa: u64,
    },
    /// Pages of a type that this launch does not hand over.
    #[error(
        "{component} has the page type {number}, which no launch hands over: the kernel makes VMSAs itself"
    )]
    PageType {
        /// What they are.
        component: &'static str,
        /// The type's number.
        number: u8,
    },
    /// A command failed.
    #[error(transparent)]
    Command(#[from] SevError),
    /// Memory cannot be made private.
    #[error("the guest's memory cannot be made private")]
    Private(#[source] KvmError),
    /// The kernel says that all is well and does nothing.
    #[error(
        "the kernel was asked {tries} times to encrypt {component} and does not get on with it; look at dmesg \
         for `kvm_amd` and `ccp`"
    )]
    NoProgress {
        /// What was to be loaded.
        component: &'static str,
        /// How often.
        tries: u32,
    },
    /// What the kernel says it did does not add up.
    #[error(
        "the kernel lost count of the pages of {component}: {left} are left from page {first_frame:#x} on"
    )]
    LostCount {
        /// What was to be loaded.
        component: &'static str,
        /// The kernel's word.
        first_frame: u64,
        /// The kernel's word.
        left: u64,
    },
    /// The secure processor would answer CPUID otherwise.
    #[error("{}", cpuid_sentence(corrections))]
    Cpuid {
        /// What it would take instead.
        corrections: Vec<CpuidCorrection>,
        /// Its refusal.
        #[source]
        source: SevError,
    },
}

impl SnpError {
    /// Whether a signal can be the reason: the kernel tells one that comes while it encrypts pages as EINTR,
    /// or as EIO without any word of the firmware's.
    #[must_use]
    pub fn may_be_a_signal(&self) -> bool {
        let Self::Command(SevError::Refused {
            firmware: 0,
            source,
            ..
        }) = self
        else {
            return false;
        };
        let errno = source.raw_os_error();
        [Errno::IO, Errno::INTR]
            .map(|errno| Some(errno.raw_os_error()))
            .contains(&errno)
    }
}

fn cpuid_sentence(corrections: &[CpuidCorrection]) -> String {
    if corrections.is_empty() {
        return "the secure processor does not take the CPUID page, and does not say what it would take".to_owned();
    }
    let mut text = "the secure processor of this host does not take the planned CPUID; nothing is launched with \
        another one. Choose a CPU model that this host can give. It would take"
        .to_owned();
    for correction in corrections {
        text.push_str(&format!("\n  {correction}"));
    }
    text
}

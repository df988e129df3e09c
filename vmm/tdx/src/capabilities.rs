//! Whether this host can give the TD that is planned.
//!
//! Sources: Intel TDX module ABI 1.5 (348551), TD_PARAMS; Linux 6.16 Documentation/virt/kvm/x86/intel-tdx.rst,
//! KVM_TDX_CAPABILITIES and KVM_TDX_INIT_VM.

use measured_boot_plan::{CpuidEntry, TdParameters};
use thiserror::Error;
use vmm_kernel_abi::tdx::{attributes, xfam};
use vmm_kvm::{TdxCapabilities, TdxParameters};

/// Leaf with the width of addresses; EAX bits 23..16 are the guest's, GPAW.
const ADDRESS_WIDTHS: u32 = 0x8000_0008;
/// Guest-physical addresses of 48 bits, of which the highest says that memory is shared. 52 would need
/// five levels of page tables, which no guest has a use for: its memory ends at 512 GiB.
const GPAW: u32 = 48;
const GPAW_BITS: u32 = 0xff_0000;

/// What a plan may ask for.
const KNOWN_ATTRIBUTES: u64 = attributes::SEPT_VE_DISABLE | attributes::DEBUG;

/// A TD that is not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The host may debug the TD, and nobody said so.
    #[error(
        "the TD would be open to the host's debugger, which its policy does not allow; write debug = true in [tee] for a TD that keeps no secrets"
    )]
    Debug,
    /// Memory that was not accepted would raise an exception in the guest, which a host can abuse.
    #[error(
        "the TD lacks SEPT_VE_DISABLE, without which a host can take pages from under the guest unseen; report it as a bug"
    )]
    SeptVe,
    /// Attributes that are no part of any plan.
    #[error("the TD's attributes {bits:#x} are not known to this VMM; report it as a bug")]
    UnknownAttributes {
        /// All such bits.
        bits: u64,
    },
    /// The host lacks attributes.
    #[error("this host's KVM and TDX module do not give a TD {}; use a newer kernel, or leave it out", names(*.bits))]
    Attributes {
        /// All bits that it lacks.
        bits: u64,
    },
    /// The TD would lack what every TD has.
    #[error("the TD's features (XFAM {xfam:#x}) lack x87 and SSE; report it as a bug")]
    NoSse {
        /// What was planned.
        xfam: u64,
    },
    /// The host lacks extended features.
    #[error(
        "this host's KVM and TDX module do not give a TD the extended features {bits:#x} (XFAM); choose another CPU model"
    )]
    Features {
        /// All bits that it lacks.
        bits: u64,
    },
    /// The module does not let the width of addresses be chosen.
    #[error(
        "this host's KVM does not let the width of guest addresses be chosen (CPUID leaf 0x80000008); use Linux 6.16 or newer"
    )]
    AddressWidth,
}

fn names(bits: u64) -> String {
    const NAMES: [(u64, &str); 2] = [
        (attributes::DEBUG, "DEBUG"),
        (attributes::SEPT_VE_DISABLE, "SEPT_VE_DISABLE"),
    ];
    let named: Vec<_> = NAMES
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| format!("the attribute {name}"))
        .collect();
    named.join(" and ")
}

/// The TD that this host can make of what is planned: with exactly the attributes and features of the plan,
/// and of its CPUID as much as can be configured.
///
/// # Errors
/// What the plan may not have, or this host has not.
pub fn judge(
    host: &TdxCapabilities,
    wanted: &TdParameters,
    may_debug: bool,
    cpuid: &[CpuidEntry],
) -> Result<TdxParameters, Refusal> {
    judge_attributes(host.attributes, wanted.attributes, may_debug)?;
    if wanted.xfam & xfam::FP_SSE != xfam::FP_SSE {
        return Err(Refusal::NoSse { xfam: wanted.xfam });
    }
    match wanted.xfam & !host.xfam {
        0 => {}
        bits => return Err(Refusal::Features { bits }),
    }
    Ok(TdxParameters {
        attributes: wanted.attributes,
        xfam: wanted.xfam,
        mrconfigid: wanted.mr_config_id,
        mrowner: wanted.mr_owner,
        mrownerconfig: wanted.mr_owner_config,
        cpuid: configured(&host.cpuid, cpuid)?,
    })
}

fn judge_attributes(host: u64, wanted: u64, may_debug: bool) -> Result<(), Refusal> {
    match wanted & !KNOWN_ATTRIBUTES {
        0 => {}
        bits => return Err(Refusal::UnknownAttributes { bits }),
    }
    if wanted & attributes::SEPT_VE_DISABLE == 0 {
        return Err(Refusal::SeptVe);
    }
    if wanted & attributes::DEBUG != 0 && !may_debug {
        return Err(Refusal::Debug);
    }
    match wanted & !host {
        0 => Ok(()),
        bits => Err(Refusal::Attributes { bits }),
    }
}

/// The planned leaves, as far as the host lets them be configured: no others, and no other bits of them,
/// since INIT_VM refuses both. What is not configured is the module's own.
fn configured(masks: &[CpuidEntry], planned: &[CpuidEntry]) -> Result<Vec<CpuidEntry>, Refusal> {
    let entries: Vec<_> = masks.iter().filter_map(|mask| one(mask, planned)).collect();
    let has_width = |entry: &CpuidEntry| entry.function == ADDRESS_WIDTHS;
    match entries.iter().any(has_width) {
        true => Ok(entries),
        false => Err(Refusal::AddressWidth),
    }
}

fn one(mask: &CpuidEntry, planned: &[CpuidEntry]) -> Option<CpuidEntry> {
    let same = |entry: &&CpuidEntry| {
        (entry.function, entry.index.unwrap_or(0)) == (mask.function, mask.index.unwrap_or(0))
    };
    let found = planned.iter().find(same);
    let masked = found.map(|entry| CpuidEntry {
        eax: entry.eax & mask.eax,
        ebx: entry.ebx & mask.ebx,
        ecx: entry.ecx & mask.ecx,
        edx: entry.edx & mask.edx,
        ..*mask
    });
    if mask.function != ADDRESS_WIDTHS {
        return masked;
    }
    let width = masked.unwrap_or(CpuidEntry {
        eax: 0,
        ebx: 0,
        ecx: 0,
        edx: 0,
        ..*mask
    });
    Some(CpuidEntry {
        eax: width.eax & !GPAW_BITS | GPAW << 16,
        ..width
    })
}

#[cfg(test)]
#[path = "capabilities_tests.rs"]
pub(crate) mod tests;

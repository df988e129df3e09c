//! What the report says about the guest's openness to its host.

use attestation_verdict::Finding;
use measured_boot_snp_abi::AttestationReport;

use super::{Found, SimulatedLimits, SimulatedRejection as Rejection};

/// Guest policy bit 19.
pub(super) fn debug(report: &AttestationReport, limits: &SimulatedLimits) -> Found {
    let debug = report.guest_policy().debug_allowed();
    if debug && !limits.allow_debug {
        return Finding::fail(Rejection::DebugAllowed);
    }
    Finding::Pass(match debug {
        true => "the host may debug the guest, as accepted".to_owned(),
        false => "the host may not debug the guest".to_owned(),
    })
}

/// VMPL 0 is the most privileged; a report that the host asked for says 0xFFFFFFFF.
pub(super) fn vmpl(report: &AttestationReport, limits: &SimulatedLimits) -> Found {
    let (found, max) = (report.vmpl.get(), u32::from(limits.max_vmpl));
    if found > max {
        return Finding::fail(Rejection::VmplTooHigh { found, max });
    }
    Finding::Pass(format!(
        "the report is from VMPL {found}; at most {max} is accepted"
    ))
}

/// Guest policy bits 16, 17, 18 and 26 to 63.
pub(super) fn other_bits(report: &AttestationReport, limits: &SimulatedLimits) -> Found {
    let bits = report.guest_policy();
    if !bits.reserved_bits_valid() {
        return Finding::fail(Rejection::GuestPolicyReserved { found: bits.bits() });
    }
    if bits.migration_agent_allowed() && !limits.allow_migration {
        return Finding::fail(Rejection::MigrationAllowed);
    }
    if bits.smt_allowed() && !limits.allow_smt {
        return Finding::fail(Rejection::SmtAllowed);
    }
    Finding::Pass(format!("guest policy {bits} is accepted"))
}

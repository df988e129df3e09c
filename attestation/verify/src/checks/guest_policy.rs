//! What the report says about the guest's openness to its host.

use super::{Exhibit, Finding, NO_REPORT};
use crate::{AppraisalInput, Rejection};

/// Guest policy bit 19.
pub(crate) fn debug(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(report) = exhibit.report() else {
        return Finding::NotChecked(NO_REPORT);
    };
    let debug = report.guest_policy().debug_allowed();
    if debug && !input.policy.allow_debug {
        return Finding::Fail(Rejection::DebugAllowed);
    }
    Finding::Pass(if debug {
        format!(
            "the host may debug the guest, and policy `{}` accepts that",
            input.policy.name
        )
    } else {
        "the host may not debug the guest".to_owned()
    })
}

/// VMPL 0 is the most privileged; a report that the host asked for says 0xFFFFFFFF.
pub(crate) fn vmpl(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(report) = exhibit.report() else {
        return Finding::NotChecked(NO_REPORT);
    };
    let (found, max) = (report.vmpl.get(), input.policy.max_vmpl);
    if found > max {
        return Finding::Fail(Rejection::VmplTooHigh { found, max });
    }
    Finding::Pass(format!(
        "the report is from VMPL {found}; the policy accepts at most {max}"
    ))
}

/// Guest policy bits 16, 17, 18 and 26 to 63.
pub(crate) fn other_bits(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(report) = exhibit.report() else {
        return Finding::NotChecked(NO_REPORT);
    };
    let bits = report.guest_policy();
    if !bits.reserved_bits_valid() {
        return Finding::Fail(Rejection::GuestPolicyReserved { found: bits.bits() });
    }
    if bits.migration_agent_allowed() && !input.policy.allow_migration {
        return Finding::Fail(Rejection::MigrationAllowed);
    }
    if bits.smt_allowed() && !input.policy.allow_smt {
        return Finding::Fail(Rejection::SmtAllowed {
            policy: input.policy.name.clone(),
        });
    }
    Finding::Pass(format!(
        "policy `{}` accepts guest policy {bits}",
        input.policy.name
    ))
}

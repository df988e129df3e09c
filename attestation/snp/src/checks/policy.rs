//! The guest policy, and who asked for the report.

use super::{Case, Found};
use crate::{AbiVersion, GuestPolicyDemand as Demand, SnpRejection as Reason};
use attestation_verdict::Finding;

/// A report that the host asked for has this VMPL (56860 rev 1.58, "ATTESTATION_REPORT Structure").
const HOST: u32 = u32::MAX;
/// REPORT_ID_MA of a guest without a migration agent.
const NO_AGENT: [u8; 32] = [0xFF; 32];

/// Passes unless something is allowed that must not be.
fn unless(refused: bool, reason: Reason, seen: &str) -> Found {
    if refused {
        Finding::fail(reason)
    } else {
        Finding::Pass(seen.to_owned())
    }
}

/// What a policy says of a thing that it may allow or not.
const fn seen(allowed: bool, closed: &'static str, open: &'static str) -> &'static str {
    if allowed { open } else { closed }
}

pub fn debug(case: &Case<'_>) -> Found {
    let allowed = case.report.guest_policy().debug_allowed();
    let refused = allowed && !case.limits.allow_debug;
    let text = seen(
        allowed,
        "the host cannot debug the guest",
        "the host can debug the guest, as accepted",
    );
    unless(refused, Reason::DebugAllowed, text)
}

pub fn migration(case: &Case<'_>) -> Found {
    let allowed = case.report.guest_policy().migration_agent_allowed();
    let refused = allowed && !case.limits.allow_migration;
    let text = seen(
        allowed,
        "no migration agent may come",
        "a migration agent may come, as accepted",
    );
    unless(refused, Reason::MigrationAllowed, text)
}

pub fn report_id_ma(case: &Case<'_>) -> Found {
    let present = case.report.report_id_ma != NO_AGENT;
    let refused = present && !case.limits.allow_migration;
    let text = seen(
        present,
        "there is no migration agent",
        "there is a migration agent, as accepted",
    );
    unless(refused, Reason::MigrationAgent, text)
}

pub fn smt(case: &Case<'_>) -> Found {
    let allowed = case.report.guest_policy().smt_allowed();
    let refused = allowed && !case.limits.allow_smt;
    let text = seen(
        allowed,
        "the guest runs only while SMT is off",
        "SMT may be on, as accepted",
    );
    unless(refused, Reason::SmtAllowed, text)
}

pub fn single_socket(case: &Case<'_>) -> Found {
    let required = case.report.guest_policy().single_socket_required();
    let refused = !required && case.limits.require_single_socket;
    let text = seen(
        required,
        "the guest may run on several sockets, as accepted",
        "the guest is kept to one socket",
    );
    unless(refused, Reason::SingleSocketMissing, text)
}

pub fn cxl(case: &Case<'_>) -> Found {
    let allowed = case.report.guest_policy().cxl_allowed();
    let refused = allowed && !case.limits.allow_cxl;
    let text = seen(
        allowed,
        "no CXL device may hold the guest's memory",
        "CXL devices may hold the guest's memory, as accepted",
    );
    unless(refused, Reason::CxlAllowed, text)
}

/// What firmware holds every platform to that runs the guest (56860 rev 1.58, "Guest Policy Structure").
pub fn demands(case: &Case<'_>) -> Found {
    let (policy, limits) = (case.report.guest_policy(), case.limits);
    let demands = [
        (
            limits.require_policy_aes_256_xts,
            policy.aes_256_xts_required(),
            Demand::Aes256Xts,
        ),
        (
            limits.require_policy_rapl_disabled,
            policy.rapl_disabled_required(),
            Demand::RaplDisabled,
        ),
        (
            limits.require_policy_ciphertext_hiding,
            policy.ciphertext_hiding_required(),
            Demand::CiphertextHiding,
        ),
        (
            limits.require_policy_page_swap_disabled,
            policy.page_swap_disabled(),
            Demand::PageSwapDisabled,
        ),
    ];
    let unmet = demands
        .into_iter()
        .filter(|(required, met, _)| *required && !met);
    Finding::from_reasons(
        unmet.map(|(_, _, demand)| Reason::GuestPolicy(demand)),
        || format!("guest policy {policy} asks for what it has to"),
    )
}

pub fn abi(case: &Case<'_>) -> Found {
    let (major, minor) = case.report.guest_policy().minimum_abi();
    let asked = AbiVersion { major, minor };
    let running = AbiVersion {
        major: case.report.current_major,
        minor: case.report.current_minor,
    };
    let minimum = case.limits.minimum_abi;
    let below = (asked < minimum).then_some(Reason::AbiBelow {
        found: asked,
        minimum,
    });
    let not_met = (running < asked).then_some(Reason::AbiNotMet { asked, running });
    Finding::from_reasons(below.into_iter().chain(not_met), || {
        format!("the guest asks for {asked}, {running} is running")
    })
}

pub fn reserved(case: &Case<'_>) -> Found {
    let policy = case.report.guest_policy();
    if policy.reserved_bits_valid() {
        return Finding::Pass(format!("guest policy {policy}"));
    }
    Finding::fail(Reason::GuestPolicyReserved {
        found: policy.bits(),
    })
}

pub fn vmpl(case: &Case<'_>) -> Found {
    let found = case.report.vmpl.get();
    let max = case.limits.max_vmpl;
    match found {
        HOST => Finding::fail(Reason::HostReport),
        _ if found > max.min(3).into() => Finding::fail(Reason::VmplTooHigh { found, max }),
        _ => Finding::Pass(format!("VMPL {found}")),
    }
}

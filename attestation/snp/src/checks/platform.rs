//! How the host's platform is set up.

use super::{Case, Found};
use crate::{PlatformDemand as Demand, SnpRejection as Reason};
use attestation_verdict::Finding;

pub fn platform(case: &Case<'_>) -> Found {
    let (info, limits) = (case.report.platform(), case.limits);
    let demands = [
        (
            limits.require_alias_check,
            info.alias_check_complete(),
            Demand::AliasCheck,
        ),
        (
            limits.require_ciphertext_hiding,
            info.ciphertext_hiding(),
            Demand::CiphertextHiding,
        ),
        (
            limits.require_smt_disabled,
            !info.smt(),
            Demand::SmtDisabled,
        ),
        (limits.require_tsme, info.tsme(), Demand::Tsme),
        (limits.require_ecc, info.ecc(), Demand::Ecc),
        (
            limits.require_rapl_disabled,
            info.rapl_disabled(),
            Demand::RaplDisabled,
        ),
        (!limits.allow_tio, !info.tio(), Demand::TioDisabled),
    ];
    let unmet = demands
        .into_iter()
        .filter(|(required, met, _)| *required && !met);
    Finding::from_reasons(unmet.map(|(_, _, demand)| Reason::Platform(demand)), || {
        format!("PLATFORM_INFO {:#x} is as asked for", info.bits())
    })
}

pub fn mitigation(case: &Case<'_>) -> Found {
    let asked = [
        (
            "at launch",
            case.limits.launch_mitigations,
            case.report.launch_mitigation_vector.get(),
        ),
        (
            "now",
            case.limits.current_mitigations,
            case.report.current_mitigation_vector.get(),
        ),
    ];
    let version = case.report.version.get();
    if asked.iter().all(|(_, asked, _)| *asked == 0) {
        return Finding::Pass("no mitigation is asked for".to_owned());
    }
    if version < 5 {
        return Finding::fail(Reason::MitigationUnknown { version });
    }
    let missing = asked.map(|(when, asked, found)| (when, asked & !found));
    let reasons = missing.into_iter().filter(|(_, missing)| *missing != 0);
    Finding::from_reasons(
        reasons.map(|(when, missing)| Reason::Mitigation { when, missing }),
        || "the mitigations that are asked for are in place".to_owned(),
    )
}

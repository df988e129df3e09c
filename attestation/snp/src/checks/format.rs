//! Is it a well-formed report of a known version?

use super::{Case, Found};
use crate::SnpRejection as Reason;
use attestation_verdict::Finding;
use measured_boot_snp_abi::SIGNATURE_ECDSA_P384_SHA384;
use std::ops::Range;

/// Reserved in every version (56860 rev 1.58, "ATTESTATION_REPORT Structure").
const RESERVED: [Range<usize>; 5] = [
    0x04C..0x050,
    0x18B..0x1A0,
    0x1EB..0x1EC,
    0x1EF..0x1F0,
    0x208..0x2A0,
];
/// The CPU's family, model and stepping, from version 3 on.
const CPU: Range<usize> = 0x188..0x18B;
/// The mitigation vectors, from version 5 on.
const MITIGATIONS: Range<usize> = 0x1F8..0x208;
/// Bits 31 to 5 of KEY_INFO.
const KEY_INFO: usize = 0x048;

pub fn report_format(case: &Case<'_>) -> Found {
    let version = case.report.version.get();
    let found = case.report.signature_algorithm.get();
    let mut reasons = Vec::new();
    if !matches!(version, 2 | 3 | 5) {
        reasons.push(Reason::ReportVersion { found: version });
    }
    if found != SIGNATURE_ECDSA_P384_SHA384 {
        reasons.push(Reason::SignatureAlgorithm { found });
    }
    if case.report.key_info.get() >> 5 != 0 {
        reasons.push(Reason::ReservedNotZero { offset: KEY_INFO });
    }
    let since = |first, range| (version < first).then_some(range);
    let later = [since(3, CPU), since(5, MITIGATIONS)];
    let reserved = RESERVED.into_iter().chain(later.into_iter().flatten());
    reasons.extend(reserved.filter_map(|range| {
        let offset = range.start;
        let zero = case.input.report[range].iter().all(|byte| *byte == 0);
        (!zero).then_some(Reason::ReservedNotZero { offset })
    }));
    Finding::from_reasons(reasons, || format!("a report of version {version}"))
}

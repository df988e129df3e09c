//! SNP reports with certificates and lists.

use crate::{Bound, Target, judged, parts};
use attestation_snp::{Anchors, Endorsement, SnpClaims, SnpInput, SnpLimits, judge};
use attestation_verdict::ExpectedData;

/// Any 1184 bytes are judged, by every check, the same way each time.
///
/// The input is five files: report, VEK, chain, revocation list, root. The root is trusted.
pub const SNP: Target = Target {
    name: "snp",
    // Certificates are read twice, once to look at the root; each is kept with the names and keys in it.
    bound: Bound {
        factor: 32,
        constant: 64 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

/// 2026-11-22T12:00:00Z.
const NOW: u64 = 1_795_348_800;

const LIMITS: &str = include_str!("snp/limits.json");

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [report, vek, chain, crl, root] = parts::parts(bytes);
    let limits: SnpLimits = serde_json::from_str(LIMITS).expect("a test reads the limits");
    let Ok(report) = report.try_into() else {
        return false;
    };
    bound.holds(bytes, || {
        let anchors = Anchors::explicit(root).ok();
        let anchors = anchors.unwrap_or_else(Anchors::builtin);
        let chain: &[&[u8]] = if chain.is_empty() { &[] } else { &[chain] };
        let crls: &[&[u8]] = if crl.is_empty() { &[] } else { &[crl] };
        let vek = (!vek.is_empty()).then_some(vek);
        let Ok(endorsement) = Endorsement::read(vek, chain, crls, &anchors) else {
            return false;
        };
        let proof = endorsement.prove();
        let input = SnpInput {
            report,
            proof: &proof,
            limits: &limits,
            expected: &ExpectedData::Unbound,
            references: None,
            seen: None,
            now: NOW,
        };
        let judgement = judge(&input);
        assert_eq!(judge(&input), judgement);
        let claims = serde_json::to_value(SnpClaims::of(report, &proof));
        assert!(claims.is_ok_and(|claims| claims.is_object()));
        judged::is_whole(&judgement)
    })
}

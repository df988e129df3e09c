//! TPM quotes with all that comes along.

use crate::{Bound, Target, judged, parts};
use attestation_tpm::{
    AkTrust, AttestationKey, ExpectedNonce, PcrTable, QuoteSignature, TeeReport, TpmEvidence,
    TpmInput, TpmLimits, judge,
};

/// Any bytes are judged, by every check, the same way each time, whatever makes the key believable.
///
/// The input is six files: quote, signature, key, PCRs, HCL report, event log. The key is trusted, or the report in
/// the HCL report is.
pub const TPM: Target = Target {
    name: "tpm",
    // As HCL reports and event logs, which are both in it.
    bound: Bound {
        factor: 96,
        constant: 192 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

const LIMITS: &str = r#"{"allow_without_tee": true, "min_rsa_bits": 2048, "banks": ["sha256", "sha384"],
    "quoted_pcrs": [], "pcrs": {}, "require_event_log": false, "unlogged_pcrs": [], "require_safe_clock": false,
    "require_secure_boot": false, "allow_console": true}"#;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [quote, signature, key, pcrs, hcl, log] = parts::parts(bytes);
    let limits: TpmLimits = serde_json::from_str(LIMITS).expect("a test reads the limits");
    bound.holds(bytes, || {
        let pcrs = PcrTable::from_json(pcrs).unwrap_or_default();
        let evidence = TpmEvidence {
            quote,
            signature: match signature.first() {
                Some(0) => QuoteSignature::Tagged(signature),
                _ => QuoteSignature::Bare(signature),
            },
            pcrs: &pcrs,
            sent_ak: None,
            hcl_report: (!hcl.is_empty()).then_some(hcl),
            event_log: (!log.is_empty()).then_some(log),
        };
        let report = hcl.get(32..).and_then(<[u8]>::first_chunk);
        let named = AttestationKey::read(key).ok();
        let trusts = [
            report.map(|report| AkTrust::Tee(TeeReport::Snp(report))),
            named.as_ref().map(AkTrust::Named),
        ];
        let accepted = trusts.into_iter().flatten().map(|trust| {
            let input = TpmInput {
                evidence,
                trust,
                expected: &ExpectedNonce::Unbound,
                reference: None,
                limits: &limits,
            };
            let judgement = judge(&input);
            assert_eq!(judge(&input), judgement);
            judged::is_whole(&judgement)
        });
        accepted.filter(|accepted| *accepted).count() > 0
    })
}

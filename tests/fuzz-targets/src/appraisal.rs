//! Reports, certificates and manifests, as a guest sends them.

use crate::{Bound, Target, parts};
use attestation_evidence::encoding::FormatVersion;
use attestation_evidence::{CertChain, Nonce, RuntimeData, SimulatedEvidence, Tee, TeePublicKey};
use attestation_verify::{
    AppraisalInput, Check, CheckResult, IssuedSession, NonceState, Policy, ReferenceValue, Session,
    SimulatedTrust, appraise,
};
use measured_boot_snp_abi::{AttestationReport, Signature};

/// Every check is made once, an accepted verdict is one in which all passed, and the same evidence gets
/// the same verdict.
///
/// The input is five parts, each after its length in two bytes: report, VCEK, ASK, ARK, manifest. The
/// root is trusted, the nonce is bound and the digest is accepted, so that nothing but the parts
/// themselves can be refused.
pub const APPRAISAL: Target = Target {
    name: "appraisal",
    // Evidence is base64 in JSON, which is decoded; certificates are taken apart into names and
    // extensions; a verdict has a sentence for each check.
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

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [report, vcek, ask, ark, manifest] = parts::parts(bytes);
    read_report(report);
    let chain = CertChain {
        vcek: vcek.to_vec(),
        ask: ask.to_vec(),
        ark: ark.to_vec(),
    };
    let input = input(report, chain, manifest);
    let verdict = bound.holds(bytes, || appraise(&input));
    let names: Vec<Check> = verdict.checks().iter().map(|check| check.name).collect();
    assert_eq!(names, Check::ALL);
    let all_passed = verdict
        .checks()
        .iter()
        .all(|check| check.result == CheckResult::Pass);
    assert_eq!(appraise(&input), verdict);
    assert_eq!(verdict.accepted().is_ok(), all_passed);
    all_passed
}

fn read_report(bytes: &[u8]) {
    let Some(report) = AttestationReport::from_untrusted(bytes) else {
        return;
    };
    assert!(bytes.starts_with(report.signed_bytes()));
    if let Some(numbers) = report.signature.to_big_endian() {
        let (r, s) = numbers.split_at(48);
        let [r, s] = [r, s].map(|number| number.try_into().expect("half of 96 bytes"));
        let again = Signature::from_big_endian(&r, &s);
        assert_eq!(again.to_big_endian(), Some(numbers));
    }
}

fn input(report: &[u8], cert_chain: CertChain, manifest: &[u8]) -> AppraisalInput {
    let nonce = Nonce::from_bytes([4; 32]);
    let tee_pubkey = TeePublicKey::from_coordinates([2; 32], [3; 32]);
    let launch_digest = report
        .get(0x90..0xC0)
        .and_then(|place| place.try_into().ok());
    let ark = cert_chain.ark.clone();
    let evidence = SimulatedEvidence {
        attestation_report: report.to_vec(),
        cert_chain,
        manifest: (!manifest.is_empty()).then(|| manifest.to_vec()),
    };
    AppraisalInput {
        tee: Tee::Simulated,
        primary_evidence: evidence.to_json(),
        additional_evidence: String::new(),
        session: Session::Issued(IssuedSession {
            nonce,
            state: NonceState::Fresh,
            expires_at: NOW + 300,
        }),
        runtime_data: RuntimeData { nonce, tee_pubkey },
        simulated: SimulatedTrust::Allowed { ark },
        policy: policy(),
        references: vec![reference(launch_digest.unwrap_or([1; 48]))],
        now: NOW,
    }
}

fn policy() -> Policy {
    Policy {
        version: FormatVersion,
        name: "fuzz".to_owned(),
        accept_tee: vec![Tee::Simulated],
        allow_debug: false,
        allow_migration: false,
        allow_smt: true,
        max_vmpl: 0,
    }
}

fn reference(launch_digest: [u8; 48]) -> ReferenceValue {
    ReferenceValue {
        version: FormatVersion,
        name: "fuzz".to_owned(),
        tee: Tee::Simulated,
        launch_digest,
        manifest: None,
        not_before: NOW,
        not_after: NOW,
    }
}

//! Reports, certificates and manifests, as a guest sends them.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::{Bound, Target, parts};
use attestation_appraisal::Policy;
use attestation_evidence::encoding::FormatVersion;
use attestation_evidence::{CertChain, Nonce, RuntimeData, SimulatedEvidence, Tee, TeePublicKey};
use attestation_judge::{
    Attempt, Case, Collateral, Exchange, Freshness, IssuedSession, NonceState, Protocol,
    ReferenceValue, References, Session, SimulatedTrust, Source, Trust, judge,
};
use attestation_verdict::CheckResult;
use measured_boot_snp_abi::{AttestationReport, Signature};

/// No check is made twice, an accepted verdict is one in which all passed, and the same evidence gets
/// the same verdict.
///
/// The input is five parts, each after its length in two bytes: report, VCEK, ASK, ARK, manifest. The
/// root is trusted, the nonce is bound and the digest is accepted, so that nothing but the parts
/// themselves can be refused.
pub const APPRAISAL: Target = Target {
    name: "appraisal",
    // Evidence is base64 in JSON, which is decoded; certificates are taken apart into names and
    // extensions; a verdict has a sentence for each check, and goes through the policy's engine, which
    // has the whole policy with it.
    bound: Bound {
        factor: 128,
        constant: 8 << 20,
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
    let case = case(report, chain, manifest);
    let verdict = bound.holds(bytes, || judge(&case));
    let checks = verdict.record().checks;
    let names: BTreeSet<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names.len(), checks.len());
    let all_passed = checks.iter().all(|check| check.result == CheckResult::Pass);
    assert_eq!(judge(&case).document(), verdict.document());
    assert_eq!(verdict.is_accepted(), all_passed);
    assert_eq!(verdict.accepted().is_some(), all_passed);
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

fn case(report: &[u8], cert_chain: CertChain, manifest: &[u8]) -> Case {
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
    let session = Session::Issued(IssuedSession {
        nonce,
        state: NonceState::Fresh,
        expires_at: NOW + 300,
    });
    Case {
        tee: Tee::Simulated,
        evidence: evidence.to_json(),
        exchange: Exchange {
            additional_evidence: String::new(),
            init_data: None,
            freshness: Freshness::Session(Attempt {
                session,
                runtime_data: RuntimeData { nonce, tee_pubkey },
                protocol: Protocol::Kbs,
            }),
        },
        trust: Trust {
            simulated: SimulatedTrust::Allowed { ark },
            ..Trust::default()
        },
        collateral: Collateral::default(),
        seen: None,
        policy: Arc::clone(&POLICY),
        references: Arc::new(References::new([reference(
            launch_digest.unwrap_or([1; 48]),
        )])),
        now: NOW,
    }
}

static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let text = include_str!("../../../policies/appraisal/simulated.rego");
    Arc::new(Policy::from_rego(text).expect("the shipped policies are tested"))
});

fn reference(launch_digest: [u8; 48]) -> ReferenceValue {
    ReferenceValue {
        version: FormatVersion,
        name: "fuzz".to_owned(),
        tee: Tee::Simulated,
        launch_digest: Some(launch_digest),
        rtmrs: [None; 4],
        min_svn: None,
        not_before: NOW,
        not_after: NOW,
        revoked: None,
        source: Source::Plain,
        manifest: None,
    }
}

//! Verdicts on every TEE's evidence replay, under the auditor's own anchors.

use std::path::Path;
use std::sync::Arc;

use attestation_audit::FindingCode;
use attestation_evidence::{
    Nonce, RuntimeData, SampleEvidence, Tee, TeePublicKey, report_data_binding,
};
use attestation_judge::test_support::{NOW, init_data, parsed, reference, session};
use attestation_judge::{
    Attempt, Case, Collateral, Exchange, Expected, Freshness, Protocol, References, SampleTrust,
    Trust, VendorRoot, judge,
};
use attestation_ledger::Outcome;
use attestation_ledger::RecordedVerdict;
use attestation_snp::Product;
use attestation_snp::test_support::{Scene as Chip, offset};

use crate::world::{World, codes};

const STRICT: &str = include_str!("../../../../policies/appraisal/strict.rego");
const SAMPLE: &str = include_str!("../../../../policies/appraisal/sample.rego");

fn attempt(nonce: u8) -> Attempt {
    let nonce = Nonce::from_bytes([nonce; 32]);
    Attempt {
        session: session(nonce),
        runtime_data: RuntimeData {
            nonce,
            tee_pubkey: TeePublicKey::from_coordinates([2; 32], [3; 32]),
        },
        protocol: Protocol::Kbs,
    }
}

fn case(tee: Tee, evidence: String, freshness: Freshness, policy: &str, now: u64) -> Case {
    Case {
        tee,
        evidence,
        exchange: Exchange {
            additional_evidence: String::new(),
            init_data: None,
            freshness,
        },
        trust: Trust::default(),
        collateral: Collateral::default(),
        seen: None,
        policy: parsed(policy),
        references: Arc::new(References::default()),
        now,
    }
}

/// A guest on a made chip, whose root the verifier was given in AMD's place.
fn on_a_made_chip() -> (Case, Vec<u8>) {
    started_with([0; 32])
}

/// The same, started with this HOST_DATA.
fn started_with(host_data: [u8; 32]) -> (Case, Vec<u8>) {
    let mut chip = Chip::new(Product::Genoa);
    chip.report[0xC0..0xE0].copy_from_slice(&host_data);
    let attempt = attempt(4);
    let bound = report_data_binding(&attempt.runtime_data, "");
    chip.report[offset::REPORT_DATA..offset::REPORT_DATA + 64].copy_from_slice(&bound);
    chip.chip.sign(&mut chip.report);
    let evidence = hex(chip.report.as_slice());
    let mut case = case(Tee::Snp, evidence, Freshness::Session(attempt), STRICT, NOW);
    let digest = chip.report[0x90..0xC0].try_into().expect("48 bytes");
    let mut value = reference(digest);
    value.tee = Tee::Snp;
    case.references = Arc::new(References::new([value]));
    case.collateral.vek = chip.vek.clone();
    case.collateral.chain = chip.chain.clone();
    case.collateral.crls = vec![chip.chip.crl(true, 1, &[])];
    case.seen = Some(attestation_certificates::Seen::default());
    let root = chip.chip.ark.clone();
    case.trust.amd = VendorRoot::Named(root.clone());
    (case, root)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A log in which all that the case is judged by was registered before its verdict.
fn logged(session: Option<&str>, case: &Case, falsify: impl FnOnce(&mut RecordedVerdict)) -> World {
    let mut world = World::empty();
    world.now = case.now.saturating_sub(9);
    world.register_policy(case.policy.source());
    for value in case.references.values() {
        world.register_reference(value);
    }
    world.now = case.now;
    world.judge_falsely(session, case, falsify);
    world
}

#[test]
fn verdict_on_an_snp_report_replays_under_the_root_that_the_auditor_was_given_alone() {
    let (case, root) = on_a_made_chip();
    assert!(
        judge(&case).accepted().is_some(),
        "{:?}",
        judge(&case).record().rejections
    );
    let world = logged(Some("s"), &case, |_| ());
    let files = world.bundle();
    let report = world.judge_with(&files, false, &[&root]).expect("whole");
    assert_eq!(codes(&report), []);
    assert!(!report.simulated && report.vendor_roots.len() == 1);
    assert_eq!(report.verdicts[0].outcome, Outcome::Accepted);
    let none = world.judge(&files).expect("whole");
    assert_eq!(codes(&none), [FindingCode::VendorRootNotGiven]);
}

#[test]
fn verdict_on_an_snp_report_that_names_other_collateral_is_found() {
    let (case, root) = on_a_made_chip();
    type Falsify = fn(&mut RecordedVerdict);
    let lies: [(Falsify, FindingCode); 4] = [
        (
            |record| drop(record.input.collateral.remove(0)),
            FindingCode::VerdictDiffers,
        ),
        (
            |record| record.input.collateral.swap(0, 1),
            FindingCode::VerdictDiffers,
        ),
        (
            |record| {
                record
                    .input
                    .collateral
                    .push(record.input.collateral[0].clone())
            },
            FindingCode::BlobUnreadable,
        ),
        (
            |record| record.input.seen = None,
            FindingCode::VerdictDiffers,
        ),
    ];
    for (place, (falsify, code)) in lies.into_iter().enumerate() {
        let world = logged(Some("s"), &case, falsify);
        let report = world.judge_with(&world.bundle(), false, &[&root]);
        assert_eq!(codes(&report.expect("whole")), [code], "{place}");
    }
}

#[test]
fn verdict_with_init_data_replays_and_one_that_passed_over_other_init_data_is_found() {
    let (sent, host_data) = init_data("a = \"b\"");
    let (mut case, root) = started_with(host_data);
    case.exchange.init_data = Some(sent);
    assert!(judge(&case).accepted().is_some());
    let world = logged(Some("s"), &case, |_| ());
    let report = world.judge_with(&world.bundle(), false, &[&root]);
    let report = report.expect("whole");
    assert_eq!(codes(&report), []);
    assert_eq!(report.verdicts[0].outcome, Outcome::Accepted);

    case.exchange.init_data = Some(init_data("a = \"c\"").0);
    assert!(judge(&case).accepted().is_none());
    let honest = logged(Some("s"), &case, |_| ());
    let report = honest.judge_with(&honest.bundle(), false, &[&root]);
    assert_eq!(codes(&report.expect("whole")), []);
    let lie = logged(Some("s"), &case, |record| {
        record.outcome = Outcome::Accepted;
        record.rejections.clear();
    });
    let report = lie.judge_with(&lie.bundle(), false, &[&root]);
    assert_eq!(
        codes(&report.expect("whole")),
        [FindingCode::VerdictDiffers]
    );
}

#[test]
fn verdict_on_a_sample_replays_only_where_the_auditor_allows_samples() {
    let attempt = attempt(5);
    let bound = report_data_binding(&attempt.runtime_data, "");
    let evidence = SampleEvidence {
        report_data: bound[..48].to_vec(),
        svn: "1".to_owned(),
    };
    let freshness = Freshness::Session(attempt);
    let mut case = case(Tee::Sample, evidence.to_json(), freshness, SAMPLE, NOW);
    case.trust.sample = SampleTrust::Allowed;
    let mut value = reference([0; 48]);
    (value.tee, value.launch_digest) = (Tee::Sample, None);
    case.references = Arc::new(References::new([value]));
    let world = logged(Some("s"), &case, |_| ());
    let files = world.bundle();
    let allowed = world.judge_with(&files, true, &[]);
    let allowed = allowed.expect("whole");
    assert_eq!(codes(&allowed), []);
    assert!(allowed.simulated && allowed.verdicts[0].simulated);
    assert_eq!(allowed.verdicts[0].outcome, Outcome::Accepted);
    let refused = world.judge(&files).expect("whole");
    assert_eq!(codes(&refused), [FindingCode::SampleNotAllowed]);
}

#[test]
fn release_on_the_verdict_of_a_sample_is_agreed_with_and_none_on_a_lower_version() {
    for (least, findings) in [(1, vec![]), (2, vec![FindingCode::ReleaseUnfounded])] {
        let attempt = attempt(5);
        let bound = report_data_binding(&attempt.runtime_data, "");
        let evidence = SampleEvidence {
            report_data: bound.to_vec(),
            svn: "1".to_owned(),
        };
        let freshness = Freshness::Session(attempt);
        let mut case = case(Tee::Sample, evidence.to_json(), freshness, SAMPLE, NOW);
        case.trust.sample = SampleTrust::Allowed;
        let mut value = reference([0; 48]);
        (value.tee, value.launch_digest) = (Tee::Sample, None);
        case.references = Arc::new(References::new([value.clone()]));
        let mut world = logged(Some("s"), &case, |_| ());
        world.register_secret(1, "sample", &["demo"]);
        value.min_svn = Some(least);
        world.register_reference(&value);
        world.release_falsely("s", 2, |release| release.tee = "sample".to_owned());
        let report = world.judge_with(&world.bundle(), true, &[]);
        assert_eq!(codes(&report.expect("whole")), findings);
    }
}

#[test]
fn verdict_for_a_relying_party_replays_and_releases_nothing() {
    let (mut case, root) = on_a_made_chip();
    case.exchange.freshness = Freshness::Caller(Expected(case.exchange.expected()));
    let mut world = logged(None, &case, |_| ());
    let audit = |world: &World| {
        let report = world.judge_with(&world.bundle(), false, &[&root]);
        report.expect("whole")
    };
    let report = audit(&world);
    assert_eq!(codes(&report), []);
    assert_eq!(
        (report.counts.accepted, report.verdicts[0].session.clone()),
        (1, None)
    );
    world.register_secret(1, "strict", &["demo"]);
    world.release_falsely("s", 2, |release| {
        (release.tee, release.simulated) = ("snp".to_owned(), false);
    });
    assert_eq!(codes(&audit(&world)), [FindingCode::ReleaseUnfounded]);
}

#[test]
fn verdicts_on_real_evidence_replay() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let read = |name: &str| {
        let path = vectors.join(name);
        let bytes = std::fs::read(&path);
        if bytes.is_err() {
            println!("skipped: {} is not there", path.display());
        }
        bytes.ok()
    };
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|error| hex(error.as_bytes()));
    let trustee = "trustee/deps/verifier/test_data/";
    let (in_2026, in_2025) = (1_767_225_600, 1_750_336_500);
    for (tee, evidence, document, now) in [
        (
            Tee::Snp,
            "virtee-sev/tests/certs_data/report_milan.hex".to_owned(),
            Some("virtee-sev/tests/certs_data/vcek_milan.der"),
            in_2026,
        ),
        (
            Tee::AzSnpVtpm,
            format!("{trustee}az-snp-vtpm/evidence-v2.json"),
            None,
            in_2026,
        ),
        (
            Tee::Tdx,
            "dcap-qvl-0.7.1/sample/tdx_quote".to_owned(),
            Some("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json"),
            in_2025,
        ),
        (
            Tee::AzTdxVtpm,
            format!("{trustee}az-tdx-vtpm/evidence-v1.json"),
            Some("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json"),
            in_2025,
        ),
    ] {
        let Some(evidence) = read(&evidence) else {
            continue;
        };
        let document = document.map(read);
        let freshness = Freshness::Session(attempt(6));
        let mut case = case(tee, text(evidence), freshness, STRICT, now);
        match (tee, document) {
            (_, Some(None)) => continue,
            (Tee::Snp, document) => case.collateral.vek = document.flatten(),
            (_, document) => case.collateral.tdx = document.flatten(),
        }
        // Nobody's session: refused, and the refusal replays check by check.
        let world = logged(Some("s"), &case, |_| ());
        let report = world.audit();
        assert_eq!(codes(&report), [], "{tee}");
        assert_eq!(report.verdicts[0].outcome, Outcome::Refused);
    }
}

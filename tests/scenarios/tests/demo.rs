//! The demo, as a test.

use std::path::{Path, PathBuf};

use attestation_ledger::AuditRecord;
use tests_lab::{Backend, missing};
use tests_scenarios::demo;
use tests_scenarios::evidence::Bundle;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("two folders deep")
        .to_owned()
}

/// Why no guest can run here.
fn no_machine() -> Option<String> {
    Some(format!(
        "{}; {}",
        missing(Backend::Kvm)?,
        missing(Backend::Lab)?
    ))
}

#[test]
fn demo_walks_from_image_to_audit_and_refuses_ten_attacks() {
    if let Some(reason) = no_machine() {
        return println!("skipped: {reason}");
    }
    let folder = root().join("target/demo-test");
    let summary = demo::run(&root(), &folder, None).unwrap_or_else(|error| panic!("{error:#}"));

    assert_eq!(summary.tee, "simulated");
    assert_eq!(summary.launch_digest_predicted.len(), 96);
    assert_eq!(
        summary.launch_digest_predicted,
        summary.launch_digest_reported
    );
    assert_eq!(
        summary.file_sha256_put_in,
        summary.file_sha256_seen_by_guest
    );
    assert_eq!(summary.auditor_verdict, "agrees");
    let cases: Vec<(&str, &str)> = summary
        .tamper
        .iter()
        .map(|tamper| (tamper.case.as_str(), tamper.refused_by.as_str()))
        .collect();
    assert_eq!(
        cases,
        [
            ("changed command line", "verifier"),
            ("changed initrd", "verifier"),
            ("changed kernel", "verifier"),
            ("one more vCPU", "verifier"),
            ("debug policy bit", "verifier"),
            ("replayed report", "verifier"),
            ("report of another key", "verifier"),
            ("nonce of another session", "verifier"),
            ("impostor verifier", "agent"),
            ("no --allow-simulated", "verifier"),
        ]
    );
    let mut reasons: Vec<&str> = summary
        .tamper
        .iter()
        .map(|tamper| tamper.reason.as_str())
        .collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(
        reasons.len(),
        10,
        "each is refused for a reason of its own: {reasons:#?}"
    );
    assert!(
        summary
            .tamper
            .iter()
            .all(|tamper| tamper.verdict == "refused" && !tamper.secret_released)
    );
    assert!(
        entries_say_simulated(&folder),
        "every verdict and release in the bundle names its TEE as simulated"
    );
    let written = std::fs::read_to_string(folder.join("summary.json")).unwrap();
    let written: tests_scenarios::summary::Summary = serde_json::from_str(&written).unwrap();
    assert_eq!(written, summary);
}

fn entries_say_simulated(folder: &Path) -> bool {
    let pins = std::fs::read(folder.join("verifier/verifier-pins.json")).expect("the demo's pins");
    let pins = attestation_evidence::VerifierPins::from_json(&pins).expect("pins");
    let bundle = Bundle::read(&folder.join("bundle"), &pins.log_key).expect("the demo's bundle");
    bundle.entries().iter().all(|entry| match entry.record() {
        AuditRecord::Verdict(verdict) => verdict.simulated && verdict.tee == "simulated",
        AuditRecord::Release(release) => release.simulated && release.tee == "simulated",
        AuditRecord::Registered(_) => true,
    })
}

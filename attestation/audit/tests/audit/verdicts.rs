//! A false verdict, freshly logged and validly signed, is found by appraising its evidence again.

use attestation_audit::AuditReport;
use attestation_audit::FindingCode;
use attestation_judge::SimulatedTrust;
use attestation_judge::test_support::{Input, SimulatedTee, reference};
use attestation_ledger::{Digest, Outcome};
use attestation_ledger::{RecordedDocument, RecordedVerdict};

use crate::world::{LAUNCH_DIGEST, World, codes};

/// Records a verdict over `input`, falsified, and says what the auditor finds.
fn found(
    input: impl FnOnce(&World) -> Input,
    falsify: impl FnOnce(&mut RecordedVerdict),
) -> AuditReport {
    let mut world = World::ready();
    let input = input(&world);
    world.attest_falsely("s", &input, falsify);
    world.audit()
}

fn good(world: &World) -> Input {
    world.input(1)
}

fn bad(world: &World) -> Input {
    world.launch([9; 48], 1)
}

#[test]
fn acceptance_of_evidence_that_replays_to_a_refusal_is_found() {
    let honest = found(good, |_| ()).verdicts;
    assert_eq!(honest[0].outcome, Outcome::Accepted);
    let mut template = None;
    found(good, |record| template = Some(record.clone()));
    let template = template.expect("recorded");
    let report = found(bad, |record| {
        let input = record.input.clone();
        let recipient = record.recipient.clone();
        let document = record.document;
        // All that an acceptance looks like, over the evidence of another launch.
        *record = RecordedVerdict {
            input,
            recipient,
            document,
            ..template
        };
    });
    assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
    assert!(!report.verdicts[0].replay_agrees);
    assert!(
        report.findings[0].text.contains("`refused`"),
        "{}",
        report.findings[0].text
    );
}

#[test]
fn acceptance_by_the_outcome_alone_is_found() {
    let report = found(bad, |record| record.outcome = Outcome::Accepted);
    assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
    assert!(report.findings[0].text.ends_with("differ in: outcome"));
}

#[test]
fn refusal_of_evidence_that_replays_to_an_acceptance_is_found() {
    let report = found(good, |record| record.outcome = Outcome::Refused);
    assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
}

#[test]
fn every_member_of_a_verdict_is_compared() {
    type Falsify = fn(&mut RecordedVerdict);
    let members: [(&str, Falsify); 10] = [
        ("simulated", |record| record.simulated = false),
        ("recipient", |record| {
            record.recipient = Some("another".to_owned())
        }),
        ("recipient", |record| record.recipient = None),
        ("reference", |record| record.reference = None),
        ("launch", |record| {
            let launch = record.launch.as_mut().expect("it was read");
            launch.digest = Some("00".repeat(48));
        }),
        ("launch", |record| {
            record.launch.as_mut().expect("it was read").svn = Some(9);
        }),
        ("launch", |record| record.launch = None),
        ("policy", |record| record.policy.name.push('!')),
        ("rejections", |record| record.rejections.clear()),
        ("input", |record| record.input.roots.simulated = None),
    ];
    for (member, falsify) in members {
        let input = if member == "rejections" { bad } else { good };
        let report = found(input, falsify);
        let found = codes(&report);
        // A policy of another name is none that was registered, either; without its root the evidence is refused.
        assert!(found.contains(&FindingCode::VerdictDiffers), "{member}");
        assert!(
            found.len() == 1 || member == "policy",
            "{member}: {found:?}"
        );
        let texts: Vec<_> = report.findings.iter().map(|one| &one.text).collect();
        let named = texts
            .iter()
            .any(|text| text.contains("differ in: ") && text.contains(member));
        assert!(named || member == "input", "{texts:?}");
    }
}

/// The document has every check: each that is not as it was found is named.
#[test]
fn every_check_of_a_verdicts_document_is_compared() {
    let checks = [("nonce", 1), ("binding", 7), ("tee_allowed", 0)];
    for (name, place) in checks {
        let mut world = World::ready();
        let input = world.input(1);
        let verdict = input.verdict();
        let mut document: serde_json::Value =
            serde_json::from_str(&verdict.document()).expect("JSON");
        assert_eq!(document["checks"][place]["name"], name);
        document["checks"][place]["reason"] = "all is well".into();
        let lie = document.to_string().into_bytes();
        let digest = Digest::of(&lie);
        world.attest_falsely("s", &input, |record| record.document = digest);
        world.blobs.push(lie);
        let report = world.audit();
        assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
        let text = &report.findings[0].text;
        assert!(
            text.ends_with(&format!("differ in: check {name}")),
            "{text}"
        );
    }
}

#[test]
fn verdict_dated_when_the_evidence_was_not_good_is_found() {
    // The nonce and the reference value are good at the one time and not at the other.
    let report = found(good, |record| record.time += 7200);
    assert!(codes(&report).contains(&FindingCode::VerdictDiffers));
}

#[test]
fn verdict_is_replayed_as_of_its_time_not_of_today() {
    let mut world = World::ready();
    let mut input = world.input(1);
    // A reference value that is good for this very second and never again.
    input.references = vec![reference(LAUNCH_DIGEST)];
    input.references[0].not_before = input.now;
    input.references[0].not_after = input.now;
    world.register_reference(&input.references[0]);
    world.attest("s", &input);
    let report = world.audit();
    assert_eq!(codes(&report), []);
    assert_eq!(report.verdicts[0].outcome, Outcome::Accepted);
}

#[test]
fn verdict_of_a_verifier_that_refuses_simulated_evidence_replays_without_a_root() {
    let mut world = World::ready();
    let mut input = world.input(1);
    input.trust.simulated = SimulatedTrust::Refused;
    world.attest("s", &input);
    let report = world.judge_under(&[]);
    assert_eq!(codes(&report), []);
    assert_eq!(report.verdicts[0].outcome, Outcome::Refused);
}

#[test]
fn verdict_under_another_root_than_the_auditors_is_found() {
    let world = World::busy();
    let other = SimulatedTee::generate();
    let judged = |simulated_roots: &[&[u8]]| codes(&world.judge_under(simulated_roots));
    assert_eq!(judged(&[world.tee.ark()]), []);
    assert_eq!(judged(&[other.ark()]), [FindingCode::OtherRoot; 3]);
    assert_eq!(judged(&[]), [FindingCode::RootNotGiven; 3]);
}

/// The operator renews the TEE's root: the log goes on, and needs both.
#[test]
fn log_over_two_simulated_roots_is_agreed_with_under_both_and_under_neither_alone() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("before", &input);
    let earlier = std::mem::replace(&mut world.tee, SimulatedTee::generate());
    let input = world.input(2);
    world.attest("after", &input);
    let judged = |simulated_roots: &[&[u8]]| world.judge_under(simulated_roots);
    let (old, new) = (earlier.ark(), world.tee.ark());

    let report = judged(&[new, old]);

    assert_eq!(codes(&report), []);
    assert_eq!(report.counts.accepted, 2);
    assert_eq!(report.simulated_roots, [Digest::of(new), Digest::of(old)]);
    let other = [FindingCode::OtherRoot];
    assert_eq!(
        (codes(&judged(&[old])), codes(&judged(&[new]))),
        (other.to_vec(), other.to_vec())
    );
}

/// Both are trusted, each for what it is named for: evidence of one is not good under the other's name.
#[test]
fn verdict_that_names_another_given_root_than_its_evidences_is_found() {
    let mut world = World::ready();
    let honest = std::mem::replace(&mut world.tee, SimulatedTee::generate());
    let input = world.input(1);
    world.attest_falsely("s", &input, |record| {
        record.input.roots.simulated = Some(Digest::of(honest.ark()))
    });
    let report = world.judge_under(&[honest.ark(), world.tee.ark()]);
    assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
}

#[test]
fn verdict_that_lies_about_the_verifiers_root_is_found() {
    // The service accepted an impostor's evidence under the impostor's root, and claims the real one.
    let mut world = World::ready();
    let honest_root = Digest::of(world.tee.ark());
    let real = std::mem::replace(&mut world.tee, SimulatedTee::generate());
    let input = world.input(1);
    world.attest_falsely("s", &input, |record| {
        record.input.roots.simulated = Some(honest_root)
    });
    world.tee = real;
    let report = world.audit();
    assert_eq!(codes(&report), [FindingCode::VerdictDiffers]);
    assert!(report.findings[0].text.contains("certificate_chain"));
}

#[test]
fn verdict_of_other_rules_is_not_replayed_by_these() {
    let report = found(good, |record| {
        record.ruleset = "cloister-appraisal/0".to_owned()
    });
    assert_eq!(codes(&report), [FindingCode::OtherRuleset]);
    assert!(!report.verdicts[0].replay_agrees);
}

#[test]
fn verdict_over_blobs_of_another_role_is_found() {
    type Falsify = fn(&mut RecordedVerdict);
    let swaps: [Falsify; 6] = [
        |record| record.input.seen = Some(record.input.exchange),
        |record| {
            record.input.collateral.push(RecordedDocument {
                role: "gospel".to_owned(),
                digest: record.input.exchange,
            });
        },
        |record| record.input.exchange = record.input.evidence,
        |record| record.policy.digest = record.input.exchange,
        |record| record.input.references = vec![record.input.exchange],
        |record| record.tee = "sgx".to_owned(),
    ];
    for falsify in swaps {
        let report = found(good, falsify);
        assert!(codes(&report).contains(&FindingCode::BlobUnreadable));
    }
}

#[test]
fn evidence_that_is_not_text_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    let garbage = vec![0xff, 0xfe];
    let digest = Digest::of(&garbage);
    let old = Digest::of(input.primary_evidence.as_bytes());
    world.attest_falsely("s", &input, |record| record.input.evidence = digest);
    world.blobs.retain(|blob| Digest::of(blob) != old);
    world.blobs.push(garbage);
    assert_eq!(world.findings(), [FindingCode::BlobUnreadable]);
}

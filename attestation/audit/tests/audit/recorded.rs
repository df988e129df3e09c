//! What is recorded is enough: every verdict comes out the same from it, though the host's manifest is
//! kept only where a check looked at it.

use attestation_audit::FindingCode;
use attestation_audit::MAX_EVIDENCE_BYTES;
use attestation_evidence::{Nonce, SimulatedEvidence, Tee, TeePublicKey};
use attestation_judge::test_support::launch::{Component, GENUINE, launch, manifest, reference_of};
use attestation_judge::test_support::{
    ChainParams, NOW, Scene, SimulatedTee, init_data, offset, policy_with, session,
};
use attestation_judge::{IssuedSession, NonceState, Revocation, Session, SimulatedTrust};
use attestation_ledger::Digest;
use attestation_ledger::{AuditRecord, RecordedVerdict};

use crate::world::{World, received};

const CHANGED: [Component; 4] = [("cmdline", 9), ("kernel", 2), ("initrd", 3), ("vcpu0", 4)];

/// What a host may put beside evidence as its manifest: none, nonsense, one of another launch, the
/// true one, and the true one with a name of its own.
fn manifests(components: &[Component]) -> [Option<Vec<u8>>; 5] {
    let mut renamed = components.to_vec();
    renamed[0].0 = "all-is-well";
    [
        None,
        Some(b"nonsense".to_vec()),
        Some(manifest(&[("kernel", 7)])),
        Some(manifest(components)),
        Some(manifest(&renamed)),
    ]
}

/// Everything that refuses evidence, each done to evidence that is otherwise good.
fn spoilers() -> Vec<fn(Scene) -> Scene> {
    vec![
        |scene| scene,
        |scene| scene.with_input(|input| input.trust.simulated = SimulatedTrust::Refused),
        |scene| {
            scene.with_input(|input| {
                input.policy = policy_with("limits := {\"simulated\": simulated}", "limits := {}");
            })
        },
        |scene| scene.with_input(|input| input.tee = Tee::Sample),
        |scene| scene.with_input(|input| input.init_data = Some("{}".to_owned())),
        |scene| scene.with_input(|input| input.init_data = Some(init_data("a = \"b\"").0)),
        |scene| {
            let (sent, host_data) = init_data("a = \"b\"");
            let scene = scene.with_report(|it| it[0xC0..0xE0].copy_from_slice(&host_data));
            scene.with_input(|input| input.init_data = Some(sent))
        },
        |scene| scene.with_input(|input| input.references[0].min_svn = Some(1)),
        |scene| {
            scene.with_input(|input| {
                input.references[0].revoked = Some(Revocation {
                    at: NOW,
                    reason: "withdrawn".to_owned(),
                });
            })
        },
        |scene| scene.with_input(|input| input.tee = Tee::Snp),
        |scene| scene.with_input(|input| input.session = Session::Unknown),
        |scene| {
            scene.with_input(|input| {
                input.session = Session::Issued(IssuedSession {
                    nonce: input.runtime_data.nonce,
                    state: NonceState::Burned,
                    expires_at: NOW + 300,
                });
            })
        },
        |scene| scene.with_input(|input| input.now += 300),
        |scene| scene.with_input(|input| input.session = session(Nonce::from_bytes([9; 32]))),
        |scene| scene.with_input(|input| input.additional_evidence = "[]".to_owned()),
        |scene| scene.with_input(|input| input.primary_evidence.push('!')),
        |scene| scene.with_input(|input| input.primary_evidence.insert(1, '\n')),
        |scene| scene.with_evidence(|evidence| evidence.attestation_report.truncate(9)),
        |scene| scene.with_report(|report| report[offset::VERSION] = 4),
        |scene| scene.with_report(|report| report[offset::SIGNATURE_ALGO] = 2),
        |scene| scene.with_report(|report| report[0x04C] = 1),
        |scene| {
            scene.with_input(|input| {
                input.runtime_data.tee_pubkey = TeePublicKey::from_coordinates([6; 32], [7; 32]);
            })
        },
        |scene| scene.with_evidence(|evidence| evidence.cert_chain.ask.push(0)),
        |mut scene| {
            // The verifier, and so the auditor, was given another root.
            scene.tee = SimulatedTee::generate();
            let ark = scene.tee.ark().to_vec();
            scene.with_input(|input| input.trust.simulated = SimulatedTrust::Allowed { ark })
        },
        |scene| {
            let tee = ChainParams::default().into_tee_with_p256_vcek();
            let chain = tee.chain().clone();
            scene.with_evidence(|evidence| evidence.cert_chain = chain)
        },
        |scene| scene.with_input(|input| input.now = 1_000),
        |scene| scene.with_input(|input| input.now = 4_000_000_000),
        |scene| scene.with_report(|report| report[offset::KEY_INFO] = 1 << 2),
        |scene| scene.with_evidence(|evidence| evidence.attestation_report[0x2A0 + 60] = 1),
        |scene| scene.with_evidence(|evidence| evidence.attestation_report[offset::HOST_DATA] ^= 1),
        |scene| scene.with_report(|report| report[offset::POLICY + 2] |= 0b1100),
        |scene| scene.with_report(|report| report[offset::POLICY + 2] = 0),
        |scene| scene.with_report(|report| report[offset::VMPL] = 3),
        |scene| {
            scene.with_input(|input| {
                input.policy = policy_with("\t\"allow_smt\": true,", "\t\"allow_smt\": false,");
            })
        },
        |scene| scene.with_input(|input| input.references[0].not_before = NOW + 1),
        |scene| scene.with_input(|input| input.references[0].not_after = NOW - 1),
        |scene| scene.with_input(|input| input.references[0].manifest = None),
        |scene| scene.with_input(|input| input.references.clear()),
    ]
}

/// Each spoiled attestation of a launch that is known and of one that is not, with each manifest.
fn cases() -> impl Iterator<Item = Scene> {
    [GENUINE, CHANGED].into_iter().flat_map(|components| {
        manifests(&components)
            .into_iter()
            .flat_map(move |manifest| {
                spoilers().into_iter().map(move |spoil| {
                    let scene = launch(&components, vec![reference_of("demo", &GENUINE)]);
                    spoil(scene.with_evidence(|evidence| evidence.manifest = manifest.clone()))
                })
            })
    })
}

#[test]
fn every_recorded_verdict_replays_to_itself() {
    for scene in cases() {
        let verdict = scene.input.verdict().record();
        let world = World::of(scene);
        let recorded = recorded(&world);
        let codes = |codes: Vec<(&String, &String)>| {
            codes
                .iter()
                .map(|(check, code)| format!("{check} {code}"))
                .collect::<Vec<_>>()
        };
        let kept = recorded.rejections.iter();
        let made = verdict.rejections.iter();
        assert_eq!(
            codes(kept.map(|one| (&one.check, &one.code)).collect()),
            codes(made.map(|one| (&one.check, &one.code)).collect())
        );
        let report = world.audit();
        assert!(report.agrees(), "{:?}\n{recorded:?}", report.findings);
    }
}

#[test]
fn manifest_is_kept_only_where_a_check_looked_at_it() {
    for scene in cases() {
        let heard = scene.input.verdict().heard_manifest();
        let sent = SimulatedEvidence::from_json(&scene.input.primary_evidence);
        let sent = sent.ok().and_then(|evidence| evidence.manifest);
        let world = World::of(scene);
        let kept = recorded(&world).input.manifest;
        let expected = sent.filter(|_| heard).map(|bytes| Digest::of(&bytes));
        assert_eq!(kept, expected);
    }
}

#[test]
fn evidence_that_is_not_read_is_kept_as_it_came() {
    let with_manifest = || launch(&GENUINE, vec![reference_of("demo", &GENUINE)]);
    let of_another_tee = with_manifest().with_input(|input| input.tee = Tee::Snp);
    let garbled = with_manifest().with_input(|input| input.primary_evidence.push('!'));
    for scene in [of_another_tee, garbled] {
        let came = Digest::of(scene.input.primary_evidence.as_bytes());
        assert_eq!(recorded(&World::of(scene)).input.evidence, came);
    }
}

#[test]
fn manifest_sent_in_many_attempts_is_kept_once() {
    let mut world = World::empty();
    let scene = launch(&CHANGED, vec![reference_of("demo", &GENUINE)]);
    world.tee = scene.tee;
    world.register_policy(&scene.input.policy);
    world.register_reference(&scene.input.references[0]);
    world.attest("s", &scene.input);
    let files = world.bundle().len();
    world.attest("s", &scene.input);
    assert_eq!(world.bundle().len(), files);
}

fn recorded(world: &World) -> RecordedVerdict {
    match world.entries.last().expect("an attestation").record() {
        AuditRecord::Verdict(verdict) => *verdict.clone(),
        other => panic!("no verdict: {other:?}"),
    }
}

/// What the auditor finds where a service falsifies the record of a launch that differs.
fn found(falsify: impl FnOnce(&mut RecordedVerdict, &mut Vec<Vec<u8>>)) -> Vec<FindingCode> {
    let mut world = World::of(launch(&CHANGED, vec![reference_of("demo", &GENUINE)]));
    let mut verdict = recorded(&world);
    falsify(&mut verdict, &mut world.blobs);
    world.entries.pop();
    world.push(AuditRecord::Verdict(Box::new(verdict)));
    world.findings()
}

#[test]
fn explanation_without_the_manifest_that_it_came_from_is_found() {
    let without = found(|verdict, blobs| {
        let dropped = verdict.input.manifest.take();
        blobs.retain(|blob| Some(Digest::of(blob)) != dropped);
    });
    assert_eq!(without, [FindingCode::VerdictDiffers]);
}

#[test]
fn explanation_from_another_manifest_is_found() {
    let other = found(|verdict, blobs| {
        let lie = manifest(&[("kernel", 7)]);
        let true_one = verdict.input.manifest.replace(Digest::of(&lie));
        blobs.retain(|blob| Some(Digest::of(blob)) != true_one);
        blobs.push(lie);
    });
    assert_eq!(other, [FindingCode::VerdictDiffers]);
}

#[test]
fn manifest_named_where_no_check_looks_at_one_is_found() {
    for (scene, replay) in [
        (
            launch(&GENUINE, vec![reference_of("demo", &GENUINE)]),
            false,
        ),
        (launch(&CHANGED, vec![reference_of("demo", &GENUINE)]), true),
    ] {
        let scene = scene.with_evidence(|evidence| evidence.manifest = None);
        let scene = scene.with_input(|input| {
            if replay {
                input.session = Session::Unknown;
            }
        });
        let mut world = World::of(scene);
        let mut verdict = recorded(&world);
        verdict.input.manifest = Some(Digest::of(&manifest(&CHANGED)));
        world.blobs.push(manifest(&CHANGED));
        world.entries.pop();
        world.push(AuditRecord::Verdict(Box::new(verdict)));
        let report = world.audit();
        assert_eq!(
            crate::world::codes(&report),
            [FindingCode::ManifestUnneeded]
        );
        assert!(!report.verdicts[0].replay_agrees);
    }
}

/// The same evidence in another spelling, or with its manifest in it, would be a second blob of it.
#[test]
fn evidence_kept_with_its_manifest_or_in_another_spelling_is_found() {
    type Spell = fn(&mut SimulatedEvidence) -> String;
    let spellings: [Spell; 2] = [
        |evidence| {
            evidence.manifest = Some(manifest(&CHANGED));
            evidence.to_json()
        },
        |evidence| format!(" {}", evidence.to_json()),
    ];
    for spell in spellings {
        let codes = found(|verdict, blobs| {
            let kept = verdict.input.evidence;
            let place = blobs.iter().position(|blob| Digest::of(blob) == kept);
            let blob = &mut blobs[place.expect("it is kept")];
            let text = String::from_utf8(blob.clone()).expect("JSON");
            let mut evidence = SimulatedEvidence::from_json(&text).expect("evidence");
            *blob = spell(&mut evidence).into_bytes();
            verdict.input.evidence = Digest::of(blob);
        });
        assert_eq!(codes, [FindingCode::BlobUnreadable]);
    }
}

#[test]
fn manifest_beside_evidence_that_cannot_be_read_is_found() {
    let codes = found(|verdict, blobs| {
        let kept = verdict.input.evidence;
        blobs.retain(|blob| Digest::of(blob) != kept);
        blobs.push(b"{}".to_vec());
        verdict.input.evidence = Digest::of(b"{}");
    });
    assert_eq!(codes, [FindingCode::BlobUnreadable]);
}

#[test]
fn evidence_up_to_the_bound_is_taken_and_beyond_it_refused() {
    // One scene: the certificates of another one may be some bytes longer.
    let mut input = Scene::any().input;
    let mut with = |length: usize| {
        input.additional_evidence = "x".repeat(length);
        received(&input.case()).map_err(|oversized| oversized.0)
    };
    let too_long = MAX_EVIDENCE_BYTES;
    let rest = with(too_long).expect_err("too long") - too_long;
    assert!(with(MAX_EVIDENCE_BYTES - rest).is_ok());
    let error = with(MAX_EVIDENCE_BYTES - rest + 1).expect_err("too long");
    assert_eq!(error, MAX_EVIDENCE_BYTES + 1);
}

//! Reports, quotes and what they are judged with, by keys made here.

use crate::{Seed, bytes};
use attestation_appraisal::{Context, EarKey, Files, Judged, Policy, Tee, VerifierId};
use attestation_snp::test_support::Scene as SnpScene;
use attestation_snp::{Product, SnpClaims};
use attestation_tdx::TdxClaims;
use attestation_tdx::test_support::Scene as TdxScene;
use attestation_verdict::ExpectedData;
use serde_json::json;
use std::process::Command;
use tests_tampered::tpm::{Signed, TpmScene, key};

/// Each after its length.
pub(crate) fn counted(files: &[&[u8]]) -> Vec<u8> {
    let counted = files.iter().map(|file| {
        let length = u16::try_from(file.len()).expect("small");
        bytes(&[&length.to_le_bytes(), file])
    });
    counted.collect::<Vec<_>>().concat()
}

fn snp_files(scene: &SnpScene) -> Vec<u8> {
    let vek = scene.vek.as_deref().unwrap_or_default();
    let crl = scene.crls.first().map(Vec::as_slice).unwrap_or_default();
    counted(&[
        scene.report.as_slice(),
        vek,
        &scene.chain[0],
        crl,
        &scene.chip.ark,
    ])
}

pub(crate) fn snp() -> Vec<Seed> {
    let listed =
        SnpScene::new(Product::Genoa).with(|scene| scene.crls.push(scene.chip.crl(true, 5, &[])));
    vec![
        ("milan", snp_files(&SnpScene::new(Product::Milan))),
        ("genoa-with-list", snp_files(&listed)),
        ("turin", snp_files(&SnpScene::new(Product::Turin))),
        ("vlek", snp_files(&SnpScene::with_vlek(Product::Milan))),
        (
            "debugged",
            snp_files(&SnpScene::new(Product::Milan).with_field(0x0A, &[0x0B])),
        ),
    ]
}

fn tdx_files(scene: &TdxScene) -> Vec<u8> {
    let made = scene.make();
    counted(&[made.json().as_bytes(), &made.root, &[], &made.quote])
}

pub(crate) fn tdx() -> Vec<Seed> {
    let mut debugged = TdxScene::new();
    debugged.body[120] = 1;
    vec![
        ("version-4", tdx_files(&TdxScene::new())),
        ("version-5", tdx_files(&TdxScene::of_tdx_1_5())),
        ("debugged", tdx_files(&debugged)),
    ]
}

pub(crate) fn tdx_quote() -> Vec<Seed> {
    let mut identified = TdxScene::new();
    identified.pck_in_quote = false;
    let quote = TdxScene::new().make().quote;
    vec![
        ("version-4", quote.clone()),
        ("version-5", TdxScene::of_tdx_1_5().make().quote),
        ("identified", identified.make().quote),
        ("padded", bytes(&[&quote, &[0; 40]])),
        ("trailing", bytes(&[&quote, &[0, 1]])),
    ]
}

fn tpm_files(scene: &TpmScene) -> Vec<u8> {
    let signed = Signed::of(scene);
    let values = scene.pcrs.iter().enumerate();
    let values: serde_json::Map<_, _> = values
        .map(|(index, value)| (index.to_string(), json!(hex::encode(value))))
        .collect();
    counted(&[
        &signed.quote,
        &signed.signature,
        &key().info(),
        json!({"sha256": values}).to_string().as_bytes(),
        signed.hcl.as_deref().unwrap_or_default(),
        scene.log.as_deref().unwrap_or_default(),
    ])
}

pub(crate) fn tpm() -> Vec<Seed> {
    let whole = TpmScene::accepted();
    let mut alone = TpmScene::accepted();
    alone.hcl = None;
    alone.log = None;
    let mut unsigned = TpmScene::accepted();
    unsigned.edit_quote = |quote| quote[60] ^= 1;
    vec![
        ("whole", tpm_files(&whole)),
        ("alone", tpm_files(&alone)),
        ("unsigned", tpm_files(&unsigned)),
    ]
}

pub(crate) fn tpm_quote() -> Vec<Seed> {
    let mut two = TpmScene::accepted().quote;
    two.selections.push((0x0C, vec![0, 0, 1]));
    let mut empty = TpmScene::accepted().quote;
    empty.selections.clear();
    vec![
        ("one-bank", TpmScene::accepted().quote.bytes()),
        ("two-banks", two.bytes()),
        ("no-bank", empty.bytes()),
    ]
}

pub(crate) fn tpm_parts() -> Vec<Seed> {
    let signature = Signed::of(&TpmScene::accepted()).signature;
    let curve = bytes(&[&[0, 0x18, 0, 0x0B, 0, 2, 1, 2, 0, 2, 3, 4]]);
    let of = |kind: u8, content: &[u8]| bytes(&[&[kind], content]);
    let pem = crate::forge::pem("PUBLIC KEY", &crate::forge::Key::p256().info());
    vec![
        ("rsa-key", of(b'k', &key().info())),
        ("p256-key-pem", of(b'k', pem.as_bytes())),
        ("p384-key", of(b'k', &crate::forge::Key::p384().info())),
        ("rsa-signature", of(b's', &signature)),
        ("ecdsa-signature", of(b's', &curve)),
        (
            "pcrs",
            of(
                b'p',
                format!("{{\"sha256\": {{\"0\": \"{}\"}}}}", "00".repeat(32)).as_bytes(),
            ),
        ),
    ]
}

pub(crate) fn hcl() -> Vec<Seed> {
    let hcl = Signed::of(&TpmScene::accepted()).hcl.expect("there is one");
    vec![
        ("snp", hcl.clone()),
        ("padded", bytes(&[&hcl, &[0; 30]])),
        ("trailing", bytes(&[&hcl, &[1]])),
    ]
}

pub(crate) fn evidence() -> Vec<Seed> {
    let report = SnpScene::new(Product::Milan).report;
    let quote = TdxScene::new().make().quote;
    let hcl = Signed::of(&TpmScene::accepted()).hcl.expect("there is one");
    let base64 = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let events = json!([{
        "imr": 3, "event_type": 134_217_729, "digest": "", "event": "app-id", "event_payload": "00"
    }]);
    let dstack = json!({
        "quote": hex::encode(&quote), "event_log": events.to_string(), "report_data": "50".repeat(64), "vm_config": "{}"
    });
    vec![
        ("report", report.to_vec()),
        ("report-hex", hex::encode(report.as_slice()).into()),
        ("report-base64", base64(report.as_slice()).into()),
        ("quote", quote.clone()),
        (
            "quote-attester",
            json!({"quote": base64(&quote)}).to_string().into(),
        ),
        (
            "quote-attester-log",
            json!({"cc_eventlog": base64(b"log"), "quote": base64(&quote)})
                .to_string()
                .into(),
        ),
        ("dstack", dstack.to_string().into()),
        ("hcl-snp", hcl),
    ]
}

fn snp_claims() -> serde_json::Value {
    let scene = SnpScene::new(Product::Milan);
    let proof = scene.prove().expect("the files can be read");
    json!(SnpClaims::of(&scene.report, &proof))
}

pub(crate) fn limits() -> Vec<Seed> {
    let made = TdxScene::new().make();
    let tdx = json!(TdxClaims::read(&made.quote, &made.proven()));
    let of = |kind: u8, text: String| bytes(&[&[kind], text.as_bytes()]);
    let snp_limits = include_str!("../../src/snp/limits.json");
    let tdx_limits = include_str!("../../src/tdx/limits.json");
    vec![
        ("snp-claims", of(b's', snp_claims().to_string())),
        ("tdx-claims", of(b't', tdx.to_string())),
        ("no-claims", of(b's', "{}".to_owned())),
        ("tpm-claims", of(b'p', "{}".to_owned())),
        ("snp-limits", of(b'S', snp_limits.to_owned())),
        ("tdx-limits", of(b'T', tdx_limits.to_owned())),
        (
            "tpm-limits",
            of(b'P', TpmScene::accepted().limits.to_string()),
        ),
        (
            "snp-limits-twice",
            of(b'S', snp_limits.replacen('{', "{\"allow_debug\": true,", 1)),
        ),
    ]
}

pub(crate) fn policy() -> Vec<Seed> {
    let small = r#"package cloister.appraisal

import rego.v1

about := {"name": "small", "dated": "2026-11-22", "text": "t", "sources": []}

limits := {"snp": {"allow_debug": input.snp.version == 3}}

trust_vector := {"hardware": 2}

deny contains {"code": "c", "reason": "r"} if input.tee == "tdx"
"#;
    let strict = include_str!("../../../../policies/appraisal/strict.rego");
    let example = include_str!("../../../../policies/appraisal/no-smt.rego");
    vec![
        ("small", small.into()),
        ("no-package", "limits := {}\n".into()),
        ("strict", strict.into()),
        ("no-smt", example.into()),
    ]
}

pub(crate) fn ear() -> Vec<Seed> {
    let scene = SnpScene::new(Product::Milan);
    let verdict = Policy::strict();
    let judged = Judged::of(Tee::Snp, &scene.judge(), snp_claims(), json!({}));
    let context = Context {
        binding: ExpectedData::Unbound,
        judged_at: 1_795_348_800,
        named_root: true,
        files: Files::default(),
    };
    let verdict = attestation_appraisal::Verdict::of(judged, &verdict, context);
    let token = |curve: &str| {
        let pem = private_key(curve);
        let key = EarKey::from_pkcs8_pem(&pem).expect("OpenSSL made it");
        let verifier = VerifierId {
            developer: "seeds".to_owned(),
            build: "1".to_owned(),
        };
        let public = crate::forge::pem("PUBLIC KEY", &public_key(&pem));
        counted(&[
            public.as_bytes(),
            verdict.ear(&key, &verifier).as_str().as_bytes(),
        ])
    };
    vec![("p256", token("P-256")), ("p384", token("P-384"))]
}

fn private_key(curve: &str) -> String {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt"])
        .arg(format!("ec_paramgen_curve:{curve}"))
        .output()
        .expect("openssl is installed");
    String::from_utf8(made.stdout).expect("PEM is text")
}

/// The public half, DER.
fn public_key(pem: &str) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("seed-ear-{}.pem", std::process::id()));
    std::fs::write(&path, pem).expect("a temporary file");
    let made = Command::new("openssl")
        .args(["pkey", "-pubout", "-outform", "DER", "-in"])
        .arg(&path)
        .output()
        .expect("openssl is installed");
    std::fs::remove_file(&path).expect("we wrote it");
    made.stdout
}

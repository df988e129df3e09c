//! Evidence, keys, documents.

use crate::{Seed, bytes};
use attestation_evidence::{
    Attestation, Challenge, ErrorBody, Nonce, Request, RuntimeData, SimulatedEvidence, Tee,
    VerifierPins,
};
use attestation_judge::test_support::{Scene, reference};
use measured_boot_id_block::IdKey;
use measured_boot_snp_abi::simulated::{Endorsements, Request as Ask, Response};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};
use std::process::Command;
use zerocopy::IntoBytes;

pub(crate) fn appraisal() -> Vec<Seed> {
    let good = Scene::any();
    let debugged = Scene::any().with_report(|report| report[0x0A] |= 8);
    let unsigned = Scene::any().with_evidence(|evidence| evidence.attestation_report[0x2A0] ^= 1);
    vec![
        ("accepted", parts(&good.evidence(), b"")),
        ("debugged", parts(&debugged.evidence(), b"")),
        ("unsigned", parts(&unsigned.evidence(), b"CLMF\x01\0\0\0")),
        ("short-report", parts(&short(&good), b"")),
    ]
}

fn short(scene: &Scene) -> SimulatedEvidence {
    let mut evidence = scene.evidence();
    evidence.attestation_report.truncate(1183);
    evidence
}

/// Report, certificates and manifest, each after its length.
fn parts(evidence: &SimulatedEvidence, manifest: &[u8]) -> Vec<u8> {
    let chain = &evidence.cert_chain;
    let parts = [
        &evidence.attestation_report,
        &chain.vcek,
        &chain.ask,
        &chain.ark,
        manifest,
    ];
    let counted = parts.map(|part| {
        let length = u16::try_from(part.len()).expect("small");
        bytes(&[&length.to_le_bytes(), part])
    });
    counted.concat()
}

pub(crate) fn id_auth() -> Vec<Seed> {
    let [key, author] = [(); 2].map(|()| IdKey::from_pem(&pem(&[])).expect("OpenSSL made it"));
    let block = IdBlock::new([7; 48], GuestPolicy::from_bits(0x3_0000));
    let signed = |author| bytes(&[block.as_bytes(), key.sign(&block, author).as_bytes()]);
    vec![
        ("id-key", signed(None)),
        ("author-key", signed(Some(&author))),
    ]
}

pub(crate) fn id_key() -> Vec<Seed> {
    vec![
        ("sec1", pem(&["-noout"]).into()),
        ("sec1-with-parameters", pem(&[]).into()),
        ("pkcs8", pkcs8(&pem(&["-noout"])).into()),
        (
            "encrypted",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".into(),
        ),
        ("two", (pem(&["-noout"]) + &pem(&["-noout"])).into()),
    ]
}

fn pem(more: &[&str]) -> String {
    let made = Command::new("openssl")
        .args(["ecparam", "-name", "secp384r1", "-genkey"])
        .args(more)
        .output()
        .expect("openssl is installed");
    String::from_utf8(made.stdout).expect("PEM is text")
}

/// The same key in the other form.
fn pkcs8(sec1: &str) -> String {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("seed-{}.pem", std::process::id()));
    std::fs::write(&path, sec1).expect("a temporary file");
    let made = Command::new("openssl")
        .args(["pkcs8", "-topk8", "-nocrypt", "-in"])
        .arg(&path)
        .output()
        .expect("openssl is installed");
    std::fs::remove_file(&path).expect("we wrote it");
    String::from_utf8(made.stdout).expect("PEM is text")
}

pub(crate) fn json() -> Vec<Seed> {
    let scene = Scene::any();
    let nonce = Nonce::from_bytes([4; 32]);
    let RuntimeData { tee_pubkey, .. } = scene.input.runtime_data.clone();
    let attestation = Attestation::new(
        RuntimeData { nonce, tee_pubkey },
        scene.input.primary_evidence.clone(),
    );
    let of = |kind: u8, json: &str| bytes(&[&[kind], json.as_bytes()]);
    let value = |kind: u8, value: serde_json::Value| of(kind, &value.to_string());
    let to_value = |value: Result<serde_json::Value, _>| value.expect("it has string keys only");
    vec![
        ("request", of(b'r', &Request::new(Tee::Simulated).to_json())),
        ("challenge", of(b'c', &Challenge::new(nonce).to_json())),
        (
            "attestation",
            of(b'a', &attestation.expect("it is JSON").to_json()),
        ),
        (
            "error",
            of(b'e', &ErrorBody::new("Nonce", "used").to_json()),
        ),
        ("evidence", of(b's', &scene.input.primary_evidence)),
        (
            "reference",
            value(b'R', to_value(serde_json::to_value(reference([1; 48])))),
        ),
        (
            "exchange",
            value(
                b'x',
                to_value(serde_json::to_value(scene.input.case().exchange)),
            ),
        ),
        ("pins", of(b'p', PINS)),
    ]
}

const PINS: &str = r#"{"version":1,"tls_spki_sha256":"0000000000000000000000000000000000000000000000000000000000000000","log_key":"k","verifier_vsock_port":8443,"server_name":"v","resource":"a/b/c"}"#;

pub(crate) fn tee_frame() -> Vec<Seed> {
    VerifierPins::from_json(PINS.as_bytes()).expect("the seed is whole");
    let report_data = [3; 64];
    let endorsements = Endorsements {
        vcek: vec![1; 3],
        ask: vec![2; 2],
        ark: vec![3],
    };
    let body = |frame: Vec<u8>| frame[4..].to_vec();
    let answer = |response: Response| body(response.to_frame().expect("it is small"));
    vec![
        ("ask-report", body(Ask::Report { report_data }.to_frame())),
        ("ask-endorsements", body(Ask::Endorsements.to_frame())),
        ("report", answer(Response::Report(Box::new([5; 1184])))),
        ("endorsements", answer(Response::Endorsements(endorsements))),
        ("manifest", answer(Response::Manifest(b"CLMF".to_vec()))),
        ("failed", answer(Response::Failed("busy".to_owned()))),
    ]
}

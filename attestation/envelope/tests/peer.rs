//! Another library opens what is sealed here, and what it seals is opened here.
//!
//! `peer.py` says by cryptography, from PyPI, what this crate says by p256, aes-kw and ring; it begins by deriving the key
//! of RFC 7518, appendix C. `cargo xtask test` installs the library; another folder of Python's programs can be named by
//! `CLOISTER_PEERS`.

mod support;

use attestation_envelope::{Entropy, Expected, JweParts, SealedRelease, TeeKey, open};
use attestation_evidence::Tee;
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_ledger::{AuditRecord, RecordVersion, RecordedRelease};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{Log, SECRET, registration, resource, tee_key};
use zeroize::Zeroizing;

/// How the peer ends on a JWE that it judged and does not open.
const REFUSED: i32 = 3;

/// The number behind [`tee_key`], as the peer takes it.
const TEE_KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// Runs the peer, if its library is there.
fn peer(arguments: &[&str], input: &[u8]) -> Option<Output> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let python = folder.join("python3");
    let ready = Command::new(&python)
        .args(["-c", "import cryptography"])
        .stderr(Stdio::null())
        .status();
    if !ready.is_ok_and(|status| status.success()) {
        println!(
            "skipped: cryptography is not in target/tools/peers (cargo xtask test installs it)"
        );
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer.py");
    let mut child = Command::new(&python)
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the peer starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("the peer reads");
    drop(stdin);
    Some(child.wait_with_output().expect("the peer ends"))
}

/// What the peer wrote, which did what it was asked for.
fn done(output: Output) -> Vec<u8> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the peer failed: {complaint}");
    output.stdout
}

fn sealed(secret: &[u8], entropy: u8) -> JweParts {
    let entropy = Entropy::from_bytes(&Zeroizing::new([entropy; Entropy::LENGTH]));
    JweParts::seal(secret, &tee_key().public(), entropy).expect("a good key")
}

/// The body of a release, as it is sent.
fn body(log: &mut Log, jwe: JweParts) -> SealedRelease {
    log.append(registration());
    let proof = log.append(AuditRecord::Release(RecordedRelease {
        version: RecordVersion::V2,
        time: 1_795_348_800,
        tenant: "default".to_owned(),
        session: "session".to_owned(),
        verdict_index: 0,
        resource: resource().to_string(),
        secret_version: 1,
        recipient: tee_key().public().thumbprint(),
        jwe_sha256: jwe.digest(),
        tee: "simulated".to_owned(),
        simulated: true,
    }));
    SealedRelease::new(jwe, proof.to_string())
}

#[test]
fn peer_derives_the_key_of_rfc_7518_appendix_c() {
    if let Some(output) = peer(&["check"], b"") {
        assert_eq!(done(output), b"");
    }
}

#[test]
fn release_sealed_here_is_opened_by_the_peer() {
    let long = vec![0x5a; 1 << 16];
    for (entropy, secret) in [(1, SECRET), (2, b"".as_slice()), (3, &long)] {
        let body = body(&mut Log::new(7), sealed(secret, entropy)).to_json();
        let Some(output) = peer(&["open", TEE_KEY], body.as_bytes()) else {
            return;
        };
        assert_eq!(done(output), secret, "{} bytes", secret.len());
    }
}

/// One member of a JWE.
type Member = fn(&mut JweParts) -> &mut String;

/// Otherwise its opening of what is right would show nothing.
#[test]
fn release_changed_in_any_member_or_for_another_key_is_not_opened_by_the_peer() {
    let another_key = format!("{}2", &TEE_KEY[1..]);
    let cases: [(&str, Member); 5] = [
        ("asks for", |jwe| &mut jwe.protected),
        ("another key", |jwe| &mut jwe.encrypted_key),
        ("the tag", |jwe| &mut jwe.iv),
        ("the tag", |jwe| &mut jwe.ciphertext),
        ("the tag", |jwe| &mut jwe.tag),
    ];
    let spoiled = cases.map(|(why, member)| {
        let mut jwe = sealed(SECRET, 1);
        spoil(member(&mut jwe));
        (why, jwe, TEE_KEY)
    });
    let for_another = ("another key", sealed(SECRET, 1), another_key.as_str());
    for (why, jwe, key) in spoiled.into_iter().chain([for_another]) {
        let jwe = serde_json::to_vec(&jwe).expect("it is JSON");
        let Some(output) = peer(&["open", key], &jwe) else {
            return;
        };
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(REFUSED), "{why}: {complaint}");
        assert!(complaint.contains(why), "{why}: {complaint}");
        assert!(output.stdout.is_empty(), "{why}");
    }
}

/// Changes one bit: in the header, which begins `{"alg":"E`, that of the algorithm's name.
fn spoil(member: &mut String) {
    let mut bytes = base64url_decode(member).expect("it is base64url");
    let at = if bytes.starts_with(b"{") { 8 } else { 0 };
    bytes[at] ^= 1;
    *member = base64url_encode(&bytes);
}

#[test]
fn release_sealed_by_the_peer_is_opened_here() {
    let public = tee_key().public();
    let point = [public.x(), public.y()].map(|coordinate| base64url_encode(coordinate));
    let Some(output) = peer(&["seal", &point[0], &point[1]], SECRET) else {
        return;
    };
    let jwe: JweParts = serde_json::from_slice(&done(output)).expect("the five members");
    let mut log = Log::new(7);
    let body = body(&mut log, jwe).to_json();
    let expected = Expected {
        resource: resource(),
        tee: Tee::Simulated,
        log_key: log.key.verifying_key(),
    };
    let opened = open(body.as_bytes(), &tee_key(), &expected).expect("all is right");
    assert_eq!(opened.secret.as_slice(), SECRET);
    let other = TeeKey::from_entropy(&Zeroizing::new([0x12; 32])).expect("a good number");
    assert!(open(body.as_bytes(), &other, &expected).is_err());
}

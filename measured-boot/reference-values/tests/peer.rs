//! Other people's libraries write the same bytes, and read ours.
//!
//! `peer.py` says by cbor2 and cryptography, from PyPI, what our writer says by serde_cbor and p384. What it
//! wrote is kept in `vectors`; where the libraries are installed it is asked again. `cargo xtask test` installs them; another
//! folder of Python's programs can be named by `CLOISTER_PEERS`.

mod support;

use measured_boot_reference_values::{ReferenceSet, Signed, Tee};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Key, NOW, SIGNER};

const SECRET: u8 = 0x42;

fn sets() -> [(&'static str, ReferenceSet); 3] {
    [
        ("snp", support::snp()),
        ("tdx", support::tdx()),
        ("simulated", support::simulated()),
    ]
}

/// The set as the peer has it.
fn as_json(set: &ReferenceSet) -> Value {
    let launch = |launch: &measured_boot_reference_values::Alternative| {
        let rtmrs = launch.rtmrs.iter().enumerate();
        let rtmrs: Map<String, Value> = rtmrs
            .filter_map(|(number, rtmr)| Some((number.to_string(), hex::encode((*rtmr)?).into())))
            .collect();
        json!({"vcpus": launch.vcpus, "digest": hex::encode(launch.digest), "rtmrs": rtmrs})
    };
    let sbom = set.sbom.as_ref();
    json!({
        "signer": SIGNER,
        "name": set.workload.name,
        "version": set.workload.version,
        "tee": set.tee.name(),
        "alternatives": set.alternatives.iter().map(launch).collect::<Vec<_>>(),
        "not_before": set.validity.not_before,
        "not_after": set.validity.not_after,
        "min_svn": set.min_svn,
        "sbom": sbom.map(|sbom| json!({"file": sbom.file, "sha384": hex::encode(sbom.sha384)})),
    })
}

fn vector(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    folder.join(format!("{name}.corim"))
}

/// Runs the peer, if its libraries are there.
fn peer(command: &str, key: &str, input: &[u8]) -> Option<Vec<u8>> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let python = folder.join("python3");
    let ready = Command::new(&python)
        .args(["-c", "import cbor2, cryptography"])
        .stderr(Stdio::null())
        .status();
    if !ready.is_ok_and(|status| status.success()) {
        println!(
            "skipped: cbor2 and cryptography are not in target/tools/peers (cargo xtask test installs them)"
        );
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer.py");
    let mut child = Command::new(&python)
        .arg(script)
        .args([command, key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peer starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("the peer reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the peer ends");
    assert!(output.status.success(), "the peer failed");
    Some(output.stdout)
}

#[test]
fn kept_documents_of_the_peer_are_ours_byte_for_byte_and_open() {
    let key = Key::of(SECRET);
    for (name, set) in sets() {
        let kept = std::fs::read(vector(name)).expect("a kept vector");
        let signed = Signed::open(&kept, &key.public(), NOW).expect("it opens");
        assert_eq!(
            (signed.signer.as_str(), &signed.set),
            (SIGNER, &set),
            "{name}"
        );
        assert_eq!(hex::encode(key.document(&set)), hex::encode(kept), "{name}");
    }
    assert_eq!(
        sets().map(|(_, set)| set.tee),
        [Tee::Snp, Tee::Tdx, Tee::Simulated]
    );
}

#[test]
fn peer_writes_the_kept_documents() {
    for (name, set) in sets() {
        let secret = hex::encode([SECRET; 48]);
        let Some(written) = peer("write", &secret, as_json(&set).to_string().as_bytes()) else {
            return;
        };
        let kept = std::fs::read(vector(name)).expect("a kept vector");
        assert_eq!(hex::encode(written), hex::encode(kept), "{name}");
    }
}

#[test]
fn peer_verifies_what_we_sign_and_reads_the_same_in_it() {
    let key = Key::of(SECRET);
    for (name, set) in sets() {
        let Some(read) = peer("open", &key.point(), &key.document(&set)) else {
            return;
        };
        let read: Value = serde_json::from_slice(&read).expect("JSON");
        assert_eq!(read, as_json(&set), "{name}");
    }
}

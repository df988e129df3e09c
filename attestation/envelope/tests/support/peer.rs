//! The other library, as a program.

use attestation_evidence::TeePublicKey;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A key that the peer made: its public half as a client sends it, and its private half as the peer takes it.
#[derive(serde::Deserialize)]
pub struct PeersKey {
    pub public: TeePublicKey,
    pub private: String,
}

/// Runs the peer, if its library is there.
pub fn peer(arguments: &[&str], input: &[u8]) -> Option<Output> {
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
pub fn done(output: Output) -> Vec<u8> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the peer failed: {complaint}");
    output.stdout
}

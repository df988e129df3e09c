//! `id-block` as people and scripts use it.

use crate::support::{Folder, document, run};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::process::Output;

#[test]
fn id_block_signed_is_written_and_its_digests_printed() {
    let folder = Folder::with_machine();
    // Without -noout the curve's parameters stand before the key.
    let words = "ecparam -genkey -name secp384r1 -out id.pem";
    let Some(()) = folder.openssl(&words.split(' ').collect::<Vec<_>>()) else {
        return;
    };
    let path = |name: &str| folder.named(name);
    let digest = "ab".repeat(48);
    let run = |arguments: &[&str]| run("id-block", arguments);
    let (id, block, auth) = (path("id.pem"), path("block"), path("auth"));
    let files = ["--out-block", &block, "--out-auth", &auth, "-o", "json"];
    let signed = ["--launch-digest", &digest, "--id-key", &id];
    let document = document(&run(&[signed.as_slice(), &files].concat()), 0);
    assert_eq!(document["launch_digest"], digest);
    assert_eq!(document["author_key_digest"], serde_json::Value::Null);
    let block = std::fs::read(&block).expect("it was written");
    assert_eq!(document["id_block"], BASE64_STANDARD.encode(&block));
    assert_eq!((block.len(), &block[..48]), (96, [0xAB; 48].as_slice()));
    assert_eq!(std::fs::read(&auth).expect("it was written").len(), 4096);

    let short = run(&["--launch-digest", "abab", "--id-key", &id]);
    assert_eq!(short.status.code(), Some(2));
    let no_key = run(&["--launch-digest", &digest, "--id-key", &path("vm.toml")]);
    assert_eq!(no_key.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_key.stderr).contains("BEGIN PRIVATE KEY"));
}

/// Other tools print a launch digest as base64; so does QEMU take it.
#[test]
fn id_block_takes_a_launch_digest_in_hexadecimal_or_base64() {
    let folder = Folder::empty();
    let Some(key) = folder.key("id.pem") else {
        return;
    };
    let block_for = |digest: &str| {
        let arguments = ["--id-key", &key, "--launch-digest", digest, "-o", "json"];
        run("id-block", &arguments)
    };
    let field = |output: Output| document(&output, 0)["id_block"].clone();
    let hexadecimal = field(block_for(&"a5".repeat(48)));
    assert_eq!(field(block_for(&"paWl".repeat(16))), hexadecimal);
    assert_eq!(
        field(block_for(&format!("0x{}", "A5".repeat(48)))),
        hexadecimal
    );
    for wrong in [
        "paWl".repeat(15),
        "paWl".repeat(17),
        "g5".repeat(48),
        String::new(),
    ] {
        assert_eq!(block_for(&wrong).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn id_block_for_a_policy_that_no_launch_has_is_signed_with_a_warning() {
    let folder = Folder::empty();
    let Some(key) = folder.key("id.pem") else {
        return;
    };
    let digest = "a5".repeat(48);
    let signed = ["--id-key", &key, "--launch-digest", &digest, "-o", "json"];
    let warned = |policy| {
        let output = run(
            "id-block",
            &[signed.as_slice(), &["--policy", policy]].concat(),
        );
        let warnings = document(&output, 0)["warnings"].clone();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            warnings.as_array().map(Vec::len),
            Some(said.lines().count())
        );
        said
    };
    assert_eq!(warned("0x30000"), "");
    for unusable in ["0x0", "0x4000030000"] {
        let said = warned(unusable);
        assert!(said.contains(unusable) && said.contains("bit 17"), "{said}");
    }
}

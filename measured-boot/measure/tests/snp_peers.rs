//! `snp` and `id-block` beside PyPI's sev-snp-measure, run on the same inputs.
//!
//! `cargo xtask test` installs it; another folder of its programs can be named by `CLOISTER_PEERS`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_id_block::authenticate;
use measured_boot_snp_abi::{IdAuth, IdBlock};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use zerocopy::FromBytes;

/// Verifies an ID block and its authentication by the library that theirs signs with: both files are
/// arguments, and it ends well if both signatures hold.
const VERIFY: &str = r#"
import sys
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
block, auth = (open(name, "rb").read() for name in sys.argv[1:])
def number(at):
    return int.from_bytes(auth[at:at + 72], "little")
def verify(signature, key, message):
    numbers = ec.EllipticCurvePublicNumbers(number(key + 4), number(key + 76), ec.SECP384R1())
    encoded = utils.encode_dss_signature(number(signature), number(signature + 72))
    numbers.public_key().verify(encoded, message, ec.ECDSA(hashes.SHA384()))
verify(0x40, 0x240, block)
verify(0x680, 0x880, auth[0x240:0x240 + 1028])
"#;

/// A program of theirs, if it is installed.
fn peer(name: &str) -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let program = folder.join(name);
    if !program.exists() {
        println!("skipped: {} is not installed", program.display());
        return None;
    }
    Some(program)
}

fn vector(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path.to_str().expect("text").to_owned())
}

/// What a program prints; `None` where it fails.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    output.status.success().then(|| text.trim().to_owned())
}

fn ours(command: &str, arguments: &[&str]) -> Option<serde_json::Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cloister-measure"));
    let printed = said(program.arg(command).args(arguments).args(["-o", "json"]))?;
    Some(serde_json::from_str(&printed).expect("one JSON document"))
}

/// Both digests of a launch.
fn both(peer: &Path, mode: &str, arguments: &[&str]) -> [Option<String>; 2] {
    let theirs = said(Command::new(&peer).args(["--mode", mode]).args(arguments));
    let ours = ours("snp", arguments);
    let digest =
        |document: serde_json::Value| document["launch_digest"].as_str().expect("text").to_owned();
    [ours.map(digest), theirs]
}

#[test]
fn launches_have_the_digests_of_sev_snp_measure() {
    let Some(peer) = peer("sev-snp-measure") else {
        return;
    };
    let images = [
        ("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin", true),
        ("sev-snp-measure/fixtures/ovmf_OvmfX64_suffix.bin", false),
        ("measured-boot/debian-ovmf/OVMF.fd", false),
    ];
    let folder = TempDir::new().expect("a folder can be made");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the file can be written");
        path.to_str().expect("text").to_owned()
    };
    let (kernel, initrd) = (write("kernel", &[0xAB; 70_001]), write("initrd", b"initrd"));
    let boots = [
        vec!["--kernel", &kernel],
        vec!["--kernel", &kernel, "--append", " quiet  "],
        vec![
            "--kernel",
            &kernel,
            "--initrd",
            &initrd,
            "--append",
            "console=ttyS0 ä",
        ],
    ];
    let types = [
        "EPYC",
        "EPYC-IBPB",
        "EPYC-Rome-v2",
        "EPYC-Milan",
        "EPYC-Genoa",
        "EPYC-Turin",
    ];
    let mut compared = 0;
    for (image, checks_kernels) in images {
        let Some(image) = vector(image) else { return };
        for (vmm_at, vmm) in ["QEMU", "ec2", "gce"].into_iter().enumerate() {
            for (at, (vcpus, features)) in
                [("1", "0x1"), ("2", "0x21"), ("17", "0xffffffffffffffff")]
                    .into_iter()
                    .enumerate()
            {
                let cpu = types[(vmm_at + 2 * at) % types.len()];
                let launch = [
                    "--ovmf",
                    &image,
                    "--vcpus",
                    vcpus,
                    "--vcpu-type",
                    cpu,
                    "--vmm-type",
                    vmm,
                    "--guest-features",
                    features,
                ];
                let [ours, theirs] = both(&peer, "snp", &launch);
                assert_eq!(ours, theirs, "{launch:?}");
                assert!(ours.is_some(), "{launch:?}");
                let with_kernel = [&launch[..], &boots[at]].concat();
                let [ours, theirs] = both(&peer, "snp", &with_kernel);
                assert_eq!(ours, theirs, "{with_kernel:?}");
                assert_eq!(ours.is_some(), checks_kernels, "{with_kernel:?}");
                compared += 2;
            }
        }
    }
    assert_eq!(compared, 54);
}

#[test]
fn launches_of_an_svsm_have_the_digests_of_sev_snp_measure() {
    let Some(peer) = peer("sev-snp-measure") else {
        return;
    };
    let folder = "sev-snp-measure/fixtures";
    let firmware = vector(&format!("{folder}/svsm_ovmf.fd"));
    let Some((firmware, svsm)) = firmware.zip(vector(&format!("{folder}/svsm.bin"))) else {
        return;
    };
    for (vcpus, cpu, vars_size) in [("1", "EPYC-Milan", "540672"), ("3", "EPYC-v4", "131072")] {
        let launch = [
            "--ovmf",
            &firmware,
            "--svsm",
            &svsm,
            "--vars-size",
            vars_size,
            "--vcpus",
            vcpus,
            "--vcpu-type",
            cpu,
        ];
        let [ours, theirs] = both(&peer, "snp:svsm", &launch);
        assert!(ours.is_some() && ours == theirs, "{ours:?} {theirs:?}");
    }
}

/// Bytes equal outside of the four numbers that are random in theirs, and each side's signatures hold.
#[test]
fn id_blocks_are_those_of_sev_snp_measure_but_for_the_signatures() {
    let Some(peer) = peer("snp-create-id-block") else {
        return;
    };
    let folder = TempDir::new().expect("a folder can be made");
    let key = |name: &str| {
        let path = folder.path().join(name).to_str().expect("text").to_owned();
        let made = Command::new("openssl")
            .args([
                "ecparam",
                "-genkey",
                "-noout",
                "-name",
                "secp384r1",
                "-out",
                &path,
            ])
            .status();
        made.is_ok_and(|status| status.success()).then_some(path)
    };
    let Some((id, author)) = key("id.pem").zip(key("author.pem")) else {
        return println!("skipped: there is no openssl");
    };
    let digest = [0xA5; 48];
    let measurement = BASE64_STANDARD.encode(digest);
    let theirs = said(Command::new(&peer).args([
        "--measurement",
        &measurement,
        "--idkey",
        &id,
        "--authorkey",
        &author,
    ]));
    let theirs = theirs.expect("it signs");
    let hex = "a5".repeat(48);
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let files = [path("block"), path("auth")];
    let keys = [
        "--out-block",
        &files[0],
        "--out-auth",
        &files[1],
        "--launch-digest",
        &hex,
        "--id-key",
        &id,
        "--author-key",
        &author,
    ];
    let ours = ours("id-block", &keys).expect("it signs");
    let our = |field: &str| ours[field].as_str().expect("text").to_owned();
    // First line: id-block=BASE64,id-auth=BASE64; then each key's digest in a line, as base64.
    let their = |name: &str| {
        let start = theirs.find(name).expect("the field is there") + name.len();
        let text = &theirs[start..];
        let end = text.find([',', '\n']).unwrap_or(text.len());
        BASE64_STANDARD.decode(text[..end].trim()).expect("base64")
    };
    assert_eq!(
        their("id-block="),
        BASE64_STANDARD.decode(our("id_block")).expect("base64")
    );
    assert_eq!(hex::encode(their("id_key_hash:")), our("id_key_digest"));
    assert_eq!(hex::encode(their("author_key:")), our("author_key_digest"));

    let mut auths = [
        their("id-auth="),
        BASE64_STANDARD.decode(our("id_auth")).expect("base64"),
    ];
    let block = IdBlock::read_from_bytes(&their("id-block=")).expect("96 bytes");
    for auth in &auths {
        let auth = IdAuth::read_from_bytes(auth).expect("4096 bytes");
        authenticate(&block, &auth).expect("the signatures hold");
    }
    let python = peer.with_file_name("python");
    let verified = said(Command::new(python).args(["-c", VERIFY]).args(&files));
    assert!(verified.is_some(), "theirs does not take our signatures");
    for auth in &mut auths {
        for signature in [0x40, 0x680] {
            auth[signature..signature + 144].fill(0);
        }
    }
    assert!(
        auths[0] == auths[1],
        "the two differ beside their signatures"
    );
}

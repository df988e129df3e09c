//! `snp` and `id-block` beside PyPI's sev-snp-measure, run on the same inputs.
//!
//! `cargo xtask test` installs it; another folder of its programs can be named by `CLOISTER_PEERS`.

use crate::support::{Folder, program, vector};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_id_block::authenticate;
use measured_boot_snp_abi::{IdAuth, IdBlock};
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// What a program prints; `None` where it fails.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    output.status.success().then(|| text.trim().to_owned())
}

fn ours(command: &str, arguments: &[&str]) -> Option<serde_json::Value> {
    let mut program = program();
    let printed = said(program.arg(command).args(arguments).args(["-o", "json"]))?;
    Some(serde_json::from_str(&printed).expect("one JSON document"))
}

/// Both digests of a launch, whose words are one a blank.
fn both(peer: &Path, mode: &str, launch: &str, more: &[&str]) -> [Option<String>; 2] {
    let arguments: Vec<_> = launch.split(' ').chain(more.iter().copied()).collect();
    let theirs = said(Command::new(peer).args(["--mode", mode]).args(&arguments));
    let ours = ours("snp", &arguments);
    let digest =
        |document: serde_json::Value| document["launch_digest"].as_str().expect("text").to_owned();
    [ours.map(digest), theirs]
}

const TYPES: [&str; 6] = [
    "EPYC",
    "EPYC-IBPB",
    "EPYC-Rome-v2",
    "EPYC-Milan",
    "EPYC-Genoa",
    "EPYC-Turin",
];

/// Launches by every VMM, of several numbers of vCPUs, types and features: 9 of an image.
fn launches(image: &str) -> Vec<String> {
    let machines = [("1", "0x1"), ("2", "0x21"), ("17", "0xffffffffffffffff")];
    let vmms = ["QEMU", "ec2", "gce"].into_iter().enumerate();
    let of_vmm = |(at, vmm)| {
        let machines = machines.into_iter().enumerate();
        machines.map(move |(other, (vcpus, features))| {
            let cpu = TYPES[(at + 2 * other) % TYPES.len()];
            format!(
                "--ovmf {image} --vmm-type {vmm} --vcpus {vcpus} --vcpu-type {cpu} --guest-features {features}"
            )
        })
    };
    vmms.flat_map(of_vmm).collect()
}

#[test]
fn launches_have_the_digests_of_sev_snp_measure() {
    let Some(peer) = peer("sev-snp-measure") else {
        return;
    };
    for image in [
        "sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin",
        "sev-snp-measure/fixtures/ovmf_OvmfX64_suffix.bin",
        "measured-boot/debian-ovmf/OVMF.fd",
    ] {
        let Some(image) = vector(image) else { return };
        let launches = launches(&image);
        assert_eq!(launches.len(), 9);
        for launch in launches {
            let [ours, theirs] = both(&peer, "snp", &launch, &[]);
            assert!(ours.is_some() && ours == theirs, "{launch}");
        }
    }
}

/// With the firmware that checks it, both measure a kernel; with another, both refuse.
#[test]
fn launches_of_kernels_have_the_digests_of_sev_snp_measure() {
    let Some(peer) = peer("sev-snp-measure") else {
        return;
    };
    let folder = Folder::empty();
    let kernel = folder.write("kernel", &[0xAB; 70_001]);
    let initrd = folder.write("initrd", b"initrd");
    let alone = ["--kernel", &kernel];
    let with_blanks = ["--kernel", &kernel, "--append", " quiet  "];
    let all = ["--kernel", &kernel, "--initrd", &initrd, "--append", "a=ä"];
    let boots: [&[&str]; 3] = [&alone, &with_blanks, &all];
    for (build, checks_kernels) in [("AmdSev", true), ("OvmfX64", false)] {
        let image = vector(&format!("sev-snp-measure/fixtures/ovmf_{build}_suffix.bin"));
        let Some(image) = image else { return };
        for (launch, boot) in launches(&image).iter().zip(boots.iter().cycle()) {
            let [ours, theirs] = both(&peer, "snp", launch, boot);
            assert_eq!(ours, theirs, "{launch} {boot:?}");
            assert_eq!(ours.is_some(), checks_kernels, "{launch} {boot:?}");
        }
    }
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
    for machine in [
        "--vcpus 1 --vcpu-type EPYC-Milan --vars-size 540672",
        "--vcpus 3 --vcpu-type EPYC-v4 --vars-size 131072",
    ] {
        let launch = format!("--ovmf {firmware} --svsm {svsm} {machine}");
        let [ours, theirs] = both(&peer, "snp:svsm", &launch, &[]);
        assert!(ours.is_some() && ours == theirs, "{ours:?} {theirs:?}");
    }
}

/// An ID block as one side made it.
struct Signed {
    block: Vec<u8>,
    auth: Vec<u8>,
    digests: [String; 2],
}

const DIGEST: [u8; 48] = [0xA5; 48];

fn signed_by_theirs(peer: &Path, [id, author]: &[String; 2]) -> Signed {
    let measurement = BASE64_STANDARD.encode(DIGEST);
    let options = [
        "--measurement",
        &measurement,
        "--idkey",
        id,
        "--authorkey",
        author,
    ];
    let printed = said(Command::new(peer).args(options)).expect("it signs");
    // First line: id-block=BASE64,id-auth=BASE64; then each key's digest in a line, as base64.
    let field = |name: &str| {
        let (_, text) = printed.split_once(name).expect("the field is there");
        let end = text.find([',', '\n']).unwrap_or(text.len());
        BASE64_STANDARD.decode(text[..end].trim()).expect("base64")
    };
    Signed {
        block: field("id-block="),
        auth: field("id-auth="),
        digests: ["id_key_hash:", "author_key:"].map(|name| hex::encode(field(name))),
    }
}

fn signed_by_ours(folder: &Folder, [id, author]: &[String; 2]) -> Signed {
    let digest = hex::encode(DIGEST);
    let [block, auth] = ["block", "auth"].map(|name| folder.named(name));
    let options = [
        "--launch-digest",
        &digest,
        "--id-key",
        id,
        "--author-key",
        author,
    ];
    let files = ["--out-block", &block, "--out-auth", &auth];
    let printed = ours("id-block", &[&options[..], &files].concat()).expect("it signs");
    let written = |path: &str| std::fs::read(path).expect("it was written");
    Signed {
        block: written(&block),
        auth: written(&auth),
        digests: ["id_key_digest", "author_key_digest"]
            .map(|name| printed[name].as_str().expect("text").to_owned()),
    }
}

/// Bytes equal outside of the four numbers that are random in theirs, and each side's signatures hold.
#[test]
fn id_blocks_are_those_of_sev_snp_measure_but_for_the_signatures() {
    let Some(peer) = peer("snp-create-id-block") else {
        return;
    };
    let folder = Folder::empty();
    let (Some(id), Some(author)) = (folder.key("id.pem"), folder.key("author.pem")) else {
        return;
    };
    let keys = [id, author];
    let mut sides = [
        signed_by_theirs(&peer, &keys),
        signed_by_ours(&folder, &keys),
    ];
    for side in &sides {
        let block = IdBlock::read_from_bytes(&side.block).expect("96 bytes");
        let auth = IdAuth::read_from_bytes(&side.auth).expect("4096 bytes");
        authenticate(&block, &auth).expect("the signatures hold");
    }
    let python = peer.with_file_name("python");
    let verified = said(
        Command::new(python)
            .args(["-c", VERIFY])
            .args(["block", "auth"].map(|name| folder.path(name))),
    );
    assert!(verified.is_some(), "theirs does not take our signatures");

    for side in &mut sides {
        for signature in [0x40, 0x680] {
            side.auth[signature..signature + 144].fill(0);
        }
    }
    let [theirs, ours] = sides;
    assert_eq!((theirs.block, theirs.digests), (ours.block, ours.digests));
    assert!(
        theirs.auth == ours.auth,
        "they differ beside their signatures"
    );
}

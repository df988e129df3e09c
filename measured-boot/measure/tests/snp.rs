//! `snp` as people and scripts use it: IGVM files, SVSMs, coverage.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod igvm_support;

use igvm_support::Builder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The sample's digest, as the crate that made it and a computation by hand have it.
const SAMPLE: &str = "6f42e5b95373aad0bf9aca031df87529e491d1708c1f591ea7b103f813ef18b777bfc687578861cde5d8cf1edf52e836";
/// Of sev-snp-measure's own test, with 4 vCPUs.
const SVSM: &str = "27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818bdb79277a44b2";

fn snp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
        .arg("snp")
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// A file among the vectors beside the repository, if it is there.
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

fn text(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn json(arguments: &[&str], code: i32) -> Value {
    let output = snp(&[arguments, &["-o", "json"]].concat());
    serde_json::from_str(&text(&output, code)).expect("one JSON document")
}

fn error(arguments: &[&str], code: i32) -> String {
    let output = snp(arguments);
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("the file can be written");
        path.to_str().expect("text").to_owned()
    }
}

#[test]
fn igvm_prints_the_published_digest_with_everything_the_file_says() {
    let Some(file) = vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let page = text(&snp(&["--igvm", &file]), 0);
    assert!(page.lines().any(|line| line == SAMPLE), "{page}");
    assert!(page.contains("policy 0x30000"), "{page}");
    let document = json(&["--igvm", &file, "--vcpus", "1"], 0);
    assert_eq!(document["launch_digest"], SAMPLE);
    assert_eq!(
        (&document["vcpus"], &document["policy"]),
        (&1.into(), &"0x30000".into())
    );
    assert_eq!(document["components"][0]["name"], "data");
    assert!(
        document["warnings"][0]
            .as_str()
            .expect("text")
            .contains("SNPActive")
    );
    assert_eq!(document.get("id_block"), None);
}

#[test]
fn igvm_pages_without_data_are_what_the_vmm_makes_of_them() {
    let Some(file) = vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let digest = |more: &[&str]| {
        let document = json(&[&["--igvm", &file], more].concat(), 0);
        document["launch_digest"].as_str().expect("text")[..8].to_owned()
    };
    assert_eq!(digest(&["--vmm-type", "cloister"]), "6f42e5b9");
    assert_eq!(digest(&["--vmm-type", "gce"]), "2ebd3388");
    assert_eq!(digest(&["--zero-pages", "zero"]), "2ebd3388");
    let both = ["--vmm-type", "gce", "--zero-pages", "normal"];
    assert_eq!(digest(&both), "6f42e5b9");
}

#[test]
fn igvm_with_what_it_says_itself_or_is_not_for_is_refused() {
    let folder = Folder::new();
    let file = folder.write(
        "a.igvm",
        &Builder::snp().page(0x1000, 0, &[7; 4096]).build(),
    );
    for other in [
        ["--ovmf", "/dev/null"],
        ["--vcpu-type", "EPYC"],
        ["--kernel", "/dev/null"],
        ["--svsm", "/dev/null"],
        ["--guest-features", "1"],
        ["--vmm-type", "ec2"],
    ] {
        error(&["--igvm", &file, other[0], other[1]], 2);
    }
    let said = error(&["--igvm", &file, "--vcpus", "3"], 1);
    assert!(said.contains("--vcpus 3") && said.contains(&file), "{said}");
    let tdx = folder.write("tdx.igvm", &Builder::default().platform(1, 3).build());
    let said = error(&["--igvm", &tdx], 1);
    assert!(said.contains("it is for TDX"), "{said}");
    let said = error(&["--igvm", "/dev/null"], 1);
    assert!(
        said.contains("at offset 0x0") && said.contains("--igvm /dev/null"),
        "{said}"
    );
    error(&["--vcpus", "1"], 2);
    error(&["--ovmf", "/dev/null"], 2);
}

#[test]
fn igvm_whose_id_block_is_for_another_launch_is_refused_and_printed() {
    let folder = Folder::new();
    let mut block = [0; 696];
    block[0] = 1;
    let builder = Builder::snp()
        .page(0x1000, 0, &[7; 4096])
        .header(0x30B, &block);
    let file = folder.write("a.igvm", &builder.build());
    let document = json(&["--igvm", &file], 3);
    assert_eq!(document["id_block"]["accepted"], false);
    assert_eq!(
        document["id_block"]["refused"],
        "it is for another launch digest"
    );
    assert_eq!(document["launch_digest"].as_str().map(str::len), Some(96));
    let page = text(&snp(&["--igvm", &file]), 3);
    assert!(page.contains("REFUSED"), "{page}");
}

/// The structure of an IGVM file from the two of the secure processor: the same numbers, packed.
fn packed(block: &[u8], auth: &[u8]) -> Vec<u8> {
    let key = |at: usize| [&auth[at..at + 4], &[0; 4], &auth[at + 4..at + 148]].concat();
    let parts = [
        &[1, 0, 0, 0, 1, 0, 0, 0],
        &block[..0x58],
        &auth[..8],
        &auth[0x40..0x40 + 144],
        &key(0x240),
        &auth[0x680..0x680 + 144],
        &key(0x880),
    ];
    parts.concat()
}

#[test]
fn igvm_with_the_owners_id_block_is_accepted_and_with_a_changed_one_refused() {
    let folder = Folder::new();
    let builder = Builder::snp().page(0x1000, 0, &[7; 4096]);
    let plain = folder.write("plain.igvm", &builder.build());
    let digest = json(&["--igvm", &plain], 0)["launch_digest"].clone();
    let words = "ecparam -genkey -noout -name secp384r1";
    let Ok(key) = Command::new("openssl").args(words.split(' ')).output() else {
        return println!("skipped: there is no openssl");
    };
    let key = folder.write("key.pem", &key.stdout);
    let files = ["block", "auth"].map(|name| folder.write(name, b""));
    let signed = Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
        .args([
            "id-block",
            "--launch-digest",
            digest.as_str().expect("text"),
        ])
        .args(["--id-key", &key, "--author-key", &key, "-o", "json"])
        .args(["--out-block", &files[0], "--out-auth", &files[1]])
        .output()
        .expect("the program runs");
    let signed: Value = serde_json::from_str(&text(&signed, 0)).expect("JSON");
    let [block, auth] = files.map(|path| std::fs::read(path).expect("written"));
    let mut contents = packed(&block, &auth);
    assert_eq!(contents.len(), 696);

    let file = folder.write("a.igvm", &builder.clone().header(0x30B, &contents).build());
    let found = json(&["--igvm", &file], 0)["id_block"].clone();
    assert_eq!(found["accepted"], true);
    for field in ["launch_digest", "id_key_digest", "author_key_digest"] {
        assert_eq!(found[field], signed[field], "{field}");
    }
    // A byte of the ID key's signature, then of the author's.
    for at in [104, 400] {
        contents[at] ^= 1;
        let file = folder.write("b.igvm", &builder.clone().header(0x30B, &contents).build());
        let found = json(&["--igvm", &file], 3)["id_block"].clone();
        assert!(
            found["refused"]
                .to_string()
                .contains("signature does not hold"),
            "{found}"
        );
        contents[at] ^= 1;
    }
}

#[test]
fn svsm_prints_the_published_digest_and_warns_of_it() {
    let folder = "sev-snp-measure/fixtures";
    let firmware = vector(&format!("{folder}/svsm_ovmf.fd"));
    let svsm = vector(&format!("{folder}/svsm.bin"));
    let Some((firmware, svsm)) = firmware.zip(svsm) else {
        return;
    };
    let launch = [
        "--ovmf",
        &firmware,
        "--svsm",
        &svsm,
        "--vcpus",
        "4",
        "--vcpu-type",
        "EPYC-v4",
    ];
    let with = |more: &[&str]| json(&[&launch, more].concat(), 0);
    let document = with(&["--guest-features", "0x21", "--vars-size", "540672"]);
    assert_eq!(document["launch_digest"], SVSM);
    assert_eq!(document["guest_features"], "0x1");
    let warnings = document["warnings"].to_string();
    assert!(warnings.contains("FCW is measured as 0"), "{warnings}");
    assert!(warnings.contains("and not as 0x21"), "{warnings}");
    assert_eq!(with(&[])["launch_digest"], SVSM);
    let todays = with(&["--vmm-type", "cloister"]);
    assert!(
        todays["launch_digest"]
            .as_str()
            .expect("text")
            .starts_with("a250e27d")
    );
    assert_eq!(todays["warnings"], serde_json::json!([]));
    let other_size = with(&["--vars-size", "131072"]);
    assert_ne!(other_size["launch_digest"], SVSM);

    let with_error = |more: &[&str], code| error(&[&launch, more].concat(), code);
    let cloud = with_error(&["--vmm-type", "gce"], 1);
    assert!(cloud.contains("gce launches no SVSM"), "{cloud}");
    with_error(&["--kernel", "/dev/null"], 2);
    let unaligned = with_error(&["--vars-size", "1"], 1);
    assert!(
        unaligned.contains(&svsm) && unaligned.contains("no multiple of 4096"),
        "{unaligned}"
    );
}

#[test]
fn firmware_digest_takes_the_place_of_the_image() {
    let Some(ovmf) = vector("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin") else {
        return;
    };
    // All three are of sev-snp-measure's own tests.
    let before = "086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74";
    let launch = ["--ovmf", &ovmf, "--vcpus", "1", "--vcpu-type", "EPYC-v4"];
    assert_eq!(json(&launch, 0)["firmware_digest"], before);
    let kernel = [
        "--kernel",
        "/dev/null",
        "--initrd",
        "/dev/null",
        "--firmware-digest",
        before,
    ];
    let of = |features| {
        let document = json(
            &[&launch[..], &kernel, &["--guest-features", features]].concat(),
            0,
        );
        assert_eq!(document.get("firmware_digest"), None);
        document["launch_digest"].as_str().expect("text").to_owned()
    };
    assert_eq!(
        of("0x21"),
        "329c8ce0972ae52343b64d34a434a86f245dfd74f5ed7aae15d22efc78fb9683632b9b50e4e1d7fa41179ef98a7ef198"
    );
    assert_eq!(
        of("0x1"),
        "ddc5224521617a536ee7ce9dd6224d1b58a8d4fda1c741f3ac99fc4bfa04ba6e9fc98646d4a07a9079397fa3852819b5"
    );
}

#[test]
fn coverage_shows_every_class_in_lines_that_fit_a_terminal() {
    let Some(ovmf) = vector("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin") else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "2", "--vcpu-type", "EPYC"];
    let page = text(&snp(&[&launch[..], &["--coverage"]].concat()), 0);
    for line in page.lines() {
        assert!(
            line.chars().count() <= 100,
            "too wide for a terminal: {line}"
        );
    }
    for class in ["measured  ", "reported  ", "unmeasured  "] {
        let lines = page.lines().filter(|line| line.starts_with(class));
        assert_eq!(lines.count(), 1, "{page}");
    }
    assert!(page.contains("the page at 0x809000"), "{page}");
    assert!(!text(&snp(&launch), 0).contains("unmeasured"));

    let class_of_kernel = |more: &[&str]| {
        let document = json(&[&launch[..], more].concat(), 0);
        let rows = document["coverage"].as_array().expect("rows").clone();
        let row = rows
            .iter()
            .find(|row| row["field"] == "kernel")
            .expect("one");
        row["class"].as_str().expect("text").to_owned()
    };
    assert_eq!(class_of_kernel(&[]), "unmeasured");
    assert_eq!(class_of_kernel(&["--kernel", "/dev/null"]), "measured");
}

#[test]
fn page_has_equal_vcpus_in_one_row_and_json_each_by_itself() {
    let Some(ovmf) = vector("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin") else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "240", "--vmm-type", "gce"];
    let page = text(&snp(&launch), 0);
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("vcpu"))
        .collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert!(
        rows[1].starts_with("vcpu1..239 ") && rows[1].contains(" 239 "),
        "{page}"
    );
    let document = json(&launch, 0);
    let components = document["components"].as_array().expect("components");
    assert_eq!(components.last().expect("a vCPU")["name"], "vcpu239");
}

#[test]
fn coverage_of_an_igvm_file_counts_what_the_host_writes() {
    let folder = Folder::new();
    let builder = Builder::snp()
        .area(0, 0x3000, &[])
        .page(0x1000, 0, &[7; 4096])
        .page(0x2000, 2, &[])
        .page(0x3000, 4, &[])
        .insert(0x8000, 0);
    let file = folder.write("a.igvm", &builder.build());
    let document = json(&["--igvm", &file], 0);
    let what = |field: &str| {
        let rows = document["coverage"].as_array().expect("rows");
        let row = rows
            .iter()
            .find(|row| row["field"] == field)
            .expect("a row");
        format!(
            "{} {}",
            row["class"].as_str().expect("text"),
            row["what"].as_str().expect("text")
        )
    };
    assert_eq!(what("data"), "measured 1 page");
    assert_eq!(what("parameters"), "unmeasured 3 pages");
    assert_eq!(what("unmeasured"), "unmeasured 1 page");
    assert_eq!(what("shared"), "unmeasured 1 page");
}

/// Other tools print a launch digest as base64; so does QEMU take it.
#[test]
fn id_block_takes_a_launch_digest_in_hexadecimal_or_base64() {
    let folder = Folder::new();
    let key = Command::new("openssl")
        .args(["ecparam", "-genkey", "-name", "secp384r1"])
        .output();
    let Some(key) = key.ok().filter(|key| key.status.success()) else {
        return println!("skipped: there is no openssl");
    };
    let key = folder.write("id.pem", &key.stdout);
    let block_for = |digest: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cloister-measure"));
        program.args([
            "id-block",
            "--id-key",
            &key,
            "--launch-digest",
            digest,
            "-o",
            "json",
        ]);
        program.output().expect("the program runs")
    };
    let field = |output: Output| {
        let document: Value = serde_json::from_str(&text(&output, 0)).expect("JSON");
        document["id_block"].clone()
    };
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

//! `diff`, from the command line.

use crate::support::{self, CONFIG, Folder, POLICY, program, report, says, vector};
use serde_json::Value;
use std::path::Path;
use std::process::Output;

/// Two machines, `a.toml` and `b.toml`, with one kernel and initrd.
fn machines(b: &str) -> Folder {
    let folder = Folder::with_machine();
    folder.write("a.toml", CONFIG.as_bytes());
    folder.write("b.toml", b.as_bytes());
    folder
}

/// Writes the manifest of a machine, and a report that shows its digest.
fn launched(folder: &Folder, name: &str) {
    let manifest = folder.path("manifest");
    let output = run(
        &["plan", "-o", "json"],
        &[&folder.path(name)],
        &[("--manifest", &manifest)],
    );
    let document = support::document(&output, 0);
    let digest = document["launch_digest"].as_str().expect("text");
    folder.write("report", &report(digest, POLICY));
}

fn run(command: &[&str], files: &[&Path], options: &[(&str, &Path)]) -> Output {
    let mut program = program();
    program.args(command).args(files);
    for (option, path) in options {
        program.arg(option).arg(path);
    }
    program.output().expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn json(files: [&Path; 2], options: &[(&str, &Path)]) -> Value {
    support::document(&run(&["diff", "-o", "json"], &files, options), 0)
}

#[test]
fn plans_that_differ_are_compared_for_people() {
    let folder = machines(
        &CONFIG
            .replace("ttyS0", "ttyS0 quiet")
            .replace("kind = \"simulated\"", "kind = \"simulated\"\ndebug = true"),
    );
    let output = run(
        &["diff"],
        &[&folder.path("a.toml"), &folder.path("b.toml")],
        &[],
    );
    assert_eq!(output.status.code(), Some(0));
    let page = text(&output);
    let from = page.find("measured:").expect("a first group");
    assert_eq!(
        &page[from..],
        "measured: a digest shows it
  - boot_params: cmdline_size (the command line's length) is 0xd in A, 0x13 in B
    => follows the command line
  - the command line has `quiet` only in B
    => every byte of the command line is measured: write the same

reported: in no digest, but in the report
  - POLICY is 0x30000 (SMT) in A, 0xb0000 (SMT, DEBUG) in B
    => with DEBUG the host reads and writes the guest's memory: such a guest keeps no secret

"
    );
    assert!(page.starts_with("A: "), "{page}");
}

#[test]
fn plan_and_itself_are_equal_and_exit_with_0() {
    let folder = machines(CONFIG);
    let document = json([&folder.path("a.toml"), &folder.path("b.toml")], &[]);
    assert_eq!(document["equal"], true);
    assert_eq!(document["differences"], serde_json::json!([]));
    assert_eq!(
        document["a"]["launch_digest"],
        document["b"]["launch_digest"]
    );
    let output = run(
        &["diff"],
        &[&folder.path("a.toml"), &folder.path("b.toml")],
        &[],
    );
    assert!(text(&output).contains("The same: nothing differs."));
}

#[test]
fn json_has_the_values_the_class_and_the_sentence_of_each() {
    let folder = machines(&CONFIG.replace("count = 2", "count = 3"));
    let document = json([&folder.path("a.toml"), &folder.path("b.toml")], &[]);
    assert_eq!(document["equal"], false);
    assert_eq!(
        document["differences"][1],
        serde_json::json!({
            "difference": "vcpu-count",
            "a": 2,
            "b": 3,
            "shown": "measured",
            "says": "the number of vCPUs is 2 in A, 3 in B",
            "advice": "launch with the number that was planned, or register a reference value for each number",
        })
    );
    assert_eq!(document["a"]["kind"], "launch configuration");
}

#[test]
fn plan_against_a_report_with_its_manifest_is_told_to_the_word() {
    let folder = machines(&CONFIG.replace("ttyS0", "ttyS0 quiet"));
    launched(&folder, "b.toml");
    let files = [&*folder.path("a.toml"), &*folder.path("report")];
    let document = json(files, &[("--manifest", &folder.path("manifest"))]);
    assert_eq!(
        says(&document),
        [
            "boot_params: cmdline_size (the command line's length) is 0xd in A, 0x13 in B",
            "the command line has `quiet` only in B",
        ]
    );
    // Without it there is only the digest.
    let document = json(files, &[]);
    assert_eq!(document["differences"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["differences"][0]["difference"], "digest");
    let files = [&*folder.path("manifest"), &*folder.path("report")];
    assert_eq!(
        json(files, &[])["equal"],
        true,
        "the manifest explains the report"
    );
}

#[test]
fn manifest_of_another_launch_is_not_heard() {
    let folder = machines(&CONFIG.replace("ttyS0", "ttyS0 quiet"));
    launched(&folder, "b.toml");
    folder.write("report", &report(&"07".repeat(48), POLICY));
    let files = [&*folder.path("a.toml"), &*folder.path("report")];
    let output = run(
        &["diff"],
        &files,
        &[("--manifest", &folder.path("manifest"))],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("it is another launch's"), "{error}");
}

#[test]
fn reports_are_read_as_they_are_in_hexadecimal_and_in_base64() {
    use base64::Engine;
    let folder = machines(CONFIG);
    let bytes = report(&"07".repeat(48), POLICY);
    folder.write("binary", &bytes);
    folder.write("hex", format!("{}\n", hex::encode(&bytes)).as_bytes());
    folder.write(
        "base64",
        base64::prelude::BASE64_STANDARD.encode(&bytes).as_bytes(),
    );
    for name in ["hex", "base64"] {
        let document = json([&folder.path("binary"), &folder.path(name)], &[]);
        assert_eq!(document["equal"], true, "{name}");
        assert_eq!(document["b"]["kind"], "SNP attestation report");
    }
}

#[test]
fn evidence_with_its_manifest_is_compared_like_report_and_manifest() {
    use base64::Engine;
    let folder = machines(&CONFIG.replace("ttyS0", "ttyS0 quiet"));
    launched(&folder, "b.toml");
    let read = |name: &str| {
        let bytes = std::fs::read(folder.path(name)).expect("it was written");
        base64::prelude::BASE64_STANDARD.encode(bytes)
    };
    let evidence = serde_json::json!({
        "attestation_report": read("report"),
        "cert_chain": ["", "", ""],
        "manifest": read("manifest"),
    });
    folder.write("evidence.json", evidence.to_string().as_bytes());
    let document = json([&folder.path("a.toml"), &folder.path("evidence.json")], &[]);
    assert_eq!(
        says(&document)[1..],
        ["the command line has `quiet` only in B"]
    );
}

#[test]
fn unlike_kinds_are_refused_with_what_goes_together() {
    let folder = machines(CONFIG);
    launched(&folder, "a.toml");
    folder.write("log", &[0; 7]);
    let refused = |a: &str, b: &str, expected: &str| {
        let output = run(&["diff"], &[&folder.path(a), &folder.path(b)], &[]);
        assert_eq!(output.status.code(), Some(1), "{a} {b}");
        assert!(output.stdout.is_empty());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(expected), "{error}");
    };
    folder.write("image.igvm", b"IGVM and so on");
    refused(
        "a.toml",
        "image.igvm",
        "these cannot be compared; a launch configuration is compared with",
    );
    refused("vmlinux", "a.toml", "this is an ELF file");
    folder.write("other.json", b"{}");
    refused(
        "other.json",
        "a.toml",
        "without an `attestation_report` of 1184 bytes in base64",
    );
    refused("a.toml", "absent", "cannot be read");
    folder.write("cut", b"CLMF\x01\0");
    refused("cut", "a.toml", "the manifest ends before its contents do");
    let options = [("--manifest", &*folder.path("manifest"))];
    let output = run(
        &["diff"],
        &[&folder.path("a.toml"), &folder.path("b.toml")],
        &options,
    );
    assert_eq!(output.status.code(), Some(1), "a manifest of neither");
}

/// A file's name, and what it holds, are no commands to a terminal.
#[test]
fn text_of_files_cannot_drive_a_terminal() {
    let folder = machines(CONFIG);
    let config = CONFIG.replace(
        "[cpu]",
        "[[disk]]\npath = \"x\\u001b[2J\"\nread_only = true\n[cpu]",
    );
    let name = "b\u{1b}[2J.toml";
    folder.write(name, config.as_bytes());
    let output = run(
        &["diff"],
        &[&folder.path("a.toml"), &folder.path(name)],
        &[],
    );
    let page = text(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(!page.contains('\u{1b}'), "{page:?}");
}

#[test]
fn published_images_are_compared_by_their_metadata() {
    let fixtures = "sev-snp-measure/fixtures";
    let amd_sev = vector(&format!("{fixtures}/ovmf_AmdSev_suffix.bin"));
    let x64 = vector(&format!("{fixtures}/ovmf_OvmfX64_suffix.bin"));
    let Some((a, b)) = amd_sev.zip(x64) else {
        return;
    };
    let document = json([Path::new(&a), Path::new(&b)], &[]);
    assert!(says(&document).contains(
        &"section SNP_KERNEL_HASHES of the SEV metadata is 0x810000 to 0x811000 in A, absent in B"
    ));
    assert_eq!(document["a"]["kind"], "firmware image");
}

/// A FACS and a DSDT, as QEMU's file begins.
fn qemus_tables(code: u8) -> Vec<u8> {
    let table = |signature: &[u8; 4], bytes: usize| {
        let mut table = vec![0; bytes];
        table[..4].copy_from_slice(signature);
        table[4] = u8::try_from(bytes).expect("it is short");
        table
    };
    let mut dsdt = table(b"DSDT", 48);
    dsdt[40] = code;
    [table(b"FACS", 64), dsdt, vec![0; 144]].concat()
}

#[test]
fn acpi_tables_of_qemu_are_compared_by_their_names() {
    let folder = Folder::empty();
    folder.write("a", &qemus_tables(8));
    folder.write("b", &qemus_tables(9));
    folder.write("c", &[&qemus_tables(8)[..], b"no table"].concat());
    let compared = |other: &str| json([&folder.path("a"), &folder.path(other)], &[]);
    assert_eq!(
        says(&compared("b")),
        ["ACPI table DSDT: 1 byte at offset 0x28 is 08 in A, 09 in B"]
    );
    assert_eq!(compared("a")["equal"], true);
    assert_eq!(compared("c")["equal"], false);
}

//! `explain`, from the command line.

use crate::firmware;
use crate::support::{CONFIG, Folder, POLICY, document, report, vector};
use serde_json::Value;

/// A machine of ours, and a firmware made by hand.
fn machine_and_firmware() -> Folder {
    let folder = Folder::with_machine();
    folder.write("ovmf.fd", &firmware::Parts::whole().image());
    folder
}

/// Writes a report that shows what a command predicts.
fn launched(folder: &Folder, command: &[&str]) {
    let document = document(&folder.run(&[command, &["-o", "json"]].concat()), 0);
    let digest = document["launch_digest"].as_str().expect("text");
    folder.write("report", &report(digest, POLICY));
}

fn explained(folder: &Folder, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = folder.run(&[&["explain", "report", "-o", "json"], arguments].concat());
    let document = serde_json::from_slice(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    (
        output.status.code(),
        document.unwrap_or_else(|_| panic!("{error}")),
    )
}

const OVMF: [&str; 6] = [
    "--against",
    "ovmf.fd",
    "--vcpus",
    "2",
    "--vcpu-type",
    "EPYC-Milan",
];

fn would_match(document: &serde_json::Value) -> Vec<Vec<&str>> {
    let fits = document["fits"].as_array().expect("a list");
    fits.iter()
        .map(|fit| {
            let changes = fit["would_match_if"].as_array().expect("a list");
            changes
                .iter()
                .map(|change| change["says"].as_str().expect("text"))
                .collect()
        })
        .collect()
}

#[test]
fn digest_as_planned_is_said_with_exit_0_and_that_no_signature_was_checked() {
    let folder = machine_and_firmware();
    launched(&folder, &["plan", "vm.toml"]);
    let (code, document) = explained(&folder, &["--against", "vm.toml"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["matches"], true);
    assert_eq!(document["signature_checked"], false);
    assert_eq!(document["differences"], serde_json::json!([]));
    let page = folder.run(&["explain", "report", "--against", "vm.toml"]);
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(
        page.contains("The launch digest is the planned one.\n"),
        "{page}"
    );
    assert!(
        page.contains("the signature was not checked here"),
        "{page}"
    );
    assert!(
        page.contains("POLICY             0x30000 (SMT)\n"),
        "{page}"
    );
}

#[test]
fn policy_beside_the_planned_digest_is_told_too() {
    let folder = machine_and_firmware();
    launched(&folder, &["plan", "vm.toml"]);
    let mut bytes = std::fs::read(folder.path("report")).expect("it was written");
    bytes[10] |= 8;
    folder.write("report", &bytes);
    let (code, document) = explained(&folder, &["--against", "vm.toml"]);
    assert_eq!(code, Some(0), "the digest is the planned one");
    assert_eq!(
        document["differences"][0]["says"],
        "POLICY is 0x30000 (SMT) in the plan, 0xb0000 (SMT, DEBUG) in the report"
    );
    assert!(
        document["notes"]
            .to_string()
            .contains("POLICY allows DEBUG")
    );
}

#[test]
fn other_number_of_vcpus_of_ours_is_found_with_exit_3() {
    let folder = machine_and_firmware();
    folder.write(
        "other.toml",
        CONFIG.replace("count = 2", "count = 4").as_bytes(),
    );
    launched(&folder, &["plan", "other.toml"]);
    let (code, document) = explained(&folder, &["--against", "vm.toml"]);
    assert_eq!(code, Some(3));
    assert_eq!(document["matches"], false);
    assert_eq!(would_match(&document), [["the guest has 4 vCPUs"]]);
    let differences = document["fits"][0]["differences"].as_array();
    let last = differences.and_then(|list| list.last()).expect("a list");
    assert_eq!(
        last["says"],
        "the number of vCPUs is 2 in the plan, 4 in the report"
    );
}

#[test]
fn manifest_that_explains_the_digest_is_heard_and_another_is_not() {
    let folder = machine_and_firmware();
    folder.write("other.toml", CONFIG.replace("ttyS0", "ttyS7").as_bytes());
    launched(&folder, &["plan", "other.toml", "--manifest", "manifest"]);
    let with_manifest = ["--against", "vm.toml", "--manifest", "manifest"];
    let (code, document) = explained(&folder, &with_manifest);
    assert_eq!(code, Some(3));
    assert_eq!(
        document["differences"][0]["says"],
        "the command line has `console=ttyS0` only in the plan, `console=ttyS7` only in the report"
    );
    launched(&folder, &["plan", "vm.toml"]);
    let (code, document) = explained(&folder, &with_manifest);
    assert_eq!(code, Some(0));
    assert!(document["notes"].to_string().contains("it was not heard"));
    // Of a third launch it says nothing either: what is known is tried instead.
    folder.write(
        "third.toml",
        CONFIG.replace("count = 2", "count = 4").as_bytes(),
    );
    launched(&folder, &["plan", "third.toml"]);
    let (code, document) = explained(&folder, &with_manifest);
    assert_eq!(code, Some(3));
    assert_eq!(document["differences"], serde_json::json!([]));
    assert_eq!(would_match(&document), [["the guest has 4 vCPUs"]]);
}

#[test]
fn firmware_is_explained_by_host_and_vcpus() {
    let folder = machine_and_firmware();
    let snp = ["snp", "--ovmf", "ovmf.fd", "--vcpu-type", "EPYC-Milan"];
    launched(&folder, &[&snp[..], &["--vcpus", "2"]].concat());
    assert_eq!(explained(&folder, &OVMF).0, Some(0));
    launched(
        &folder,
        &[&snp[..], &["--vcpus", "5", "--guest-features", "0x21"]].concat(),
    );
    let (code, document) = explained(&folder, &OVMF);
    assert_eq!(code, Some(3));
    assert_eq!(
        would_match(&document),
        [[
            "SEV_FEATURES is 0x21 (SNPActive, DebugSwap)",
            "the guest has 5 vCPUs"
        ]]
    );
    assert_eq!(document["fits"][0]["vcpus"], 5);
    launched(
        &folder,
        &[
            "snp",
            "--ovmf",
            "ovmf.fd",
            "--vcpus",
            "2",
            "--vmm-type",
            "gce",
        ],
    );
    let (_, document) = explained(&folder, &OVMF);
    assert_eq!(would_match(&document), [["the VMM is gce"]]);
}

#[test]
fn kernel_and_command_line_of_firmware_are_explained() {
    let folder = machine_and_firmware();
    folder.write("kernel", b"kernel");
    let kernel = ["--kernel", "kernel", "--append", "quiet"];
    let snp = [
        "snp",
        "--ovmf",
        "ovmf.fd",
        "--vcpus",
        "2",
        "--vcpu-type",
        "EPYC-Milan",
    ];
    launched(
        &folder,
        &[&snp[..], &["--kernel", "kernel", "--append", "quiet "]].concat(),
    );
    let (code, document) = explained(&folder, &[&OVMF[..], &kernel].concat());
    assert_eq!(code, Some(3));
    assert_eq!(
        would_match(&document),
        [["the command line ends with a blank"]]
    );
    launched(&folder, &snp);
    let (_, document) = explained(&folder, &[&OVMF[..], &kernel].concat());
    assert_eq!(
        would_match(&document),
        [["the VMM gave the firmware no kernel hashes"]]
    );
}

#[test]
fn what_nothing_known_gives_is_said_with_what_was_tried() {
    let folder = machine_and_firmware();
    folder.write("report", &report(&"07".repeat(48), POLICY));
    let (code, document) = explained(&folder, &OVMF);
    assert_eq!(code, Some(3));
    assert_eq!(document["fits"], serde_json::json!([]));
    assert_eq!(document["tried"]["cut_short"], false);
    assert!(document["tried"]["launches"].as_u64() > Some(10_000));
    let page = folder.run(&[&["explain", "report"], &OVMF[..]].concat());
    let page = String::from_utf8(page.stdout).expect("text");
    assert!(page.contains("Nothing that is known here fits"), "{page}");
    assert!(page.contains("with 1 to 512 vCPUs"), "{page}");
}

#[test]
fn what_a_manifest_cannot_explain_is_said_to_lie_beside_its_vcpus() {
    let folder = machine_and_firmware();
    launched(&folder, &["plan", "vm.toml", "--manifest", "manifest"]);
    folder.write("report", &report(&"07".repeat(48), POLICY));
    let output = folder.run(&["explain", "report", "--against", "manifest"]);
    assert_eq!(output.status.code(), Some(3));
    let page = String::from_utf8(output.stdout).expect("text");
    assert!(
        page.contains("fits: of a manifest only the vCPUs are varied"),
        "{page}"
    );
    assert!(page.contains("with 1 to 512 vCPUs"), "{page}");
    assert!(!page.contains("command line is another one"), "{page}");
}

#[test]
fn what_cannot_be_explained_ends_with_1_and_nothing_on_stdout() {
    let folder = machine_and_firmware();
    launched(&folder, &["plan", "vm.toml"]);
    let refused = |arguments: &[&str], expected: &str| {
        let output = folder.run(&[&["explain"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        &["report", "--against", "ovmf.fd"],
        "give the number of vCPUs as --vcpus",
    );
    refused(
        &["report", "--against", "ovmf.fd", "--vcpus", "1"],
        "--vcpu-type or --vcpu-sig is needed",
    );
    refused(
        &["report", "--against", "report"],
        "give a vm.toml, a prediction, a manifest, an OVMF image or an IGVM file",
    );
    refused(
        &["vm.toml", "--against", "vm.toml"],
        "give an SNP report or a TDX quote",
    );
    refused(&["absent", "--against", "vm.toml"], "cannot be read");
}

#[test]
fn real_report_against_real_firmware_is_not_explained_and_says_so() {
    let (Some(report), Some(firmware)) = (
        vector("trustee/deps/verifier/test_data/snp/test-report.bin"),
        vector("measured-boot/debian-ovmf/OVMF.fd"),
    ) else {
        return;
    };
    let folder = machine_and_firmware();
    let output = folder.run(&[
        "explain",
        &report,
        "--against",
        &firmware,
        "--vcpus",
        "1",
        "--vcpu-type",
        "EPYC-Milan",
        "-o",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(3));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["fits"], serde_json::json!([]));
    assert_eq!(
        document["reported"][0]["value"],
        "0x3001f (SMT, ABI at least 0.31)"
    );
}

/// Debian's firmware in a quote: single-pass is as planned, two-pass is found.
#[test]
fn quote_is_explained_by_the_order_of_pages() {
    let (Some(quote), Some(firmware)) = (
        vector("go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat"),
        vector("measured-boot/debian-ovmf/OVMF.fd"),
    ) else {
        return;
    };
    let folder = machine_and_firmware();
    let bytes = std::fs::read(quote).expect("it is there");
    let launched = |extra: &[&str]| {
        let output = folder.run(&[&["tdx", "-o", "json", "--firmware", &firmware], extra].concat());
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let mrtd = hex::decode(document["mrtd"].as_str().expect("text")).expect("hexadecimal");
        let mut bytes = bytes.clone();
        bytes[184..232].copy_from_slice(&mrtd);
        folder.write("report", &bytes);
        explained(&folder, &["--against", &firmware])
    };
    let (code, document) = launched(&[]);
    assert_eq!((code, &document["matches"]), (Some(0), &true.into()));
    let (code, document) = launched(&["--two-pass"]);
    assert_eq!(code, Some(3));
    let says = document["findings"][0]["says"].as_str().expect("text");
    assert!(says.contains("plan with --two-pass"), "{says}");
    folder.write("report", &bytes);
    let (code, document) = explained(&folder, &["--against", &firmware]);
    assert_eq!(code, Some(3));
    let says = document["findings"][0]["says"].as_str().expect("text");
    assert!(says.starts_with("of another image"), "{says}");
}

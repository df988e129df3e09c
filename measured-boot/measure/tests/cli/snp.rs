//! `snp` as people and scripts use it: OVMF images, SVSMs, coverage.

mod igvm;

use crate::support::{Folder, document, run, stdout, vector};
use serde_json::Value;
use std::process::Output;

/// Of sev-snp-measure's own test, with 4 vCPUs.
const SVSM: &str = "27d154c27b7b359c935e250ec6fee72aa0ae8c1225e3b0e1cf46a9567e938066d7d6f94bbdc4a857818bdb79277a44b2";

fn snp(arguments: &[&str]) -> Output {
    run("snp", arguments)
}

fn json(arguments: &[&str], code: i32) -> Value {
    document(&snp(&[arguments, &["-o", "json"]].concat()), code)
}

fn error(arguments: &[&str], code: i32) -> String {
    crate::support::error(&snp(arguments), code)
}

#[test]
fn snp_prints_the_published_digest_as_page_and_as_json() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "2", "--vcpu-type", "EPYC-Milan"];
    let published = "a175292a4a09fcfb760c5bd80c93ed667dbaafce6247d0f21fc06638658b3ebf2804d3019e2abed05cb6a9efe0a7464e";
    let page = stdout(&snp(&launch), 0);
    assert!(page.lines().any(|line| line == published), "{page}");

    let json = stdout(&snp(&[launch.as_slice(), &["-o", "json"]].concat()), 0);
    let document: serde_json::Value = serde_json::from_str(&json).expect("one JSON document");
    assert_eq!(document["launch_digest"], published);
    assert_eq!(document["components"][0]["name"], "firmware");
    assert_eq!(document["cpu_signature"], "0x00a00f11");
    assert_eq!(document["warnings"], serde_json::json!([]));
}

#[test]
fn snp_of_a_cloud_needs_no_cpu_and_of_qemu_it_does() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "1"];
    let cloud = stdout(
        &snp(&[launch.as_slice(), &["--vmm-type", "ec2"]].concat()),
        0,
    );
    assert!(cloud.contains("0aaa035d47b06741a745a62cb88eade395f648a7383d71cc322fab9df33859ca3c188a0578534c01526f1b4c0f0b0eb6"));
    let qemu = snp(&launch);
    assert_eq!(qemu.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&qemu.stderr).contains("--vcpu-type or --vcpu-sig is needed"));
}

#[test]
fn snp_with_a_kernel_that_nobody_checks_is_refused_with_the_remedy() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "1", "--vcpu-type", "EPYC"];
    let output = snp(&[launch.as_slice(), &["--kernel", "/dev/null"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("no SNP_KERNEL_HASHES section") && said.contains("AmdSev"),
        "{said}"
    );
}

#[test]
fn snp_of_a_file_that_is_no_firmware_names_file_offset_and_rule() {
    let folder = Folder::empty();
    folder.write("zeros", &[0; 8192]);
    let zeros = folder.path("zeros");
    let zeros = zeros.to_str().expect("text");
    let output = snp(&["--ovmf", zeros, "--vcpus", "1", "--vcpu-type", "EPYC"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(zeros) && said.contains("at offset 0x1fce") && said.contains("OVMF_VARS"),
        "{said}"
    );
}

#[test]
fn snp_features_that_no_guest_has_are_measured_with_a_warning() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    for (features, warned) in [
        ("0x1", false),
        ("0x21", false),
        ("0x20", true),
        ("0x10000001", true),
    ] {
        let launch = ["--ovmf", &ovmf, "--vcpus", "1", "--vmm-type", "gce"];
        let output = snp(&[launch.as_slice(), &["--guest-features", features]].concat());
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(!output.stderr.is_empty(), warned, "{features}");
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
    let page = stdout(&snp(&[&launch[..], &["--coverage"]].concat()), 0);
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
    assert!(!stdout(&snp(&launch), 0).contains("unmeasured"));

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
    let page = stdout(&snp(&launch), 0);
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

//! `tdx` as people and scripts use it: MRTD, what is missing, and what is refused.

mod boot;
mod rtmr0;

use crate::support::{document, run, stdout, vector};
use crate::{support, tdvf};
use serde_json::Value;

/// The one document on stdout.
fn json(arguments: &[&str]) -> Value {
    document(&run("tdx", &[arguments, &["-o", "json"]].concat()), 0)
}

/// What is said of a failure, with nothing on stdout.
fn error(arguments: &[&str]) -> String {
    support::error(&run("tdx", &[arguments, &["-o", "json"]].concat()), 1)
}

fn usage(arguments: &[&str]) -> String {
    support::error(&run("tdx", arguments), 2)
}

/// A folder with a firmware made by hand in it.
struct Folder(support::Folder);

impl Folder {
    fn new() -> Self {
        let folder = support::Folder::empty();
        folder.write("OVMF.fd", &tdvf::image(&tdvf::rows()));
        Self(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        self.0.write(name, bytes)
    }

    fn firmware(&self) -> String {
        self.0.named("OVMF.fd")
    }
}

fn sha384(bytes: &[u8]) -> String {
    hex::encode(measured_boot_digest::sha384(bytes))
}

/// The digest of an event.
fn event<'v>(document: &'v Value, register: &str, name: &str) -> &'v Value {
    let events = document["events"].as_array().expect("a list");
    let event = events
        .iter()
        .find(|event| event["register"] == register && event["name"] == name);
    &event.unwrap_or_else(|| panic!("{name} is there"))["digest"]
}

#[test]
fn mrtd_of_debians_firmware_is_that_of_others_in_both_orders() {
    let Some(path) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let path = path.as_str();
    let document = json(&["--firmware", path]);
    let single = "4c7206f0f483c524f12c366c711e9049030a8d47c471ee5aa9c4999a08de4057fb887fed0744d5631a212967fb231c47";
    assert_eq!(document["tee"], "tdx");
    assert_eq!(document["launch_digest"], single);
    assert_eq!(document["mrtd"], single);
    assert_eq!(document["page_order"], "single-pass");
    assert_eq!(document["rtmr0"], Value::Null);
    assert_eq!(document["rtmr3"], "00".repeat(48));
    let variables = &document["components"][1];
    assert_eq!(variables["name"], "CFV");
    assert_eq!(variables["gpa"], "0xffe00000");
    assert_eq!(variables["measured"], "addresses");
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(variables["sha384"], sha384(&bytes[..0x2_0000]));
    let document = json(&["--firmware", path, "--two-pass"]);
    let two = "acccbcc870a381adab0d3919d90a7f268ac3b0364771f202ed4bb4e892d045b33db3b32e6924cba830a724eed443f7e1";
    assert_eq!(document["launch_digest"], two);
    assert_eq!(document["page_order"], "two-pass");
}

#[test]
fn mrtd_of_an_igvm_file_is_that_of_others() {
    let Some(path) = vector("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let path = path.as_str();
    let document = json(&["--igvm", path]);
    let expected = "e5b664c2f8fc076acd3376ab8097523052f6e3b85042c8122d7cd0a7697be779cc67bdd92a7c1ddaca4dde0080ebd9fb";
    assert_eq!(document["launch_digest"], expected);
    assert_eq!(document["page_order"], "file");
    assert!(usage(&["--igvm", path, "--two-pass"]).contains("--two-pass"));
}

#[test]
fn page_for_people_has_the_registers_in_full_and_what_is_missing() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let mrtd = json(&["--firmware", &firmware])["mrtd"].clone();
    let page = stdout(&run("tdx", &["--firmware", &firmware]), 0);
    assert!(
        page.contains(&format!("mrtd   {}", mrtd.as_str().unwrap())),
        "{page}"
    );
    assert!(page.contains("5 sections, metadata at 0x3800 by the footer table, single-pass"));
    assert!(page.contains("ACPI tables (--acpi-tables)"));
    assert!(page.lines().any(|line| line == "rtmr1  unknown without"));
    assert!(!page.contains("MRCONFIGID") && !page.contains("separator"));
    let page = stdout(
        &run(
            "tdx",
            &["--firmware", &firmware, "--memory", "2G", "--coverage"],
        ),
        0,
    );
    for word in [
        "MRCONFIGID",
        "MROWNER",
        "TDATTRIBUTES",
        "XFAM",
        "vcpus",
        "separator",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

#[test]
fn inputs_that_are_missing_are_named_by_register() {
    let folder = Folder::new();
    let document = json(&["--firmware", &folder.firmware(), "--memory", "2048"]);
    let missing = &document["missing"];
    assert_eq!(missing["rtmr0"].as_array().unwrap().len(), 3);
    assert_eq!(missing["rtmr0"][2], "ACPI tables (--acpi-tables)");
    assert_eq!(missing["rtmr1"][0], "kernel or UKI (--kernel or --uki)");
    assert!(missing.get("rtmr3").is_none());
    let reported: Vec<_> = document["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["class"] == "reported")
        .map(|row| row["field"].as_str().unwrap())
        .collect();
    let expected = [
        "attributes",
        "xfam",
        "mrconfigid",
        "mrowner",
        "mrownerconfig",
    ];
    assert_eq!(reported, expected);
}

#[test]
fn firmware_that_cannot_be_launched_is_refused_with_place_and_rule() {
    let folder = Folder::new();
    let spoilt = folder.write("spoilt", &[0; 4096]);
    let said = error(&["--firmware", &spoilt]);
    assert!(
        said.contains("at offset 0xfe0 of the image: there is neither"),
        "{said}"
    );
    let whole = tdvf::image(&tdvf::rows());
    let code = folder.write("CODE.fd", &whole[0x1000..]);
    let said = error(&["--firmware", &code]);
    assert!(said.contains("this is the code half of an image"), "{said}");
    let variables = folder.write("VARS.fd", &whole[..0x1000]);
    let document = json(&["--firmware", &code, "--firmware-vars", &variables]);
    assert_eq!(
        document["mrtd"],
        json(&["--firmware", &folder.firmware()])["mrtd"]
    );
    assert!(usage(&[]).contains("--firmware"));
    usage(&["--firmware", &code, "--igvm", &code]);
    let said = error(&["--igvm", &code]);
    assert!(said.contains("at offset"), "{said}");
}

#[test]
fn firmware_that_measures_less_than_one_would_think_is_warned_of() {
    let folder = Folder::new();
    let mut rows = tdvf::rows();
    rows[0].attributes = 0;
    let path = folder.write("open.fd", &tdvf::image(&rows));
    let document = json(&["--firmware", &path]);
    assert!(
        document["warnings"][0]
            .as_str()
            .unwrap()
            .contains("not measured")
    );
    let mut image = tdvf::image(&tdvf::rows());
    tdvf::put(&mut image, 0x2000, b"TDVF");
    tdvf::put(
        &mut image,
        tdvf::IMAGE_BYTES - 0x20,
        &0x2000u32.to_le_bytes(),
    );
    let path = folder.write("two.fd", &image);
    let document = json(&["--firmware", &path]);
    assert!(document["warnings"][0].as_str().unwrap().contains("0x2000"));
}

#[test]
fn payload_that_the_vmm_fills_in_is_asked_for() {
    let folder = Folder::new();
    let mut rows = tdvf::rows();
    rows.push(tdvf::row(0, 0, 0x200_0000, 0x2000, 5, 1));
    let path = folder.write("shim.fd", &tdvf::image(&rows));
    assert!(error(&["--firmware", &path]).contains("the payload is needed"));
    let payload = folder.write("payload", b"payload");
    let document = json(&["--firmware", &path, "--payload", &payload]);
    assert_eq!(document["components"][5]["sha384"], sha384(b"payload"));
    let said = error(&["--firmware", &folder.firmware(), "--payload", &payload]);
    assert!(said.contains("no Payload section"), "{said}");
}

//! `tdx` as people and scripts use it.

#[path = "../../firmware/tests/tdvf_support/mod.rs"]
mod tdvf;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs `tdx` with these arguments.
fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
        .arg("tdx")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The one document on stdout.
fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["-o", "json"]].concat());
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    serde_json::from_slice(&output.stdout).expect("one document")
}

/// What is said of a failure, with nothing on stdout.
fn error(arguments: &[&str]) -> String {
    let output = run(&[arguments, &["-o", "json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

fn usage(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// A file of others, or `None` and a word that the test was skipped.
fn vector(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// A folder with a firmware made by hand in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder can be made"));
        folder.write("OVMF.fd", &tdvf::image(&tdvf::rows()));
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("it can be written");
        path.to_str().expect("text").to_owned()
    }

    fn firmware(&self) -> String {
        let path = self.0.path().join("OVMF.fd");
        path.to_str().expect("text").to_owned()
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
    let path = path.to_str().unwrap();
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
    let path = path.to_str().unwrap();
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
    let page = text(&run(&["--firmware", &firmware]).stdout);
    assert!(
        page.contains(&format!("mrtd   {}", mrtd.as_str().unwrap())),
        "{page}"
    );
    assert!(page.contains("5 sections, metadata at 0x3800 by the footer table, single-pass"));
    assert!(page.contains("ACPI tables (--acpi-tables)"));
    assert!(page.lines().any(|line| line == "rtmr1  unknown without"));
    assert!(!page.contains("MRCONFIGID") && !page.contains("separator"));
    let page = text(&run(&["--firmware", &firmware, "--memory", "2G", "--coverage"]).stdout);
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
fn memory_is_read_as_qemu_reads_it() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let list = |size: &str| {
        let document = json(&["--firmware", &firmware, "--memory", size]);
        event(&document, "rtmr0", "TD HOB").clone()
    };
    assert_eq!(list("2G"), list("2048M"));
    assert_eq!(list("2G"), list("2048"));
    assert_ne!(list("2G"), list("4g"));
    for wrong in ["", "G", "2X", "-1", "99999999999T"] {
        usage(&["--firmware", &firmware, &format!("--memory={wrong}")]);
    }
    let small = error(&["--firmware", &firmware, "--memory", "8M"]);
    assert!(small.contains("0x800000"), "{small}");
}

/// QEMU's tables as far as they are looked at.
fn acpi_tables(extra: &[u8; 4]) -> Vec<u8> {
    let mut file = Vec::new();
    for (signature, length) in [
        (b"FACS", 64u32),
        (b"DSDT", 100),
        (b"FACP", 148),
        (extra, 40),
    ] {
        let end = file.len() + usize::try_from(length).expect("small");
        file.extend(signature);
        file.extend(length.to_le_bytes());
        file.resize(end, 0);
    }
    file.extend(b"RSDT");
    file.extend(44u32.to_le_bytes());
    file.extend([0; 28]);
    file.extend([164u32, 312].map(u32::to_le_bytes).concat());
    file
}

#[test]
fn rtmr0_needs_no_more_than_memory_and_the_acpi_tables() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let tables = acpi_tables(b"HPET");
    let path = folder.write("tables", &tables);
    let arguments = [
        "--firmware",
        &firmware,
        "--memory",
        "2G",
        "--acpi-tables",
        &path,
    ];
    let document = json(&arguments);
    assert!(document["missing"].get("rtmr0").is_none());
    assert_eq!(document["rtmr0"].as_str().unwrap().len(), 96);
    assert_eq!(*event(&document, "rtmr0", "ACPI tables"), sha384(&tables));
    let rsdp = b"RSD PTR \0BOCHS \0\x60\x01\0\0";
    assert_eq!(*event(&document, "rtmr0", "ACPI RSDP"), sha384(rsdp));
    // What is given counts, not what would be derived.
    let (rsdp, loader) = (
        folder.write("rsdp", b"rsdp"),
        folder.write("loader", b"loader"),
    );
    let given = ["--acpi-rsdp", &rsdp, "--table-loader", &loader];
    let document = json(&[&arguments[..], &given].concat());
    assert_eq!(*event(&document, "rtmr0", "ACPI RSDP"), sha384(b"rsdp"));
    assert_eq!(
        *event(&document, "rtmr0", "ACPI table loader"),
        sha384(b"loader")
    );
}

#[test]
fn tables_of_which_no_loader_can_be_derived_need_it() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let path = folder.write("tables", &acpi_tables(b"TPM2"));
    let document = json(&[
        "--firmware",
        &firmware,
        "--memory",
        "2G",
        "--acpi-tables",
        &path,
    ]);
    let wanted = "ACPI table loader (--table-loader or --acpi-tables)";
    assert_eq!(document["missing"]["rtmr0"], serde_json::json!([wanted]));
    assert!(document["warnings"][0].as_str().unwrap().contains("TPM2"));
    let spoilt = folder.write("spoilt", b"no tables");
    let said = error(&["--firmware", &firmware, "--acpi-tables", &spoilt]);
    assert!(said.contains("at offset 0x0 of the ACPI tables"), "{said}");
}

#[test]
fn variables_and_profile_change_rtmr0() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let tables = folder.write("tables", &acpi_tables(b"HPET"));
    let byte = folder.write("byte", &[0]);
    let plain = [
        "--firmware",
        &firmware,
        "--memory",
        "2G",
        "--acpi-tables",
        &tables,
    ];
    let with = |more: &[&str]| json(&[&plain[..], more].concat())["rtmr0"].clone();
    let variable = format!("SecureBoot={byte}");
    assert_ne!(with(&["--efi-variable", &variable]), with(&[]));
    assert_ne!(with(&["--profile", "edk2-duplicate-separator"]), with(&[]));
    let order = folder.write("order", &[1, 0]);
    let entry = |number: &str| format!("{number}={byte}");
    let boot = ["--boot-order", order.as_str(), "--boot-entry"];
    assert_ne!(with(&[&boot[..], &[&entry("0001")]].concat()), with(&[]));
    let other = entry("0002");
    let said = error(&[&plain[..], &boot, &[&other]].concat());
    assert!(said.contains("--boot-order"), "{said}");
    let wrong = format!("Setup={byte}");
    usage(&["--firmware", &firmware, "--efi-variable", &wrong]);
}

#[test]
fn td_hob_of_another_vmm_is_taken_from_a_file_or_as_a_digest() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let mut list = [1u16, 56].map(u16::to_le_bytes).concat();
    list.resize(56, 0);
    let measured = sha384(&list);
    list.extend([0xFF, 0xFF, 8, 0, 0, 0, 0, 0]);
    let file = folder.write("hob", &list);
    let by_file = json(&["--firmware", &firmware, "--td-hob", &file]);
    assert_eq!(*event(&by_file, "rtmr0", "TD HOB"), measured);
    let by_digest = json(&["--firmware", &firmware, "--td-hob-digest", &measured]);
    assert_eq!(*event(&by_digest, "rtmr0", "TD HOB"), measured);
    usage(&["--firmware", &firmware, "--td-hob-digest", "00"]);
    let spoilt = folder.write("spoilt", &list[1..]);
    assert!(error(&["--firmware", &firmware, "--td-hob", &spoilt]).contains("at offset 0x0"));
}

#[test]
fn further_events_are_taken_as_digests_or_files() {
    let folder = Folder::new();
    let firmware = folder.firmware();
    let file = folder.write("event", b"event");
    let digest = sha384(b"event");
    let rtmr3 = |value: &str| {
        let event = format!("rtmr3={value}");
        json(&["--firmware", &firmware, "--event", &event])["rtmr3"].clone()
    };
    assert_eq!(rtmr3(&file), rtmr3(&digest));
    let expected = sha384(&[vec![0; 48], hex::decode(&digest).unwrap()].concat());
    assert_eq!(rtmr3(&digest), expected);
    usage(&["--firmware", &firmware, "--event", "rtmr4=00"]);
    usage(&["--firmware", &firmware, "--event", "rtmr3"]);
}

#[test]
fn sections_of_a_uki_are_measured_as_its_stub_measures_them() {
    let Some(path) = vector("measured-boot/uki/test-uki.efi") else {
        return;
    };
    let folder = Folder::new();
    let path = path.to_str().unwrap();
    let document = json(&["--firmware", &folder.firmware(), "--uki", path]);
    // PCR 11 in SHA-384 before any phase, by systemd-measure: the same extends, in RTMR2.
    let expected = std::fs::read_to_string(
        Path::new(path).with_file_name("expected-pcr11-systemd-measure-252.txt"),
    )
    .unwrap();
    let rtmr2 = document["rtmr2"].as_str().unwrap();
    assert!(expected.contains(&format!("11:sha384={rtmr2}")), "{rtmr2}");
    let digests =
        std::fs::read_to_string(Path::new(path).with_file_name("expected-authenticode.txt"))
            .unwrap();
    let image = event(&document, "rtmr1", "UKI").as_str().unwrap();
    assert!(digests.contains(image), "{image}");
    // The kernel in it is made up, and the disk unknown.
    let missing = document["missing"]["rtmr1"].as_array().unwrap();
    assert_eq!(missing.len(), 2);
    let disk = folder.write("gpt", b"EFI PART");
    let document = json(&[
        "--firmware",
        &folder.firmware(),
        "--uki",
        path,
        "--gpt",
        &disk,
        "--boot-image",
        path,
    ]);
    assert_eq!(
        *event(&document, "rtmr1", "partition table"),
        sha384(b"EFI PART")
    );
    assert_eq!(
        event(&document, "rtmr1", path),
        event(&document, "rtmr1", "UKI")
    );
}

/// The stub of Debian's systemd: any PE image will do for a kernel that is taken as it is.
fn stub() -> Option<String> {
    let path = vector("measured-boot/uki/linuxx64.efi.stub")?;
    Some(path.to_str().expect("text").to_owned())
}

#[test]
fn kernel_that_qemu_hands_over_is_measured_with_what_it_is_told() {
    let Some(kernel) = stub() else {
        return;
    };
    let folder = Folder::new();
    let firmware = folder.firmware();
    let initrd = folder.write("initrd", b"initrd");
    let plain = [
        "--firmware",
        &firmware,
        "--kernel",
        &kernel,
        "--append",
        "quiet",
    ];
    let document = json(&plain);
    assert_eq!(document["rtmr1"].as_str().unwrap().len(), 96);
    let options: Vec<u8> = b"quiet\0".iter().flat_map(|byte| [*byte, 0]).collect();
    assert_eq!(*event(&document, "rtmr2", "load options"), sha384(&options));
    let document = json(&[&plain[..], &["--initrd", &initrd]].concat());
    let options: Vec<u8> = b"quiet initrd=initrd\0"
        .iter()
        .flat_map(|byte| [*byte, 0])
        .collect();
    assert_eq!(*event(&document, "rtmr2", "load options"), sha384(&options));
    assert_eq!(*event(&document, "rtmr2", "initrd"), sha384(b"initrd"));
    // This is no bzImage, so QEMU fills in no header.
    let said = error(&[&plain[..], &["--kernel-header", "patched"]].concat());
    assert!(said.contains("no bzImage"), "{said}");
    let patched = ["--initrd", &initrd, "--kernel-header", "patched"];
    let document = json(&[&plain[..], &patched].concat());
    let wanted = "kernel as QEMU hands it over (--memory)";
    assert_eq!(document["missing"]["rtmr1"], serde_json::json!([wanted]));
    let video = [
        "--firmware",
        &firmware,
        "--kernel",
        &kernel,
        "--append",
        "vga=ask",
    ];
    assert_eq!(
        run(&video).status.code(),
        Some(0),
        "the file as it is has none of it"
    );
    let said = error(&[&video[..], &["--kernel-header", "patched"]].concat());
    assert!(said.contains("vga="), "{said}");
    assert!(usage(&["--firmware", &firmware, "--append", "quiet"]).contains("--kernel"));
    let said = error(&["--firmware", &firmware, "--kernel", &initrd]);
    assert!(said.contains("no PE image"), "{said}");
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

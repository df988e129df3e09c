//! `tdx`: what firmware measures into RTMR0.

use super::{Folder, error, event, json, sha384, usage};

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

//! What a person is told who got something wrong. Nothing here needs KVM, or gets as far as it.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test and its helpers"
)]

mod payload;
mod support;

use std::fs;
use std::process::Command;

use support::Folder;

use crate::payload::Then;

/// Runs the folder's VM, which must fail with exit code 1 and leave nothing.
fn complaint(folder: &Folder) -> String {
    let output = folder.run();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: "), "{said}");
    let events = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "failed");
    assert!(!folder.path("run").exists());
    said
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "«{part}» is not in: {said}");
    }
}

#[test]
fn missing_configuration_is_named() {
    let folder = Folder::prepare(Then::PowerOff);
    fs::remove_file(folder.path("vm.toml")).unwrap();
    assert_says(
        &complaint(&folder),
        &["cannot read the configuration", "vm.toml"],
    );
}

#[test]
fn unknown_key_is_named_with_its_line() {
    let folder = Folder::prepare(Then::PowerOff);
    folder.reconfigure("[cpu]\n", "[cpu]\nturbo = true\n");
    assert_says(&complaint(&folder), &["vm.toml", "turbo", "line 12"]);
}

#[test]
fn missing_kernel_is_named() {
    let folder = Folder::prepare(Then::PowerOff);
    fs::remove_file(folder.path("vmlinux")).unwrap();
    assert_says(
        &complaint(&folder),
        &["[boot] kernel", "there is no file", "vmlinux"],
    );
}

#[test]
fn file_that_is_no_kernel_is_refused() {
    let folder = Folder::prepare(Then::PowerOff);
    folder.write("vmlinux", b"#!/bin/sh\n");
    assert_says(&complaint(&folder), &["kernel", "no ELF file"]);
}

#[test]
fn hardware_tee_is_refused_by_name() {
    let folder = Folder::prepare(Then::PowerOff);
    folder.reconfigure("kind = \"simulated\"", "kind = \"snp\"");
    assert_says(
        &complaint(&folder),
        &["snp", "cannot be launched yet", "simulated"],
    );
}

#[test]
fn usage_error_has_exit_code_2() {
    let folder = Folder::prepare(Then::PowerOff);
    let output = folder.vmm().arg("--frobnicate").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Whoever has no KVM yet, or one of a lesser CPU, still learns first what is wrong with their own files.
#[test]
fn missing_files_are_named_before_kvm_is_asked() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: hiding /dev/kvm takes root");
        return;
    }
    let folder = Folder::prepare(Then::PowerOff);
    let said_without_kvm = || {
        let mut unshare = Command::new("unshare");
        let hide = "mount -t tmpfs none /dev && exec \"$@\"";
        unshare.args(["--mount", "sh", "-c", hide, "sh"]);
        let output = folder.vmm_under(unshare).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    fs::remove_file(folder.path("data.img")).unwrap();
    assert_says(&said_without_kvm(), &["[[disk]] path", "data.img"]);
    folder.write("data.img", &[1; 512]);
    assert_says(&said_without_kvm(), &["/dev/kvm does not exist"]);
    fs::remove_file(folder.path("keys/ark.der")).unwrap();
    assert_says(&said_without_kvm(), &["[tee] keys", "ark.der"]);
}

#[test]
fn missing_disk_is_named() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    fs::remove_file(folder.path("data.img")).unwrap();
    assert_says(
        &complaint(&folder),
        &["[[disk]] path", "there is no file", "data.img"],
    );
}

#[test]
fn disk_that_is_a_directory_or_no_whole_sectors_is_refused() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    folder.write("data.img", &[0; 513]);
    assert_says(&complaint(&folder), &["[[disk]] path", "513 bytes"]);
    fs::remove_file(folder.path("data.img")).unwrap();
    fs::create_dir(folder.path("data.img")).unwrap();
    assert_says(&complaint(&folder), &["[[disk]] path", "is a directory"]);
}

#[test]
fn missing_keys_name_the_command_that_makes_them() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    fs::remove_dir_all(folder.path("keys")).unwrap();
    assert_says(
        &complaint(&folder),
        &["[tee] keys", "vcek.key", "cloister-simulated-tee init"],
    );
    folder.reconfigure("keys = \"keys\"\n", "");
    assert_says(
        &complaint(&folder),
        &["[tee] keys is missing", "cloister-simulated-tee init"],
    );
}

#[test]
fn runtime_directory_that_exists_is_refused_and_kept() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    fs::create_dir(folder.path("run")).unwrap();
    folder.write("run/precious", b"");
    let output = folder.run();
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &["exists", "--runtime-dir"],
    );
    assert!(folder.path("run/precious").exists());
}

#[test]
fn key_that_is_no_key_is_refused_by_the_tee() {
    let Some(folder) = Folder::new(Then::PowerOff) else {
        return;
    };
    folder.write("keys/vcek.key", b"nonsense");
    assert_says(&complaint(&folder), &["simulated TEE", "P-384"]);
}

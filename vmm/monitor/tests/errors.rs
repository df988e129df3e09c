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
        &["boot.kernel", "there is no file", "vmlinux"],
    );
}

#[test]
fn file_that_is_no_kernel_is_refused() {
    let folder = Folder::prepare(Then::PowerOff);
    folder.write("vmlinux", b"#!/bin/sh\n");
    assert_says(&complaint(&folder), &["kernel", "no ELF file"]);
}

#[test]
fn hardware_tee_with_the_simulated_protocol_is_refused() {
    for kind in ["snp", "tdx"] {
        let folder = Folder::prepare(Then::PowerOff);
        folder.reconfigure("kind = \"simulated\"", &format!("kind = \"{kind}\""));
        assert_says(
            &complaint(&folder),
            &[kind, "simulated-direct", "boot.protocol = \"shim\""],
        );
    }
}

/// A folder whose VM is for `kind`, and boots through what stands in for a boot shim.
fn hardware(kind: &str, tee: &str) -> Folder {
    let folder = Folder::prepare(Then::PowerOff);
    let tee = format!("kind = \"{kind}\"\n{tee}");
    folder.reconfigure("kind = \"simulated\"\nkeys = \"keys\"", &tee);
    folder.reconfigure(
        "protocol = \"simulated-direct\"",
        "protocol = \"shim\"\nshim = \"shim\"",
    );
    folder.write("shim", &[0x90; 5000]);
    folder
}

#[test]
fn hardware_that_this_host_lacks_is_named_before_anything_is_started() {
    let host = match vmm_kvm::Host::open() {
        Ok(host) => host,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    for (kind, vm) in [("snp", vmm_kvm::VmKind::Snp), ("tdx", vmm_kvm::VmKind::Tdx)] {
        if host.supports(vm).is_ok() {
            println!("skipped: this host can launch {kind} guests");
            continue;
        }
        let folder = hardware(kind, "");
        let said = complaint(&folder);
        let refusal = format!("[tee] kind = \"{kind}\" cannot be launched on this host");
        assert_says(
            &said,
            &[&refusal, "KVM_CAP_VM_TYPES", "cloister host check"],
        );
    }
}

#[test]
fn private_memory_without_encryption_is_for_the_simulated_tee_alone() {
    if let Err(error) = vmm_kvm::Host::open() {
        println!("skipped: {error}");
        return;
    }
    for kind in ["snp", "tdx"] {
        let folder = hardware(kind, "");
        let output = folder.vmm().arg("--software-protected").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_says(
            &String::from_utf8_lossy(&output.stderr),
            &["--software-protected", "simulated"],
        );
    }
}

#[test]
fn id_block_of_another_launch_is_refused_with_both_digests() {
    let folder = hardware("snp", "id_block = \"id.block\"\nid_auth = \"id.auth\"");
    let mut block = [0; 96];
    block[..48].fill(0xab);
    block[0x50] = 1;
    block[0x58..0x60].copy_from_slice(&0x3_0000_u64.to_le_bytes());
    folder.write("id.block", &block);
    folder.write("id.auth", &[0; 4096]);
    assert_says(
        &complaint(&folder),
        &[
            "tee.id_block",
            "another launch",
            &"ab".repeat(48),
            "predicted",
            "cloister measure id-block",
        ],
    );
}

#[test]
fn certificates_that_are_no_table_are_refused() {
    let folder = hardware("snp", "certificates = \"certificates.bin\"");
    folder.write("certificates.bin", &[1; 100]);
    assert_says(
        &complaint(&folder),
        &[
            "[tee] certificates",
            "certificates.bin",
            "GHCB",
            "does not end",
        ],
    );
    fs::remove_file(folder.path("certificates.bin")).unwrap();
    assert_says(&complaint(&folder), &["[tee] certificates: cannot read"]);
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

//! `plan` as people and scripts use it.

use crate::support::{CONFIG, Folder, error, planned_digest, program, run, stdout};
use measured_boot_digest::Manifest;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// Runs `plan FOLDER/vm.toml` with more arguments, from elsewhere.
fn plan(folder: &Folder, arguments: &[&str]) -> Output {
    run("plan", &[&[&*folder.named("vm.toml")], arguments].concat())
}

fn refused(folder: &Folder) -> String {
    error(&plan(folder, &[]), 1)
}

#[test]
fn plan_prints_the_digest_in_full_and_says_simulated() {
    let folder = Folder::with_machine();
    let page = stdout(&plan(&folder, &[]), 0);
    assert!(page.lines().any(|line| line == planned_digest()), "{page}");
    assert!(page.contains("launch digest (simulated, SHA-384)"));
    assert!(page.contains("The TEE is simulated"));
    assert!(!page.contains("unmeasured"));
}

#[test]
fn plan_with_coverage_prints_the_three_classes() {
    let page = stdout(&plan(&Folder::with_machine(), &["--coverage"]), 0);
    for line in page.lines() {
        assert!(
            line.chars().count() <= 100,
            "too wide for a terminal: {line}"
        );
    }
    for class in ["measured  ", "reported  ", "unmeasured  "] {
        assert_eq!(
            page.lines().filter(|line| line.starts_with(class)).count(),
            1,
            "{page}"
        );
    }
}

#[test]
fn plan_as_json_is_one_document_with_everything() {
    let folder = Folder::with_machine();
    let document: serde_json::Value =
        serde_json::from_str(&stdout(&plan(&folder, &["-o", "json"]), 0))
            .expect("one JSON document");
    assert_eq!(document["launch_digest"], planned_digest());
    assert_eq!(
        (&document["tee"], &document["simulated"]),
        (&"simulated".into(), &true.into())
    );
    assert_eq!(document["vcpus"], 2);
    assert_eq!(document["components"][0]["name"], "gdt");
    assert_eq!(document["coverage"].as_array().map(Vec::len), Some(16));
}

#[test]
fn manifest_written_recomputes_to_the_digest() {
    let folder = Folder::with_machine();
    let path = folder.path("manifest");
    stdout(
        &plan(&folder, &["--manifest", path.to_str().expect("text")]),
        0,
    );
    let manifest = Manifest::from_bytes(&std::fs::read(&path).expect("it was written"));
    assert_eq!(
        manifest.expect("it is one").recompute().to_string(),
        planned_digest()
    );
}

#[test]
fn manifest_that_cannot_be_written_fails_and_leaves_nothing() {
    let folder = Folder::with_machine();
    let target = folder.path("target");
    std::fs::create_dir(&target).expect("the name is free");
    let output = plan(&folder, &["--manifest", target.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(folder.names(), ["initrd", "target", "vm.toml", "vmlinux"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--manifest"));
}

/// Whatever name the file has meanwhile, it is nobody else's: neither a file nor where a link leads.
#[test]
fn manifest_written_touches_no_other_file() {
    let folder = Folder::with_machine();
    folder.write("manifest.unfinished", b"mine");
    folder.write("victim", b"mine");
    let link = folder.path("linked.unfinished");
    std::os::unix::fs::symlink("victim", link).expect("the name is free");
    for name in ["manifest", "linked"] {
        let path = folder.path(name);
        stdout(
            &plan(&folder, &["--manifest", path.to_str().expect("text")]),
            0,
        );
        assert!(Manifest::from_bytes(&std::fs::read(path).expect("written")).is_ok());
    }
    for name in ["manifest.unfinished", "linked.unfinished", "victim"] {
        let found = std::fs::read(folder.path(name)).expect("it stays");
        assert_eq!(found, b"mine", "{name}");
    }
    assert_eq!(folder.names().len(), 8, "{:?}", folder.names());
}

#[test]
fn manifest_written_to_a_bare_name_is_as_readable_as_the_umask_allows() {
    let folder = Folder::with_machine();
    let program = env!("CARGO_BIN_EXE_cloister-measure");
    for (umask, mode) in [("022", 0o644), ("027", 0o640)] {
        let script = format!("umask {umask} && exec {program} plan vm.toml --manifest manifest");
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(folder.path(""))
            .output();
        stdout(&output.expect("the program runs"), 0);
        let written = std::fs::metadata(folder.path("manifest")).expect("it was written");
        assert_eq!(written.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn error_in_the_configuration_names_file_line_key_and_remedy() {
    let folder = Folder::with_machine();
    folder.write(
        "vm.toml",
        CONFIG.replace("count = 2", "cuont = 2").as_bytes(),
    );
    let error = refused(&folder);
    assert!(
        error.contains("vm.toml: the configuration is not understood"),
        "{error}"
    );
    assert!(
        error.contains("because: line 10: cpu.cuont: there is no such key; did you mean count?"),
        "{error}"
    );
}

#[test]
fn kernel_missing_or_wrong_is_named_with_its_key() {
    let folder = Folder::with_machine();
    std::fs::remove_file(folder.path("vmlinux")).expect("it is there");
    let error = refused(&folder);
    assert!(
        error.contains("boot.kernel: ") && error.contains("vmlinux cannot be read"),
        "{error}"
    );
    std::fs::create_dir(folder.path("vmlinux")).expect("the name is free");
    assert!(refused(&folder).contains("no plain file"));
    std::fs::remove_dir(folder.path("vmlinux")).expect("it is there");
    folder.write("vmlinux", b"no kernel");
    assert!(refused(&folder).contains("boot.kernel: the file is no kernel: it is no ELF file"));
}

#[test]
fn configuration_missing_fails_and_wrong_usage_exits_with_two() {
    let run = |arguments: &[&str]| program().args(arguments).output().expect("it runs");
    let missing = run(&["plan", "/nowhere/vm.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/vm.toml"));
    assert_eq!(run(&["plan"]).status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("Exit codes: 0 done"));
}

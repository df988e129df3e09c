//! The program as people and scripts use it.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_digest::{Manifest, launch_digest};
use measured_boot_plan::{LaunchConfig, Sources, plan};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const CONFIG: &str = r#"name = "demo"
[tee]
kind = "simulated"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 256
"#;

/// A folder with a virtual machine in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder can be made"));
        folder.write("vm.toml", CONFIG.as_bytes());
        folder.write("vmlinux", &support::kernel());
        folder.write("initrd", &support::initrd());
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).expect("the file can be written");
    }

    /// What lies in it, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("it is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    /// Runs `plan FOLDER/vm.toml` with more arguments, from elsewhere.
    fn run(&self, arguments: &[&str]) -> Output {
        self.command("plan", arguments)
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
            .arg(command)
            .arg(self.path().join("vm.toml"))
            .args(arguments)
            .output()
            .expect("the program runs")
    }

    /// What the library predicts for the folder's files.
    fn expected_digest(&self) -> String {
        let (kernel, initrd) = (support::kernel(), support::initrd());
        let sources = Sources {
            kernel: &kernel,
            initrd: &initrd,
        };
        let config = LaunchConfig::from_toml(CONFIG).expect("the configuration is right");
        launch_digest(&plan(&config, &sources).expect("a plan"), &sources).to_string()
    }

    fn error(&self) -> String {
        let output = self.run(&[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).expect("text")
    }
}

fn stdout(output: Output) -> String {
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn plan_prints_the_digest_in_full_and_says_simulated() {
    let folder = Folder::new();
    let page = stdout(folder.run(&[]));
    assert!(
        page.lines().any(|line| line == folder.expected_digest()),
        "{page}"
    );
    assert!(page.contains("launch digest (simulated, SHA-384)"));
    assert!(page.contains("The TEE is simulated"));
    assert!(!page.contains("unmeasured"));
}

#[test]
fn plan_with_coverage_prints_the_three_classes() {
    let page = stdout(Folder::new().run(&["--coverage"]));
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
    let folder = Folder::new();
    let document: serde_json::Value =
        serde_json::from_str(&stdout(folder.run(&["-o", "json"]))).expect("one JSON document");
    assert_eq!(document["launch_digest"], folder.expected_digest());
    assert_eq!(
        (&document["tee"], &document["simulated"]),
        (&"simulated".into(), &true.into())
    );
    assert_eq!(document["vcpus"], 2);
    assert_eq!(document["components"][0]["name"], "gdt");
    assert_eq!(document["coverage"].as_array().map(Vec::len), Some(13));
}

#[test]
fn manifest_written_recomputes_to_the_digest() {
    let folder = Folder::new();
    let path = folder.path().join("manifest");
    stdout(folder.run(&["--manifest", path.to_str().expect("text")]));
    let manifest = Manifest::from_bytes(&std::fs::read(&path).expect("it was written"));
    assert_eq!(
        manifest.expect("it is one").recompute().to_string(),
        folder.expected_digest()
    );
}

#[test]
fn manifest_that_cannot_be_written_fails_and_leaves_nothing() {
    let folder = Folder::new();
    let target = folder.path().join("target");
    std::fs::create_dir(&target).expect("the name is free");
    let output = folder.run(&["--manifest", target.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(folder.names(), ["initrd", "target", "vm.toml", "vmlinux"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--manifest"));
}

/// Whatever name the file has meanwhile, it is nobody else's: neither a file nor where a link leads.
#[test]
fn manifest_written_touches_no_other_file() {
    let folder = Folder::new();
    folder.write("manifest.unfinished", b"mine");
    folder.write("victim", b"mine");
    let link = folder.path().join("linked.unfinished");
    std::os::unix::fs::symlink("victim", link).expect("the name is free");
    for name in ["manifest", "linked"] {
        let path = folder.path().join(name);
        stdout(folder.run(&["--manifest", path.to_str().expect("text")]));
        assert!(Manifest::from_bytes(&std::fs::read(path).expect("written")).is_ok());
    }
    for name in ["manifest.unfinished", "linked.unfinished", "victim"] {
        let found = std::fs::read(folder.path().join(name)).expect("it stays");
        assert_eq!(found, b"mine", "{name}");
    }
    assert_eq!(folder.names().len(), 8, "{:?}", folder.names());
}

#[test]
fn manifest_written_to_a_bare_name_is_as_readable_as_the_umask_allows() {
    let folder = Folder::new();
    let program = env!("CARGO_BIN_EXE_cloister-measure");
    for (umask, mode) in [("022", 0o644), ("027", 0o640)] {
        let script = format!("umask {umask} && exec {program} plan vm.toml --manifest manifest");
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(folder.path())
            .output();
        stdout(output.expect("the program runs"));
        let written = std::fs::metadata(folder.path().join("manifest")).expect("it was written");
        assert_eq!(written.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn reference_holds_the_digest_its_manifest_and_its_time() {
    let folder = Folder::new();
    let path = folder.path().join("reference.json");
    let out = ["--out", path.to_str().expect("text"), "-o", "json"];
    let time = ["--name", "web", "--not-before", "1000", "--days", "2"];
    let printed = stdout(folder.command("reference", &[out.as_slice(), &time].concat()));

    let written = std::fs::read(&path).expect("it was written");
    let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["version"], 1);
    assert_eq!(written["name"], "web");
    assert_eq!(written["tee"], "simulated");
    assert_eq!(written["launch_digest"], folder.expected_digest());
    assert_eq!(written["not_before"], 1000);
    assert_eq!(written["not_after"], 1000 + 2 * 86_400);
    let manifest = BASE64_STANDARD
        .decode(written["manifest"].as_str().expect("text"))
        .expect("base64");
    let manifest = Manifest::from_bytes(&manifest).expect("a manifest");
    assert_eq!(manifest.recompute().to_string(), folder.expected_digest());

    let printed: serde_json::Value = serde_json::from_str(&printed).expect("one JSON document");
    assert_eq!(printed["reference"], "web");
    assert_eq!(printed["simulated"], true);
    assert_eq!(printed["launch_digest"], written["launch_digest"]);
}

#[test]
fn reference_with_a_time_that_cannot_be_is_refused_and_not_written() {
    let folder = Folder::new();
    let path = folder.path().join("reference.json");
    let out = ["--out", path.to_str().expect("text")];
    let run = |more: &[&str]| folder.command("reference", &[out.as_slice(), more].concat());

    let late = run(&["--not-before", "9007199254740992"]);
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stderr).contains("seconds since 1970-01-01"));
    assert_eq!(run(&["--days", "0"]).status.code(), Some(2));
    assert!(!path.exists());
}

#[test]
fn error_in_the_configuration_names_file_line_key_and_remedy() {
    let folder = Folder::new();
    folder.write(
        "vm.toml",
        CONFIG.replace("count = 2", "cuont = 2").as_bytes(),
    );
    let error = folder.error();
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
    let folder = Folder::new();
    std::fs::remove_file(folder.path().join("vmlinux")).expect("it is there");
    let error = folder.error();
    assert!(
        error.contains("boot.kernel: ") && error.contains("vmlinux cannot be read"),
        "{error}"
    );
    std::fs::create_dir(folder.path().join("vmlinux")).expect("the name is free");
    assert!(folder.error().contains("no plain file"));
    std::fs::remove_dir(folder.path().join("vmlinux")).expect("it is there");
    folder.write("vmlinux", b"no kernel");
    assert!(
        folder
            .error()
            .contains("boot.kernel: the file is no kernel: it is no ELF file")
    );
}

#[test]
fn configuration_missing_fails_and_wrong_usage_exits_with_two() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-measure"));
        command.args(arguments).output().expect("the program runs")
    };
    let missing = run(&["plan", "/nowhere/vm.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nowhere/vm.toml"));
    assert_eq!(run(&["plan"]).status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run(&["--help"]).stdout).contains("Exit codes: 0 done"));
}

/// Runs `snp` with these arguments.
fn snp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-measure"))
        .arg("snp")
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Debian's firmware among the vectors beside the repository, if they are there.
fn debians_firmware() -> Option<String> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let image = vectors.join("measured-boot/debian-ovmf/OVMF.fd");
    if !image.exists() {
        println!("skipped: {} is not there", image.display());
        return None;
    }
    Some(image.to_str().expect("text").to_owned())
}

#[test]
fn snp_prints_the_published_digest_as_page_and_as_json() {
    let Some(ovmf) = debians_firmware() else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "2", "--vcpu-type", "EPYC-Milan"];
    let published = "a175292a4a09fcfb760c5bd80c93ed667dbaafce6247d0f21fc06638658b3ebf2804d3019e2abed05cb6a9efe0a7464e";
    let page = stdout(snp(&launch));
    assert!(page.lines().any(|line| line == published), "{page}");

    let json = stdout(snp(&[launch.as_slice(), &["-o", "json"]].concat()));
    let document: serde_json::Value = serde_json::from_str(&json).expect("one JSON document");
    assert_eq!(document["launch_digest"], published);
    assert_eq!(document["components"][0]["name"], "firmware");
    assert_eq!(document["cpu_signature"], "0x00a00f11");
    assert_eq!(document["warnings"], serde_json::json!([]));
}

#[test]
fn snp_of_a_cloud_needs_no_cpu_and_of_qemu_it_does() {
    let Some(ovmf) = debians_firmware() else {
        return;
    };
    let launch = ["--ovmf", &ovmf, "--vcpus", "1"];
    let cloud = stdout(snp(&[launch.as_slice(), &["--vmm-type", "ec2"]].concat()));
    assert!(cloud.contains("0aaa035d47b06741a745a62cb88eade395f648a7383d71cc322fab9df33859ca3c188a0578534c01526f1b4c0f0b0eb6"));
    let qemu = snp(&launch);
    assert_eq!(qemu.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&qemu.stderr).contains("--vcpu-type or --vcpu-sig is needed"));
}

#[test]
fn snp_with_a_kernel_that_nobody_checks_is_refused_with_the_remedy() {
    let Some(ovmf) = debians_firmware() else {
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
    let folder = Folder::new();
    folder.write("zeros", &[0; 8192]);
    let zeros = folder.path().join("zeros");
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
    let Some(ovmf) = debians_firmware() else {
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
fn id_block_signed_is_written_and_its_digests_printed() {
    let folder = Folder::new();
    let key = Command::new("openssl")
        .args(["ecparam", "-genkey", "-name", "secp384r1"])
        .output();
    let Some(key) = key.ok().filter(|key| key.status.success()) else {
        return println!("skipped: there is no openssl");
    };
    folder.write("id.pem", &key.stdout);
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let digest = "ab".repeat(48);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-measure"));
        command
            .arg("id-block")
            .args(arguments)
            .output()
            .expect("the program runs")
    };
    let (id, block, auth) = (path("id.pem"), path("block"), path("auth"));
    let files = ["--out-block", &block, "--out-auth", &auth, "-o", "json"];
    let signed = ["--launch-digest", &digest, "--id-key", &id];
    let printed = stdout(run(&[signed.as_slice(), &files].concat()));

    let document: serde_json::Value = serde_json::from_str(&printed).expect("one JSON document");
    assert_eq!(document["launch_digest"], digest);
    assert_eq!(document["author_key_digest"], serde_json::Value::Null);
    let block = std::fs::read(&block).expect("it was written");
    assert_eq!(document["id_block"], BASE64_STANDARD.encode(&block));
    assert_eq!((block.len(), &block[..48]), (96, [0xAB; 48].as_slice()));
    assert_eq!(std::fs::read(&auth).expect("it was written").len(), 4096);

    let short = run(&["--launch-digest", "abab", "--id-key", &id]);
    assert_eq!(short.status.code(), Some(2));
    let no_key = run(&["--launch-digest", &digest, "--id-key", &path("vm.toml")]);
    assert_eq!(no_key.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_key.stderr).contains("BEGIN PRIVATE KEY"));
}

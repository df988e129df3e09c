//! The program as people use it: what it prints, how it exits, what it leaves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use measured_boot_disk::DiskSecret;
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloister-image");
const DISK: [&str; 7] = [
    "disk",
    "--file",
    "payload",
    "--out",
    "data.img",
    "--secret-out",
    "secret.json",
];

fn image(dir: &TempDir, args: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(args)
        .current_dir(dir.path())
        .output()
        .unwrap()
}

/// A directory with a payload in it.
fn place() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("payload"), b"one ring ".repeat(1000)).unwrap();
    dir
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn listing(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn tools_installed() -> bool {
    let sbin = |name| {
        ["/usr/sbin", "/sbin"]
            .iter()
            .any(|dir| Path::new(dir).join(name).exists())
    };
    let found = sbin("mke2fs") && sbin("veritysetup");
    if !found {
        println!("skipped: needs the packages e2fsprogs and cryptsetup-bin");
    }
    found
}

#[test]
fn help_of_every_command_tells_the_exit_codes() {
    for command in [
        &["--help"][..],
        &["kernel", "--help"],
        &["initramfs", "--help"],
        &["disk", "--help"],
    ] {
        let output = image(&place(), command);
        assert!(text(&output.stdout).contains("Exit codes: 0 done, 1 failed, 2 usage"));
    }
}

#[test]
fn disk_help_keeps_given_keys_to_tests() {
    let help = text(&image(&place(), &["disk", "--help"]).stdout);
    let (real, tests) = help.split_once("For tests only").unwrap();
    for option in ["--key-hex", "--salt-hex", "--uuid"] {
        assert!(tests.contains(option) && !real.contains(option), "{option}");
    }
}

#[test]
fn usage_error_exits_2() {
    let mut short_key = DISK.to_vec();
    short_key.extend(["--key-hex", "00"]);
    for args in [&[][..], &["disk"], &["disk", "--no-such-flag"], &short_key] {
        assert_eq!(image(&place(), args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn failure_exits_1_with_its_reasons_and_leaves_nothing() {
    let cases = [
        (
            vec!["kernel", "--deb", "payload", "--out", "kernel"],
            "apt-get download",
        ),
        (
            vec!["kernel", "--deb", "missing.deb", "--out", "kernel"],
            "cannot read missing.deb",
        ),
        (
            vec![
                "initramfs",
                "--kernel-dir",
                "k",
                "--agent",
                "a",
                "--pins",
                "p",
                "--out",
                "i",
            ],
            "cloister-image kernel",
        ),
        (
            vec![
                "disk",
                "--file",
                "missing",
                "--out",
                "data.img",
                "--secret-out",
                "s",
            ],
            "cannot read missing",
        ),
    ];
    for (args, words) in cases {
        let dir = place();
        let output = image(&dir, &args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains("\n  because: "),
            "{stderr}"
        );
        assert!(stderr.contains(words), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(listing(&dir), ["payload"]);
    }
}

#[test]
fn disk_json_is_one_document_without_the_secret() {
    if !tools_installed() {
        return;
    }
    let dir = place();
    let output = image(&dir, &[&DISK[..], &["-o", "json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["payload_bytes"], 9000);
    let disk = fs::metadata(dir.path().join("data.img")).unwrap();
    assert_eq!(report["disk_bytes"], disk.len());
    let secret = fs::read(dir.path().join("secret.json")).unwrap();
    let secret = DiskSecret::from_json(&secret).unwrap();
    let printed = text(&output.stdout) + &text(&output.stderr);
    for hidden in [
        &secret.crypt_key()[..],
        secret.verity_root_hash(),
        secret.verity_salt(),
    ] {
        assert!(!printed.contains(&hex::encode(hidden)));
    }
}

#[test]
fn disk_text_is_a_table() {
    if !tools_installed() {
        return;
    }
    let output = text(&image(&place(), &DISK).stdout);
    assert!(output.starts_with("disk            data.img\n"), "{output}");
    assert!(output.contains("\npayload bytes   9000\n"), "{output}");
}

#[test]
fn disk_with_everything_given_is_the_same_under_any_umask_and_time() {
    if !tools_installed() {
        return;
    }
    let (key, salt) = ("0123456789abcdef".repeat(8), "a5".repeat(32));
    let key = key.replacen("01", "ff", 1);
    let given = [
        "--key-hex",
        &key,
        "--salt-hex",
        &salt,
        "--uuid",
        "00112233-4455-6677-8899-aabbccddeeff",
    ];
    let build = |umask: &str, zone: &str| {
        let dir = place();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let status = Command::new("/bin/sh")
            .args(["-c", &script, PROGRAM])
            .args(DISK)
            .args(given)
            .current_dir(dir.path())
            .env("TZ", zone)
            .env("MKE2FS_CONFIG", "/nonexistent")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let file = |name| {
            let path = dir.path().join(name);
            (
                fs::read(&path).unwrap(),
                fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            )
        };
        (file("data.img"), file("secret.json"))
    };
    let one = build("000", "UTC");
    sleep(Duration::from_millis(1100));
    assert!(one == build("077", "Pacific/Kiritimati"));
    assert_eq!((one.0.1, one.1.1), (0o644, 0o600));
}

#[test]
fn disk_with_nothing_given_is_another_every_time() {
    if !tools_installed() {
        return;
    }
    let build = || {
        let dir = place();
        assert!(image(&dir, &DISK).status.success());
        let secret = fs::read(dir.path().join("secret.json")).unwrap();
        DiskSecret::from_json(&secret).unwrap()
    };
    let (one, two) = (build(), build());
    assert_ne!(one.crypt_key(), two.crypt_key());
    assert_ne!(one.verity_salt(), two.verity_salt());
    assert_ne!(one.verity_root_hash(), two.verity_root_hash());
}

/// As a run leaves it that dies after the disk has its name and before the secret has.
#[test]
fn disk_whose_secret_has_not_its_name_yet_gets_it_from_the_next_run() {
    if !tools_installed() {
        return;
    }
    let dir = place();
    let at = |name: &str| dir.path().join(name);
    assert!(image(&dir, &DISK).status.success());
    let secret = fs::read(at("secret.json")).unwrap();
    fs::rename(at("secret.json"), at("secret.json.new")).unwrap();
    fs::write(at("secret.json"), "of the disk that was replaced").unwrap();

    let next = image(&dir, &DISK);
    let stderr = text(&next.stderr);
    assert_eq!(next.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("finished an earlier run: secret.json opens data.img\n"));
    assert!(stderr.contains("data.img exists"), "{stderr}");
    assert_eq!(fs::read(at("secret.json")).unwrap(), secret);

    fs::write(at("secret.json.new"), "mine").unwrap();
    let refused = text(&image(&dir, &[&DISK[..], &["--force"]].concat()).stderr);
    assert!(
        refused.contains("secret.json.new was left by an earlier run"),
        "{refused}"
    );
    assert_eq!(fs::read(at("secret.json")).unwrap(), secret);
}

#[test]
fn disk_made_in_a_work_directory_is_the_same_and_leaves_nothing_there() {
    if !tools_installed() {
        return;
    }
    let (dir, work) = (place(), TempDir::new().unwrap());
    let work_dir = work.path().to_str().unwrap();
    let made = image(&dir, &[&DISK[..], &["--work-dir", work_dir]].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(listing(&work).is_empty());
    assert_eq!(listing(&dir), ["data.img", "payload", "secret.json"]);
}

//! The program as people run it: exit codes, statement, JSON, and what it refuses to read.

#[allow(
    dead_code,
    reason = "the honest service of the audit crate's own tests, used in part"
)]
#[path = "../../audit/tests/audit/world.rs"]
mod world;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use world::{World, log_key};

/// A bundle on disk with its roots beside it.
struct Case {
    world: World,
    directory: TempDir,
}

impl Case {
    fn new() -> Self {
        Self::of(World::busy())
    }

    fn of(world: World) -> Self {
        let case = Self {
            world,
            directory: tempfile::tempdir().expect("a directory"),
        };
        for (path, bytes) in case.world.bundle() {
            let file = case.bundle().join(path);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, bytes).expect("written");
        }
        fs::write(case.root(), case.world.tee.ark()).expect("written");
        case
    }

    fn bundle(&self) -> PathBuf {
        self.directory.path().join("bundle")
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("ark.der")
    }

    fn key(&self) -> String {
        self.world.key.verifying_key().to_string()
    }

    /// Runs `verify` with this case's own roots.
    fn verify(&self, more: &[&str]) -> Run {
        self.verify_with(&self.key(), &self.root(), more)
    }

    fn verify_with(&self, key: &str, root: &Path, more: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-auditor"));
        command
            .arg("verify")
            .arg(self.bundle())
            .args(["--log-key", key]);
        command.arg("--simulated-root").arg(root).args(more);
        Run::of(&command.output().expect("the program runs"))
    }
}

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("exactly one JSON document")
    }
}

#[test]
fn honest_bundle_is_agreed_with_in_words() {
    let run = Case::new().verify(&[]);
    assert_eq!(
        (run.code, run.last_line()),
        (Some(0), "agrees"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.is_empty());
    for words in [
        "1 accepted, 2 refused; 3 of 3 came out the same",
        "simulated: no hardware vouches for this evidence",
        "2026-11-22T12:00:03Z  accepted  simulated  all checks passed: reference `demo`, policy `simulated`",
        "matches no reference value",
        "default/disk/data version 1, by entry 3",
    ] {
        assert!(run.stdout.contains(words), "{words:?} in {}", run.stdout);
    }
    assert!(run.stdout.lines().count() < 30, "more than a screen");
}

#[test]
fn honest_bundle_is_agreed_with_in_json() {
    let run = Case::new().verify(&["-o", "json"]);
    let report = run.json();
    assert_eq!(run.code, Some(0));
    assert_eq!(report["verdict"], "agrees");
    assert_eq!(report["entries"], 7);
    assert_eq!(report["simulated"], true);
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!(report["verdicts"][0]["outcome"], "accepted");
    assert_eq!(report["verdicts"][0]["time"], "2026-11-22T12:00:03Z");
}

#[test]
fn bundle_of_an_empty_log_is_agreed_with() {
    let run = Case::of(World::empty()).verify(&[]);
    assert_eq!((run.code, run.last_line()), (Some(0), "agrees"));
    assert!(!run.stdout.contains("simulated"));
}

#[test]
fn changed_byte_makes_the_auditor_disagree_and_name_the_file() {
    let case = Case::new();
    let blobs = case.bundle().join("blobs/sha256");
    let blob = fs::read_dir(blobs)
        .expect("listed")
        .next()
        .expect("a blob")
        .expect("listed")
        .path();
    let mut bytes = fs::read(&blob).expect("read");
    bytes[0] ^= 1;
    fs::write(&blob, bytes).expect("written");
    let name = blob
        .file_name()
        .expect("a name")
        .to_str()
        .expect("hexadecimal");
    let run = case.verify(&[]);
    assert_eq!((run.code, run.last_line()), (Some(3), "disagrees"));
    assert!(run.stdout.contains(name));
    let json = case.verify(&["--output", "json"]);
    assert_eq!(
        (json.code, &json.json()["verdict"]),
        (Some(3), &"disagrees".into())
    );
    assert_eq!(json.json()["findings"][0]["code"], "blob_differs");
}

#[test]
fn false_verdict_is_shown_as_not_confirmed() {
    let mut world = World::ready();
    let input = world.launch([9; 48], 1);
    world.attest_falsely("s", &input, |record| {
        record.outcome = attestation_ledger::Outcome::Accepted;
    });
    let run = Case::of(world).verify(&[]);
    assert_eq!((run.code, run.last_line()), (Some(3), "disagrees"));
    assert!(run.stdout.contains("NOT CONFIRMED"), "{}", run.stdout);
}

#[test]
fn truncated_bundle_is_an_error_that_names_the_file() {
    let case = Case::new();
    fs::remove_file(case.bundle().join("tile/entries/000.p/7")).expect("removed");
    let run = case.verify(&["-o", "json"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr.contains("error: cannot read the bundle"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("because: the bundle is truncated: `tile/entries/000.p/7` is missing")
    );
}

#[test]
fn bundle_that_does_not_exist_is_an_error() {
    let case = Case::new();
    fs::remove_dir_all(case.bundle()).expect("removed");
    let run = case.verify(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.contains("bundle"));
}

#[test]
fn wrong_log_key_makes_the_auditor_disagree() {
    let case = Case::new();
    let other = log_key(8).verifying_key().to_string();
    let run = case.verify_with(&other, &case.root(), &[]);
    assert_eq!((run.code, run.last_line()), (Some(3), "disagrees"));
    assert!(
        run.stdout.contains("not the pinned log's"),
        "{}",
        run.stdout
    );
}

#[test]
fn missing_simulated_root_makes_the_auditor_disagree() {
    let case = Case::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-auditor"));
    command
        .arg("verify")
        .arg(case.bundle())
        .args(["--log-key", &case.key()]);
    let run = Run::of(&command.output().expect("the program runs"));
    assert_eq!((run.code, run.last_line()), (Some(3), "disagrees"));
    assert!(run.stdout.contains("no root was given"));
}

#[test]
fn log_key_may_stand_in_a_file_or_in_the_pins() {
    let case = Case::new();
    let file = case.directory.path().join("log.vkey");
    fs::write(&file, format!("{}\n", case.key())).expect("written");
    assert_eq!(
        case.verify_with(file.to_str().expect("text"), &case.root(), &[])
            .code,
        Some(0)
    );

    let pins = case.directory.path().join("verifier-pins.json");
    let text = serde_json::json!({
        "version": 1, "tls_spki_sha256": "00".repeat(32), "log_key": case.key(),
        "verifier_vsock_port": 8443, "server_name": "cloister-verifier",
        "resource": "default/disk/data",
    });
    fs::write(&pins, text.to_string()).expect("written");
    let run = case.verify_with(pins.to_str().expect("text"), &case.root(), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn key_or_root_that_cannot_be_read_is_an_error_that_names_it() {
    let case = Case::new();
    for key in ["nowhere.vkey", "example.com/log+00000000+AAAA", "/dev/null"] {
        let run = case.verify_with(key, &case.root(), &[]);
        assert_eq!(run.code, Some(1));
        assert!(
            run.stderr.starts_with("error: ") && run.stderr.contains(key),
            "{}",
            run.stderr
        );
    }
    let root = case.directory.path().join("root.pem");
    fs::write(&root, "not a certificate").expect("written");
    let run = case.verify_with(&case.key(), &root, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("root.pem"), "{}", run.stderr);
}

#[test]
fn links_and_special_files_in_a_bundle_are_refused() {
    let case = Case::new();
    let link = case.bundle().join("tile/entries/000.p/7");
    let elsewhere = case.directory.path().join("elsewhere");
    fs::rename(&link, &elsewhere).expect("moved");
    symlink(&elsewhere, &link).expect("linked");
    let run = case.verify(&[]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("`tile/entries/000.p/7` is a link"),
        "{}",
        run.stderr
    );
}

#[test]
fn linked_folder_in_a_bundle_is_refused() {
    let case = Case::new();
    symlink("/etc", case.bundle().join("etc")).expect("linked");
    let run = case.verify(&[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("`etc` is a link"), "{}", run.stderr);
}

#[test]
fn file_that_is_too_long_or_too_deep_is_refused() {
    let case = Case::new();
    let long = case.bundle().join("long");
    fs::File::create(&long)
        .and_then(|file| file.set_len((64 << 20) + 1))
        .expect("made");
    let run = case.verify(&[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("cannot read `long`"), "{}", run.stderr);
    fs::remove_file(long).expect("removed");

    fs::create_dir_all(case.bundle().join("d/".repeat(13))).expect("made");
    assert_eq!(case.verify(&[]).code, Some(1));
}

#[test]
fn bundle_beyond_the_auditors_bounds_is_an_error_that_names_the_option_to_raise_them() {
    let case = Case::new();
    let files = case.world.bundle();
    let bytes: usize = files.values().map(Vec::len).sum();
    for (option, enough) in [("--max-bytes", bytes), ("--max-files", files.len())] {
        let run = case.verify(&[option, &enough.to_string()]);
        assert_eq!(run.code, Some(0), "{option}: {}", run.stderr);
        for less in [enough - 1, 0] {
            let run = case.verify(&[option, &less.to_string()]);
            assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
            assert!(
                run.stderr.contains(&format!("raise {option}")),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn each_simulated_root_that_is_given_is_listed() {
    let case = Case::new();
    let other = case.directory.path().join("other.der");
    fs::write(&other, World::empty().tee.ark()).expect("written");
    let more = ["--simulated-root", other.to_str().expect("text")];
    let digests = |run: &Run| run.stdout.matches("root sha256 ").count();

    assert_eq!(digests(&case.verify(&[])), 1);
    let run = case.verify(&more);
    assert_eq!((run.code, digests(&run)), (Some(0), 2), "{}", run.stderr);
    let json = case.verify(&[&more[..], &["-o", "json"]].concat()).json();
    assert_eq!(json["simulated_roots"].as_array().map(Vec::len), Some(2));
}

/// As by `| head -1`.
#[test]
fn statement_that_nobody_reads_is_an_error() {
    let case = Case::new();
    for output in ["text", "json"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-auditor"));
        command
            .arg("verify")
            .arg(case.bundle())
            .args(["--log-key", &case.key(), "--output", output])
            .arg("--simulated-root")
            .arg(case.root())
            .stdout(writer);
        let run = Run::of(&command.output().expect("the program runs"));
        assert_eq!(run.code, Some(1), "{output}");
        let expected = "error: cannot write to standard output";
        assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    }
}

#[test]
fn usage_errors_and_help_have_their_exit_codes() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-auditor"));
        Run::of(&command.args(arguments).output().expect("the program runs"))
    };
    assert_eq!(run(&[]).code, Some(2));
    assert_eq!(run(&["verify", "x"]).code, Some(2));
    let help = run(&["verify", "--help"]);
    assert_eq!(help.code, Some(0));
    for words in [
        "Exit codes: 0",
        "[default: 1073741824]",
        "[default: 200000]",
    ] {
        assert!(help.stdout.contains(words), "{}", help.stdout);
    }
}

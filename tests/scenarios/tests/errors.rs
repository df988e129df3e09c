//! Bad input, as a person meets it: the message names what failed and what to do, and nothing is left.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tests_lab::{Machine, stock_kernel};
use tests_scenarios::guest::Launch;
use tests_scenarios::programs::{Outcome, Programs, word};
use tests_scenarios::verifier::{Start, Verifier};

/// A folder with a launch whose files are all there, on the stock kernel.
struct Desk {
    programs: Programs,
    folder: TempDir,
}

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self {
            programs: Programs::find()?,
            folder: tempfile::tempdir()?,
        })
    }

    /// The desk with a launch on it, or `None`, and the reason printed, without the stock kernel.
    fn with_launch() -> Result<Option<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .expect("two deep");
        let kernel = match stock_kernel(&root.join("target/demo/cache")) {
            Ok(kernel) => kernel,
            Err(reason) => {
                println!("skipped: no stock kernel: {reason:#}");
                return Ok(None);
            }
        };
        let desk = Self::new()?;
        std::os::unix::fs::symlink(kernel.join("vmlinux"), desk.path("vmlinux"))?;
        fs::write(desk.path("initramfs.cpio"), vec![7; 5000])?;
        fs::write(desk.path("data.img"), vec![7; 4096])?;
        let keys = desk.path("tee");
        desk.programs
            .cloister_json(&["simulated-tee", "init", "--dir", word(&keys)?])?;
        Ok(Some(desk))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `cloister` on this launch with one thing in its configuration replaced.
    fn cloister(&self, words: &[&str], from: &str, to: &str) -> Result<Outcome> {
        let toml = Launch::genuine("desk", "127.0.0.1:1").to_toml();
        ensure!(toml.contains(from), "the configuration has no «{from}»");
        let config = self.path("vm.toml");
        fs::write(&config, toml.replacen(from, to, 1))?;
        self.programs.cloister(&[words, &[word(&config)?]].concat())
    }
}

/// It failed, said nothing on standard output, and named all of these.
fn failed(outcome: Outcome, named: &[&str]) -> Result<()> {
    let outcome = outcome.expect_code(1)?;
    for words in named {
        ensure!(
            outcome.stderr.contains(words),
            "the message lacks «{words}»:\n{}",
            outcome.stderr
        );
    }
    ensure!(outcome.stderr.starts_with("error: ") || outcome.stderr.contains("\nerror: "));
    Ok(())
}

#[test]
fn missing_kernel_is_named_with_its_key() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let outcome = desk.cloister(&["measure", "plan"], "\"vmlinux\"", "\"nothing\"")?;
    failed(outcome, &["vm.toml", "kernel", "nothing"])?;
    failed(
        desk.cloister(&["vm", "run"], "\"vmlinux\"", "\"nothing\"")?,
        &["kernel", "nothing"],
    )
}

#[test]
fn file_that_is_no_kernel_is_refused_with_what_would_be_one() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let outcome = desk.cloister(&["measure", "plan"], "\"vmlinux\"", "\"data.img\"")?;
    failed(
        outcome,
        &["boot.kernel", "no kernel", "cloister-image kernel"],
    )
}

#[test]
fn unknown_key_is_named_with_its_line() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let outcome = desk.cloister(&["measure", "plan"], "mib =", "mibs =")?;
    failed(outcome, &["vm.toml", "line ", "memory.mibs", "no such key"])
}

#[test]
fn writable_disk_is_refused_with_the_remedy() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let outcome = desk.cloister(&["vm", "run"], "read_only = true", "read_only = false")?;
    failed(outcome, &["disk.read_only", "write read_only = true"])
}

#[test]
fn missing_disk_is_named_and_nothing_is_left() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let runtime = desk.path("run");
    let words = [
        "vm",
        "run",
        "--adopt-cpuid",
        "--runtime-dir",
        word(&runtime)?,
    ];
    failed(
        desk.cloister(&words, "\"data.img\"", "\"no.img\"")?,
        &["no.img"],
    )?;
    ensure!(!runtime.exists(), "the runtime directory is left");
    Ok(())
}

#[test]
fn host_without_kvm_is_told_what_to_load() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    desk.cloister(&["measure", "plan"], "vmlinux", "vmlinux")?
        .expect_code(0)?;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: hiding /dev/kvm needs root");
        return Ok(());
    }
    let script = format!(
        "mount -t tmpfs none /dev && exec {} vm run {}",
        word(&desk.programs.path("cloister"))?,
        word(&desk.path("vm.toml"))?
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(
        said.contains("/dev/kvm does not exist") && said.contains("kvm-amd"),
        "{said}"
    );
    Ok(())
}

#[test]
fn port_in_use_is_named_with_the_flag() -> Result<()> {
    let desk = Desk::new()?;
    let verifier = Verifier::init(&desk.programs, &desk.path("verifier"))?;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = taken.local_addr()?.to_string();
    let words = [
        "verifier",
        "serve",
        "--data-dir",
        word(verifier.folder())?,
        "--listen",
        &address,
    ];
    failed(
        desk.programs.cloister(&words)?,
        &[&address, "in use", "--listen"],
    )
}

#[test]
fn unreachable_verifier_is_named_with_its_address() -> Result<()> {
    let desk = Desk::new()?;
    let verifier = Verifier::init(&desk.programs, &desk.path("verifier"))?;
    let error = verifier
        .put(&["policy", word(&desk.path("p.rego"))?])
        .unwrap_err();
    ensure!(format!("{error:#}").contains("p.rego"), "{error:#}");
    fs::write(desk.path("p.rego"), POLICY)?;
    let error = verifier
        .put(&["policy", word(&desk.path("p.rego"))?])
        .unwrap_err();
    let said = format!("{error:#}");
    ensure!(
        said.contains(&format!("https://127.0.0.1:{}", verifier.port())),
        "{said}"
    );
    ensure!(said.contains("is the verifier running there"), "{said}");
    Ok(())
}

#[test]
fn wrong_tls_key_is_refused_and_both_keys_are_named() -> Result<()> {
    let desk = Desk::new()?;
    let verifier = Verifier::init(&desk.programs, &desk.path("verifier"))?;
    let other = Verifier::init(&desk.programs, &desk.path("other"))?;
    let log = desk.path("log");
    let running = verifier.start(&Start {
        simulated_root: None,
        log: &log,
        flags: &[],
    })?;
    fs::write(desk.path("p.rego"), POLICY)?;
    let outcome = desk.programs.cloister(&[
        "verifier",
        "put",
        "policy",
        word(&desk.path("p.rego"))?,
        "--url",
        &format!("https://127.0.0.1:{}", verifier.port()),
        "--data-dir",
        word(other.folder())?,
    ])?;
    running.stop()?;
    let keys = [
        hex::encode(verifier.pins()?.tls_spki_sha256),
        hex::encode(other.pins()?.tls_spki_sha256),
    ];
    failed(outcome, &[&keys[0], &keys[1], "pinned"])
}

#[test]
fn truncated_bundle_is_named_with_its_file_and_the_remedy() -> Result<()> {
    let desk = Desk::new()?;
    let verifier = Verifier::init(&desk.programs, &desk.path("verifier"))?;
    let log = desk.path("log");
    let running = verifier.start(&Start {
        simulated_root: None,
        log: &log,
        flags: &[],
    })?;
    fs::write(desk.path("p.rego"), POLICY)?;
    verifier.put(&["policy", word(&desk.path("p.rego"))?])?;
    running.stop()?;
    let bundle = desk.path("bundle");
    verifier.export(&bundle)?;
    let keys = desk.path("tee");
    desk.programs
        .cloister_json(&["simulated-tee", "init", "--dir", word(&keys)?])?;
    let pins = verifier.pins_file();
    let root = keys.join("ark.pem");
    let words = [
        "audit",
        "verify",
        word(&bundle)?,
        "--log-key",
        word(&pins)?,
        "--simulated-root",
        word(&root)?,
    ];
    desk.programs.cloister(&words)?.expect_code(0)?;
    // The births of four keys, and the policy.
    let entries = bundle.join("tile/entries/000.p/5");
    let content = fs::read(&entries)?;
    fs::write(&entries, &content[..content.len() / 2])?;
    failed(
        desk.programs.cloister(&words)?,
        &[
            "tile/entries/000.p/5",
            "cut short",
            "export the bundle again",
        ],
    )
}

#[test]
fn disk_that_cannot_be_written_leaves_no_secret() -> Result<()> {
    let desk = Desk::new()?;
    fs::write(desk.path("payload"), "content")?;
    let secret = desk.path("secret.json");
    let outcome = desk.programs.cloister(&[
        "image",
        "disk",
        "--file",
        word(&desk.path("payload"))?,
        "--out",
        "/proc/data.img",
        "--secret-out",
        word(&secret)?,
    ])?;
    failed(outcome, &["/proc/data.img"])?;
    ensure!(!secret.exists(), "a secret without its disk is left");
    Ok(())
}

#[test]
fn errors_leave_no_process_behind() -> Result<()> {
    let Some(desk) = Desk::with_launch()? else {
        return Ok(());
    };
    let here = Machine::Local {
        folder: desk.path("unused"),
    };
    let ours = |machine: &Machine| -> Result<Vec<i32>> {
        let processes = machine.processes()?.into_iter();
        let ours = processes.filter(|process| process.name.starts_with("cloister-su"));
        Ok(ours.map(|process| process.pid).collect())
    };
    let before = ours(&here)?;
    desk.cloister(&["vm", "run", "--adopt-cpuid"], "\"tee\"", "\"no-keys\"")?
        .expect_code(1)?;
    let after: Vec<i32> = ours(&here)?
        .into_iter()
        .filter(|pid| !before.contains(pid))
        .collect();
    ensure!(after.is_empty(), "supervisors are left: {after:?}");
    Ok(())
}

const POLICY: &str = include_str!("../../../policies/appraisal/simulated.rego");

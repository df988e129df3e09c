//! The program itself, in a directory of its own.
#![allow(dead_code, reason = "the benchmark takes its own part of this")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use attestation_audit::{Anchors, AuditReport, audit};
use attestation_evidence::VerifierPins;
use attestation_judge::test_support::{SimulatedTee, reference};
use attestation_service::Client;
use attestation_service::test_support::{Guest, RESOURCE, policy};

pub const DIGEST: [u8; 48] = [0x5A; 48];
pub const SECRET: &[u8] = b"the disk's key";
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-verifier"))
        .args(args)
        .output()
        .unwrap()
}

/// Standard error of a run that failed with `code`.
#[track_caller]
pub fn failure(code: i32, args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// Standard output of a run that succeeded.
#[track_caller]
pub fn success(args: &[&str]) -> String {
    let output = run(args);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A directory with an initialised verifier, a simulated root, and documents to register.
pub struct Place {
    pub dir: tempfile::TempDir,
    pub tee: SimulatedTee,
    pub pins: VerifierPins,
}

impl Place {
    pub fn new() -> Self {
        Self::on(&[])
    }

    /// Made with more arguments of `init`.
    pub fn on(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tee = SimulatedTee::generate();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let init = ["init", "--data-dir", &path("data")];
        success(&[init.as_slice(), arguments].concat());
        let pins = std::fs::read(path("data/verifier-pins.json")).unwrap();
        let mut demo = reference(DIGEST);
        (demo.not_before, demo.not_after) = (0, 4_102_444_800);
        std::fs::write(path("ark.pem"), pem(tee.ark())).unwrap();
        std::fs::write(path("policy.rego"), policy()).unwrap();
        std::fs::write(path("reference.json"), serde_json::to_vec(&demo).unwrap()).unwrap();
        std::fs::write(path("secret"), SECRET).unwrap();
        let pins = VerifierPins::from_json(&pins).unwrap();
        Self { dir, tee, pins }
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Arguments of `serve` on a free port with the simulated root.
    pub fn serve_args(&self) -> Vec<String> {
        let (data, root) = (self.path("data"), self.path("ark.pem"));
        let args = [
            "serve",
            "--data-dir",
            &data,
            "--listen",
            "127.0.0.1:0",
            "--policy",
            "demo",
        ];
        let simulated = ["--allow-simulated", "--simulated-root", &root];
        args.iter()
            .chain(&simulated)
            .map(ToString::to_string)
            .collect()
    }

    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, more: &[&str]) -> Server {
        Server::start(&self.serve_args(), more, Path::new(&self.path("ready")))
    }

    /// Registers policy, reference value and secret with the program's own client.
    pub fn furnish(&self, url: &str) {
        let data = self.path("data");
        let at = ["--url", url, "--data-dir", &data];
        success(&[&["put", "policy", &self.path("policy.rego")], at.as_slice()].concat());
        success(
            &[
                &["put", "reference", &self.path("reference.json")],
                at.as_slice(),
            ]
            .concat(),
        );
        let secret = self.path("secret");
        let secret = ["put", "secret", RESOURCE, &secret, "--reference", "demo"];
        success(&[secret.as_slice(), at.as_slice()].concat());
    }

    /// A client without a token.
    pub fn client(&self, url: &str) -> Client {
        let pins = &self.pins;
        Client::new(url, &pins.server_name, pins.tls_spki_sha256).unwrap()
    }

    pub fn guest(&self, url: &str) -> Guest<'_> {
        Guest::new(self.client(url), &self.tee, [7; 32], DIGEST)
    }

    /// What it answers to who asks whether it is ready.
    pub fn ready(&self, url: &str) -> attestation_service::Answer {
        let pins = &self.pins;
        let client = Client::new(url, &pins.server_name, pins.tls_spki_sha256).unwrap();
        let request = attestation_service::Request {
            method: "GET",
            path: "/readyz",
            ..Default::default()
        };
        client.send(&request).unwrap()
    }

    /// Exports the log and has the auditor judge it.
    pub fn audit(&self, bundle: &str) -> AuditReport {
        let out = self.path(bundle);
        success(&["export", "--data-dir", &self.path("data"), "--out", &out]);
        let log_key = self.pins.log_key.parse().unwrap();
        let anchors = Anchors {
            simulated_roots: &[self.tee.ark()],
            allow_sample: true,
            ..Anchors::hardware_alone(&log_key)
        };
        audit(&files_of(Path::new(&out)), &anchors).unwrap()
    }
}

/// A running `cloister-verifier serve`; killed when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    lines: Receiver<String>,
}

impl Server {
    pub fn start(args: &[String], more: &[&str], ready: &Path) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_cloister-verifier"));
        Self::start_by(program, args, more, ready)
    }

    /// The same where `program` is the verifier, or a program that becomes it.
    pub fn start_by(mut program: Command, args: &[String], more: &[&str], ready: &Path) -> Self {
        // A server that was killed could not remove it.
        let _ = std::fs::remove_file(ready);
        let mut child = program
            .args(args)
            .args(more)
            .arg("--ready-file")
            .arg(ready)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may have stopped reading.
                let _ = send.send(line);
            }
        });
        let mut server = Self {
            child,
            url: String::new(),
            lines,
        };
        server.url = format!("https://{}", server.wait_for_file(ready).trim_end());
        server
    }

    fn wait_for_file(&mut self, path: &Path) -> String {
        let start = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(path) {
                return text;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "ended early: {:?}",
                self.lines.try_iter().collect::<Vec<_>>()
            );
            assert!(start.elapsed() < PATIENCE, "the server does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for a line of the log that contains `text`.
    pub fn wait_for_line(&self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name and waits for the end; the exit code.
    pub fn signal(mut self, name: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn pem(der: &[u8]) -> String {
    let text = attestation_evidence::encoding::base64_encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

pub fn files_of(root: &Path) -> attestation_audit::Files {
    let mut files = attestation_audit::Files::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

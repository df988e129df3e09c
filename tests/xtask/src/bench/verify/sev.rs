//! The sev crate, in a program of its own (`tests/peers`): what it links is not to be linked here.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use super::inputs::Snp;
use crate::bench::samples::{Subject, Unit};
use crate::install;

/// The report with its whole chain.
pub const SEV: &str = "sev crate 8.0 (crypto_nossl), whole chain";
/// How often in a round.
const TIMES: usize = 10;

/// Builds and starts the program.
///
/// # Errors
/// It cannot be built or started.
pub fn subject<'a>(root: &Path, snp: &Snp) -> Result<Subject<'a>> {
    let program = built(root)?;
    let report = root.join("target/bench/report.bin");
    std::fs::write(&report, &snp.report).context("write the report for the peer")?;
    let mut command = Command::new(program);
    command.arg(report);
    command.args([&snp.files.ark, &snp.files.ask, &snp.files.vcek]);
    let mut peer = Peer::start(command)?;
    Ok(Subject {
        name: SEV.to_owned(),
        amount: TIMES,
        unit: Unit::Verifications,
        work: Box::new(move || peer.verify(TIMES)),
    })
}

fn built(root: &Path) -> Result<PathBuf> {
    let build = [
        "build",
        "--release",
        "--quiet",
        "--manifest-path=tests/peers/Cargo.toml",
        "--target-dir=target/peers",
    ];
    install::build(root, &build)?;
    Ok(root.join("target/peers/x86_64-unknown-linux-gnu/release/tests-peers"))
}

/// The program, waiting for lines. It ends when its input does.
struct Peer {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("start tests-peers")?;
        let input = process.stdin.take();
        let output = process.stdout.take().context("tests-peers has an output")?;
        Ok(Self {
            process,
            input,
            output: BufReader::new(output),
        })
    }

    /// Verifies so many times. The caller's clock runs: an answer comes microseconds after it is ready.
    fn verify(&mut self, times: usize) -> Result<()> {
        let input = self.input.as_mut().context("tests-peers has an input")?;
        writeln!(input, "{times}").context("ask tests-peers")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        let _nanoseconds: u64 = answer.trim().parse().context("tests-peers fails")?;
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has nothing left to do; how it ends changes no time that was taken.
        drop(self.process.wait());
    }
}

//! The command line.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use vmm_host_facts::Tee;

const NAME: &str = "cloister-self-test.json";

/// Launches tiny guests here, says what worked and what did not, and writes a report to send back.
///
/// Guests of a few hundred bytes are launched on every TEE that `cloister host check` says this host can launch: with
/// one vCPU, with two, and in ways that firmware and boot shim must refuse. Needs root. Nothing stays but the report,
/// and nothing is sent anywhere. docs/self-test.md says what each step shows, and what is in the report.
#[derive(Parser)]
#[command(
    name = "cloister-self-test",
    bin_name = "cloister host self-test",
    version,
    after_help = "Exit codes: 0 everything that was launched passed, 1 something failed, 2 wrong usage, 3 nothing can be launched here."
)]
pub struct Arguments {
    /// Launch on this TEE alone, even if the host's check says that it cannot work.
    #[arg(long = "for", value_enum, value_name = "TEE")]
    tee: Option<Asked>,
    /// Where the report goes: a folder, or a file that is not there yet [default: cloister-self-test.json here; none
    /// with -o json].
    #[arg(long, value_name = "DIR|FILE")]
    out: Option<PathBuf>,
    /// How long one launch may take.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Launch nothing, and show a report that was written elsewhere. Its launches are judged again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tee", "out", "seconds"])]
    pub read: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// The report itself.
    Json,
}

/// The TEEs as an option takes them.
#[derive(Clone, Copy, ValueEnum)]
enum Asked {
    /// An ordinary VM that measures as SEV-SNP does and protects nothing.
    Simulated,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl Arguments {
    /// The one TEE that was asked for.
    pub fn tee(&self) -> Option<Tee> {
        self.tee.map(|asked| match asked {
            Asked::Simulated => Tee::Simulated,
            Asked::Snp => Tee::Snp,
            Asked::Tdx => Tee::Tdx,
        })
    }

    /// The file that is to be written, if any.
    ///
    /// # Errors
    /// It is there already.
    pub fn file(&self) -> Result<Option<PathBuf>> {
        let path = match &self.out {
            Some(path) if path.is_dir() => path.join(NAME),
            Some(path) => path.clone(),
            None if self.output == Output::Json => return Ok(None),
            None => PathBuf::from(NAME),
        };
        let is_free = path.symlink_metadata().is_err();
        ensure!(
            is_free,
            "{} is there already: move it, or name another by --out",
            path.display()
        );
        Ok(Some(path))
    }
}

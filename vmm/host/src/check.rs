//! `cloister host check`.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vmm_host_facts::{Facts, Judgement, Recording, Tee, Verdict, judge};

use crate::output::Output;
use crate::{document, gather, output, page};

/// What is looked at, and how it is shown.
#[derive(clap::Args)]
pub struct Arguments {
    /// Ask for this TEE alone: the exit code is about it.
    #[arg(long = "for", value_enum, value_name = "TEE")]
    tee: Option<Asked>,
    /// Show every row, also of TEEs that this machine can never have (JSON always does).
    #[arg(long)]
    all: bool,
    /// Judge what another host answered, as `cloister host record` wrote it, and not this one.
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
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

impl From<Asked> for Tee {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Simulated => Self::Simulated,
            Asked::Snp => Self::Snp,
            Asked::Tdx => Self::Tdx,
        }
    }
}

/// Longer than any recording may be.
const MOST_BYTES: u64 = 2 << 20;
const CANNOT: u8 = 3;
const COULD_NOT_LOOK: u8 = 1;

/// Looks, judges and prints.
///
/// # Errors
/// Nothing could be read, or the result cannot be printed.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let recording = match &arguments.recording {
        Some(path) => recorded(path)?,
        None => gather::host(),
    };
    let facts = Facts::read(recording);
    if facts.is_blank() {
        bail!(
            "nothing could be read of this host: neither CPUID nor /proc/cpuinfo; is it x86-64 Linux with /proc mounted?"
        );
    }
    let judgement = judge(&facts);
    let asked = arguments.tee.map(Tee::from);
    let code = exit_code(&judgement, asked);
    let text = match arguments.output {
        Output::Json => document::json(&facts, &judgement, asked, code)?,
        Output::Text => page::of(&facts, &judgement, asked, arguments.all),
    };
    output::print(&text)?;
    Ok(ExitCode::from(code))
}

fn recorded(path: &Path) -> Result<Recording> {
    let read = || -> Result<Recording> {
        let mut text = String::new();
        let file = File::open(path)?;
        file.take(MOST_BYTES).read_to_string(&mut text)?;
        Ok(Recording::from_toml(&text)?)
    };
    read().with_context(|| format!("--recording {}: it cannot be read", path.display()))
}

/// The best of those that were asked for.
fn exit_code(judgement: &Judgement, asked: Option<Tee>) -> u8 {
    let verdicts = judgement.verdicts.iter();
    let verdicts = verdicts.filter(|one| asked.is_none_or(|asked| one.tee == asked));
    let verdicts: Vec<Verdict> = verdicts.map(|one| one.verdict).collect();
    if verdicts.contains(&Verdict::Can) {
        0
    } else if verdicts.contains(&Verdict::Unclear) {
        COULD_NOT_LOOK
    } else {
        CANNOT
    }
}

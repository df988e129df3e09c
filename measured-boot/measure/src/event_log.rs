//! Event logs: read strictly, replayed, and judged.

mod document;
mod page;

use crate::{Output, files, print};
use anyhow::{Context, Result};
use clap::ValueEnum;
use document::{LogDocument, TableDocument};
use measured_boot_event_log::{CcelTable, Log, ReadOptions, Registers};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code of a log that was judged and refused.
const REFUSED: u8 = 3;

#[derive(clap::Args)]
pub struct EventLogArguments {
    /// The log: a TPM's (`binary_bios_measurements`) or a confidential guest's (`/sys/firmware/acpi/tables/data/CCEL`).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The ACPI table CCEL, which says how long the log's area is.
    #[arg(long, value_name = "FILE")]
    ccel_table: Option<PathBuf>,
    /// How the log names registers, if not as what it begins with shows.
    #[arg(long, value_enum, value_name = "KIND")]
    registers: Option<RegisterKind>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum RegisterKind {
    /// A TPM's.
    Pcr,
    /// A TD's.
    Rtmr,
}

impl From<RegisterKind> for Registers {
    fn from(kind: RegisterKind) -> Self {
        match kind {
            RegisterKind::Pcr => Self::Pcr,
            RegisterKind::Rtmr => Self::Rtmr,
        }
    }
}

/// Prints the log and its replay. Judged and refused if readers could take it in more than one way.
pub fn replay(arguments: &EventLogArguments) -> Result<ExitCode> {
    let file = &arguments.file;
    let bytes = files::read("the log", file)?;
    if CcelTable::is_one(&bytes) && arguments.ccel_table.is_none() {
        let table = read_table(file, &bytes)?;
        return describe_table(&table, arguments.output);
    }
    let table = match &arguments.ccel_table {
        Some(path) => Some(read_table(path, &files::read("--ccel-table", path)?)?),
        None => None,
    };
    let options = ReadOptions {
        registers: arguments.registers.map(Registers::from),
        table,
    };
    let log = Log::read(&bytes, &options)
        .with_context(|| format!("{} is no event log, or a malformed one", file.display()))?;
    let coverage = log.coverage();
    let document = LogDocument::of(&log, &coverage, table);
    match arguments.output {
        Output::Text => page::print(&log, &document)?,
        Output::Json => print_lazily(&document)?,
    }
    Ok(judge(&document))
}

fn read_table(path: &Path, bytes: &[u8]) -> Result<CcelTable> {
    CcelTable::read(bytes)
        .with_context(|| format!("--ccel-table {}: no CCEL table", path.display()))
}

fn describe_table(table: &CcelTable, output: Output) -> Result<ExitCode> {
    let document = TableDocument::alone(table);
    match output {
        Output::Text => print(&page::table_alone(&document))?,
        Output::Json => print_lazily(&document)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a document as it is made: that of a hostile log would be many times the log.
fn print_lazily(document: &impl serde::Serialize) -> Result<()> {
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer_pretty(&mut stdout, document)
        .map_err(std::io::Error::from)
        .and_then(|()| writeln!(stdout))
        .and_then(|()| stdout.flush())
        .context("the result cannot be printed")
}

fn judge(document: &LogDocument<'_>) -> ExitCode {
    let findings = document.judgement();
    for finding in findings.list() {
        eprintln!("refused: {finding}");
    }
    if findings.more() > 0 {
        eprintln!("refused: and {} more", findings.more());
    }
    if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    }
}

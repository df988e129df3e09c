//! Launches under SEV-SNP by other VMMs: of firmware, of firmware under an SVSM, of IGVM files.

mod arguments;
mod document;
mod igvm;
mod ovmf;

pub use arguments::{SnpArguments, hexadecimal};

use anyhow::Result;
use document::{Document, IdBlockDocument};
use measured_boot_digest::CoverageRow;
use measured_boot_page_hash::AllCores;
use measured_boot_snp_launch::{CpuSignature, SnpLaunch};
use std::process::ExitCode;

use crate::{Output, print, print_json};

/// The exit code of a launch that the secure processor would refuse.
const REFUSED: u8 = 3;

/// A launch, and what is said of it.
struct Predicted<'a> {
    launch: SnpLaunch<'a>,
    cpu: Option<CpuSignature>,
    policy: Option<u64>,
    coverage: Vec<CoverageRow>,
    warnings: Vec<String>,
}

/// Predicts the launch and prints it. Judged and refused if it has an ID block that is not its own.
pub fn predict(arguments: &SnpArguments) -> Result<ExitCode> {
    match (&arguments.igvm, &arguments.ovmf) {
        (Some(path), _) => igvm::predict(arguments, path),
        (None, Some(path)) => ovmf::predict(arguments, path),
        (None, None) => unreachable!("one of the two is required"),
    }
}

/// Measures, and prints what is predicted.
fn print_launch(
    arguments: &SnpArguments,
    predicted: Predicted<'_>,
    id_block: impl FnOnce([u8; 48]) -> Option<IdBlockDocument>,
) -> Result<ExitCode> {
    let measurement = predicted.launch.measure(&AllCores::new());
    let id_block = id_block(measurement.digest().0);
    let is_refused = id_block.as_ref().is_some_and(|block| !block.is_accepted);
    let document = Document::of(arguments, predicted, &measurement, id_block);
    for warning in document.warnings() {
        eprintln!("warning: {warning}");
    }
    match arguments.output {
        Output::Text => print(&document.page(arguments.coverage, &measurement))?,
        Output::Json => print_json(&document)?,
    }
    Ok(if is_refused {
        ExitCode::from(REFUSED)
    } else {
        ExitCode::SUCCESS
    })
}

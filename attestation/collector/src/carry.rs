//! `cloister collateral export` and `import`.

use anyhow::{Context, Result};
use attestation_collateral::{Imported, MAX_EXPORT_BYTES, Outcome};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::arguments::Kept;
use crate::files;
use crate::inventory::REFUSED;
use crate::output::{self, Output};

#[derive(clap::Args)]
pub struct ExportArguments {
    #[command(flatten)]
    kept: Kept,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub struct ImportArguments {
    #[command(flatten)]
    kept: Kept,
    /// What another machine exported.
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
}

/// Writes everything that is kept to one file.
///
/// # Errors
/// The directory cannot be used, or the file not be written.
pub fn export(arguments: &ExportArguments) -> Result<ExitCode> {
    let collateral = arguments.kept.open(None)?;
    let documents = collateral.list().len();
    let export = collateral.export();
    files::write("--out", &arguments.out, export.as_bytes())?;
    output::print(&match arguments.kept.output {
        Output::Json => serde_json::to_string_pretty(
            &json!({"version": 1, "documents": documents, "bytes": export.len()}),
        )?,
        Output::Text => format!(
            "{documents} documents, {} bytes, in {}",
            export.len(),
            output::shown(&arguments.out.display().to_string())
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Proves an export, and keeps what is good and not older.
///
/// # Errors
/// The directory cannot be used, or the file is no export.
pub fn import(arguments: &ImportArguments) -> Result<ExitCode> {
    let export = files::read("--in", &arguments.input, MAX_EXPORT_BYTES)?;
    let collateral = arguments.kept.open(None)?;
    let imported = collateral
        .import(&export)
        .with_context(|| format!("--in {}", arguments.input.display()))?;
    output::print(&match arguments.kept.output {
        Output::Json => {
            let documents: Vec<_> = imported
                .iter()
                .map(|one| {
                    let (outcome, why) = outcome(one);
                    json!({"subject": one.name, "outcome": outcome, "why": why})
                })
                .collect();
            serde_json::to_string_pretty(&json!({"version": 1, "documents": documents}))?
        }
        Output::Text if imported.is_empty() => "the export is empty".to_owned(),
        Output::Text => {
            let rows = imported.iter().map(|one| {
                let (outcome, why) = outcome(one);
                [outcome, &one.name, why.unwrap_or_default()].map(str::to_owned)
            });
            output::table(&rows.collect::<Vec<_>>())
        }
    })?;
    let refused = |one: &Imported| matches!(one.outcome, Outcome::Refused(_));
    Ok(match imported.iter().any(refused) {
        true => ExitCode::from(REFUSED),
        false => ExitCode::SUCCESS,
    })
}

fn outcome(one: &Imported) -> (&'static str, Option<&str>) {
    match &one.outcome {
        Outcome::Kept => ("kept", None),
        Outcome::Same => ("same", None),
        Outcome::Refused(why) => ("refused", Some(why)),
    }
}

//! What differs, in words.

mod comparison;
mod kind;
mod logs;
mod page;
mod predicted;
mod predicted_events;
mod predictions;
mod signs;

pub use comparison::{UNSIGNED, explains};
pub use kind::{Kind, Subject, shown};
pub use logs::ended_early;
pub use page::{Row, sections};
pub use predicted::Predicted;
pub use predictions::predictions;

use anyhow::{Context, Result};
use measured_boot_digest::Manifest;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::files::read;
use crate::{Output, print, print_json};
use comparison::{Comparison, compared};

#[derive(clap::Args)]
pub struct DiffArguments {
    /// One of the two: a vm.toml, what `plan`, `snp` or `tdx` printed with `-o json`, a manifest, a report, a firmware or IGVM image, a UKI, an event log.
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The other, of the same kind; plans, manifests and reports go together; quotes and event logs too with a `tdx` prediction.
    #[arg(value_name = "B")]
    second: PathBuf,
    /// The manifest that explains the report's launch digest, where one of the two is a report.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document {
    a: Side,
    b: Side,
    equal: bool,
    differences: Vec<Row>,
    notes: Vec<String>,
}

/// One of the two.
#[derive(Serialize)]
struct Side {
    path: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_digest: Option<String>,
}

/// Compares two files and prints what differs. Both outcomes are done: equal or not is in the result.
pub fn compare(arguments: &DiffArguments) -> Result<ExitCode> {
    let first = Subject::read(&arguments.first)?;
    let second = Subject::read(&arguments.second)?;
    let manifest = match &arguments.manifest {
        Some(path) => Some(manifest(path)?),
        None => None,
    };
    let comparison = compared(&first, &second, manifest.as_ref())?;
    let document = Document::of([&first, &second], &comparison);
    match arguments.output {
        Output::Text => print(&document.page()),
        Output::Json => print_json(&document),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The manifest that an option names.
pub fn manifest(path: &Path) -> Result<Manifest> {
    let bytes = read("--manifest", path)?;
    Manifest::from_bytes(&bytes)
        .with_context(|| format!("--manifest {}: no manifest", path.display()))
}

impl Document {
    fn of(subjects: [&Subject; 2], comparison: &Comparison) -> Self {
        let [a, b] = [0, 1].map(|index| Side {
            path: kind::shown(subjects[index].path()),
            kind: subjects[index].kind().words(),
            launch_digest: comparison.digests[index].map(|digest| digest.to_string()),
        });
        Self {
            a,
            b,
            equal: comparison.differences.is_empty(),
            differences: comparison.differences.iter().map(Row::of).collect(),
            notes: comparison.notes.clone(),
        }
    }

    fn page(&self) -> String {
        let mut page = String::new();
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            page.push_str(&format!("{name}: {}, {}\n", side.path, side.kind));
            if let Some(digest) = &side.launch_digest {
                page.push_str(&format!("   launch digest {digest}\n"));
            }
        }
        page.push('\n');
        if self.equal {
            page.push_str("The same: nothing differs.\n");
        }
        page.push_str(&sections(&self.differences));
        for note in &self.notes {
            page.push_str(&format!("note: {note}\n"));
        }
        page
    }
}

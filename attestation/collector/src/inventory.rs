//! `cloister collateral list` and `check`.

use anyhow::Result;
use attestation_certificates::{Observation, rfc3339};
use attestation_collateral::Listed;
use serde_json::{Value, json};
use std::process::ExitCode;

use crate::arguments::Kept;
use crate::output::{self, Output};

/// Judged and refused.
pub const REFUSED: u8 = 3;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    kept: Kept,
}

/// Says what is kept, and until when.
///
/// # Errors
/// The directory cannot be used.
pub fn list(arguments: &Arguments) -> Result<ExitCode> {
    let all = arguments.kept.open(None)?.list();
    output::print(&match arguments.kept.output {
        Output::Json => {
            let kept: Vec<_> = all.iter().map(as_json).collect();
            serde_json::to_string_pretty(&json!({"version": 1, "kept": kept}))?
        }
        Output::Text if all.is_empty() => "nothing is kept, or nothing in its dates".to_owned(),
        Output::Text => {
            let title = ["SUBJECT", "GOOD UNTIL", "NUMBER", "ISSUED", ""];
            let mut rows = vec![title.map(str::to_owned)];
            rows.extend(all.iter().map(row));
            output::table(&rows)
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Listed) -> [String; 5] {
    let (number, issued) = age(one);
    [
        one.subject.to_string(),
        rfc3339(one.validity.not_after),
        number.unwrap_or_default(),
        issued.map(rfc3339).unwrap_or_default(),
        if one.due { "due" } else { "" }.to_owned(),
    ]
}

fn as_json(one: &Listed) -> Value {
    let (number, issued) = age(one);
    json!({
        "subject": one.subject.to_string(),
        "not_before": one.validity.not_before,
        "not_after": one.validity.not_after,
        "number": number,
        "issued": issued,
        "fetched": one.fetched,
        "due": one.due,
    })
}

/// What says how new it is: Intel's evaluation number, or that of a list; none of certificates.
fn age(one: &Listed) -> (Option<String>, Option<u64>) {
    match &one.observation {
        None => (None, None),
        Some(
            Observation::TcbInfo {
                evaluation, issued, ..
            }
            | Observation::Identity {
                evaluation, issued, ..
            },
        ) => (Some(evaluation.to_string()), Some(*issued)),
        Some(Observation::Crl { number, issued, .. }) => (Some(number.to_string()), Some(*issued)),
    }
}

/// Proves every file again.
///
/// # Errors
/// The directory cannot be used.
pub fn check(arguments: &Arguments) -> Result<ExitCode> {
    let collateral = arguments.kept.open(None)?;
    let left_out = collateral.check()?;
    let good = collateral.list().len();
    output::print(&match arguments.kept.output {
        Output::Json => {
            let left_out: Vec<_> = left_out
                .iter()
                .map(|one| json!({"file": one.file, "why": one.why}))
                .collect();
            serde_json::to_string_pretty(
                &json!({"version": 1, "good": good, "not_used": left_out}),
            )?
        }
        Output::Text => {
            let rows = left_out
                .iter()
                .map(|one| ["not used".to_owned(), one.file.clone(), one.why.clone()]);
            let rows: Vec<_> = rows.collect();
            format!(
                "{good} good, {} not used\n{}",
                rows.len(),
                output::table(&rows)
            )
        }
    })?;
    Ok(match left_out.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUSED),
    })
}

//! A TDX quote against what `tdx` predicted.

use anyhow::{Result, anyhow};
use measured_boot_difference::{QuoteFields, RegisterFinding, quote_and_log};
use measured_boot_event_log::{Log, ReadOptions};

use super::ExplainArguments;
use super::document::NAMES;
use crate::diff::{Predicted, predictions};
use crate::files::read;

const RTMRS: [&str; 4] = ["RTMR0", "RTMR1", "RTMR2", "RTMR3"];

/// What is found of each register that was predicted; with an event log that gives the quote's registers, by events.
///
/// # Errors
/// `--event-log` names no log.
pub fn findings(
    arguments: &ExplainArguments,
    quote: &QuoteFields<'_>,
    predicted: &Predicted,
    notes: &mut Vec<String>,
) -> Result<Vec<RegisterFinding>> {
    let logged = logged(arguments, quote, notes)?;
    let reported = Predicted::of_quote(quote);
    let mut findings = Vec::new();
    findings.extend(predicted.launch_digest.map(|planned| {
        let as_planned = planned.0 == quote.mrtd();
        finding("MRTD", as_planned, match as_planned {
            true => "the predicted one".to_owned(),
            false => "another than predicted: other firmware, or the other order of pages; give the image as --against, which tries both".to_owned(),
        })
    }));
    let rtmrs = predicted.rtmrs().into_iter().zip(reported.rtmrs());
    for (name, (planned, shown)) in RTMRS.into_iter().zip(rtmrs) {
        match (planned, &logged) {
            (None, _) => notes.push(format!("{name} was not predicted, and is not judged")),
            (Some(_), _) if planned == shown => {
                findings.push(finding(name, true, "the predicted one".to_owned()));
            }
            (Some(_), Some(logged)) => {
                findings.push(finding(name, false, events(name, predicted, logged)));
            }
            (Some(_), None) => findings.push(finding(
                name,
                false,
                "another than predicted: give the --event-log, which says by which event"
                    .to_owned(),
            )),
        }
    }
    Ok(findings)
}

fn finding(register: &'static str, as_planned: bool, says: String) -> RegisterFinding {
    RegisterFinding {
        register,
        as_planned,
        says,
    }
}

/// The events of a register that are not those predicted.
fn events(name: &str, predicted: &Predicted, logged: &Predicted) -> String {
    let differences = predictions(predicted, logged);
    let sentences = differences.iter().map(|one| one.sentence(&NAMES));
    let of_register = sentences.filter(|says| says.starts_with(name));
    match of_register.collect::<Vec<_>>() {
        none if none.is_empty() => {
            "another than predicted, by events that were not predicted".to_owned()
        }
        sentences => sentences.join("; "),
    }
}

/// The log, if its replay gives the quote's registers: any other explains nothing.
fn logged(
    arguments: &ExplainArguments,
    quote: &QuoteFields<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<Predicted>> {
    let Some(path) = &arguments.event_log else {
        return Ok(None);
    };
    let file = read("--event-log", path)?;
    let log = Log::read(&file, &ReadOptions::default())
        .map_err(|error| anyhow!("--event-log {}: {error}", path.display()))?;
    let unlike: Vec<_> = quote_and_log(quote, &log)
        .iter()
        .map(ToString::to_string)
        .collect();
    if unlike.is_empty() {
        return Ok(Some(Predicted::of_log(&log)));
    }
    notes.push(format!(
        "--event-log: its replay does not give the quote's registers, so it explains nothing: {}",
        unlike.join("; ")
    ));
    Ok(None)
}

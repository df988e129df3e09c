//! Two event logs, or a log and the quote that vouches for it.

use anyhow::{Result, anyhow};
use measured_boot_difference::{
    QuoteFields, event_logs, missing_at_the_end, quote_and_log as registers,
};
use measured_boot_event_log::{Log, ReadOptions};

use super::comparison::{Comparison, UNSIGNED};

/// What differs between two logs.
///
/// # Errors
/// One is no log. (Both were, when their kind was found.)
pub fn between(a: &[u8], b: &[u8]) -> Result<Comparison> {
    let (a, b) = (read(a)?, read(b)?);
    let mut notes = vec![
        "no digest covers an event's type, nor the order of events of different registers"
            .to_owned(),
    ];
    for (name, log) in [("A", &a), ("B", &b)] {
        let findings = log.findings();
        let count = findings.total();
        if count > 0 {
            notes.push(format!(
                "{name} has {} that `event-log` refuses it for",
                crate::text::count(count, "finding")
            ));
        }
    }
    Ok(Comparison {
        differences: event_logs(&a, &b),
        notes,
        ..Comparison::default()
    })
}

/// The registers of a quote that the replay of a log does not give.
///
/// # Errors
/// One is not what it was taken for.
pub fn quote_and_log(quote: &[u8], log: &[u8]) -> Result<Comparison> {
    let (quote, log) = (QuoteFields::read(quote)?, read(log)?);
    let differences = registers(&quote, &log);
    let mut notes = vec![UNSIGNED.to_owned()];
    for number in 0..4 {
        notes.extend(ended_early(&quote, &log, number));
    }
    if differences.len() > notes.len() - 1 {
        notes.push(
            "a log that does not replay explains nothing of the registers that differ".to_owned(),
        );
    }
    Ok(Comparison {
        differences,
        notes,
        ..Comparison::default()
    })
}

/// Of a log that was taken before its register was last extended.
pub fn ended_early(quote: &QuoteFields<'_>, log: &Log<'_>, number: u8) -> Option<String> {
    let missing = missing_at_the_end(quote, log, number)?;
    Some(format!(
        "RTMR{number} is the quote's once `{}` is measured after the log's last event: the log was taken before that",
        missing.join("` and `")
    ))
}

fn read(bytes: &[u8]) -> Result<Log<'_>> {
    Log::read(bytes, &ReadOptions::default()).map_err(|error| anyhow!("no event log: {error}"))
}

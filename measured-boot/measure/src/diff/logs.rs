//! Two event logs.

use anyhow::{Result, anyhow};
use measured_boot_difference::event_logs;
use measured_boot_event_log::{Log, ReadOptions};

use super::comparison::Comparison;

/// What differs between two logs.
///
/// # Errors
/// One is no log. (Both were, when their kind was found.)
pub fn between(a: &[u8], b: &[u8]) -> Result<Comparison> {
    let read = |bytes| {
        Log::read(bytes, &ReadOptions::default()).map_err(|error| anyhow!("no event log: {error}"))
    };
    let (a, b) = (read(a)?, read(b)?);
    let mut notes = vec![
        "no digest covers an event's type, nor the order of events of different registers"
            .to_owned(),
    ];
    for (name, log) in [("A", &a), ("B", &b)] {
        let findings = log.findings();
        let count = findings.total();
        if count > 0 {
            let s = if count == 1 { "" } else { "s" };
            notes.push(format!(
                "{name} has {count} finding{s} that `event-log` refuses it for"
            ));
        }
    }
    Ok(Comparison {
        differences: event_logs(&a, &b),
        notes,
        ..Comparison::default()
    })
}

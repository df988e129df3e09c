//! An event log for people.

use super::document::{LogDocument, TableDocument, kind_name};
use crate::text::Side::{Left, Right};
use crate::text::{count, table};
use anyhow::Result;
use measured_boot_event_log::{Coverage, Event, Format, Log, Registers, UNCOVERED};

/// Prints the whole page.
pub fn print(log: &Log<'_>, document: &LogDocument<'_>) -> Result<()> {
    let mut page = format!("{}\n\n", headline(log, document));
    page.push_str(&events(log, document.coverage));
    page.push('\n');
    page.push_str(&registers(document));
    page.push_str("\nNo digest covers:\n");
    for uncovered in UNCOVERED {
        page.push_str(&format!("  {}\n", uncovered.says));
    }
    page.push_str(&left_out(log, document.coverage));
    page.push_str(&notes(document));
    crate::print(&page)
}

/// The page of a CCEL table that stands where a log should.
pub fn table_alone(document: &TableDocument) -> String {
    let table = &document.table;
    let advice = TableDocument::ADVICE;
    format!(
        "CCEL table ({}): a log of at most {} at {:#x}\n{advice}\n",
        kind_name(table.kind),
        count(table.area_bytes, "byte"),
        table.area_address
    )
}

fn headline(log: &Log<'_>, document: &LogDocument<'_>) -> String {
    let whose = match log.registers {
        Registers::Pcr => "TPM",
        Registers::Rtmr => "confidential guest's",
    };
    let format = match log.format {
        Format::Legacy => "legacy",
        Format::Agile => "crypto-agile",
    };
    let algorithms: Vec<_> = log.algorithms().map(|one| one.to_string()).collect();
    let mut line = format!(
        "{whose} event log, {format} ({}), {}",
        algorithms.join(", "),
        count(log.events.len(), "event")
    );
    if let Some(locality) = document.replay.startup_locality {
        line.push_str(&format!(", startup locality {locality}"));
    }
    if let Some(padding) = log.padding {
        let (length, byte, at) = (padding.length, padding.byte, padding.offset);
        line.push_str(&format!(
            "\nfollowed by {} of {byte:02x} at {at:#x}",
            count(length, "byte")
        ));
    }
    line
}

fn events(log: &Log<'_>, coverage: &[Coverage]) -> String {
    let header = ["EVENT", "OFFSET", "REGISTER", "TYPE", "COVERED", "SAYS"].map(str::to_owned);
    let events = log.events.iter().zip(coverage).map(row);
    let rows: Vec<_> = [header].into_iter().chain(events).collect();
    table(&[Right, Right, Left, Left, Left, Left], &rows)
}

fn row((event, coverage): (&Event<'_>, &Coverage)) -> [String; 6] {
    [
        event.number.to_string(),
        format!("{:#x}", event.offset),
        event.register.to_string(),
        event.kind.to_string(),
        coverage.covered.name().to_owned(),
        event.description(),
    ]
}

fn registers(document: &LogDocument<'_>) -> String {
    let header = ["REGISTER", "BANK", "VALUE"].map(str::to_owned);
    let mut rows = vec![header];
    for bank in &document.replay.banks {
        for (register, value) in &bank.registers {
            let (register, bank) = (register.to_string(), bank.algorithm.to_string());
            rows.push([register, bank, value.to_string()]);
        }
    }
    table(&[Left; 3], &rows)
}

/// How many measured events say more than their digests cover.
fn left_out(log: &Log<'_>, coverage: &[Coverage]) -> String {
    let left_out = |(event, coverage): &(&Event<'_>, &Coverage)| {
        event.is_measured() && coverage.covered.leaves_out(event.kind).is_some()
    };
    match log.events.iter().zip(coverage).filter(left_out).count() {
        0 => String::new(),
        events => format!("  what {events} of the events say, or a part of it: see COVERED\n"),
    }
}

fn notes(document: &LogDocument<'_>) -> String {
    let notes = &document.remarks;
    let mut lines = String::new();
    if !notes.is_empty() {
        lines.push_str("\nNotes:\n");
    }
    for note in notes.list() {
        let line = match note.event {
            Some((event, offset)) => format!("  event {event} at {offset:#x}: {}\n", note.kind),
            None => format!("  {}\n", note.kind),
        };
        lines.push_str(&line);
    }
    if notes.more() > 0 {
        lines.push_str(&format!("  and {} more\n", notes.more()));
    }
    lines
}

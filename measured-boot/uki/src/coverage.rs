//! What of a file PCR 11 or the Authenticode digest does not show.

use crate::{Measured, Pe, Section, UnifiedSection};
use std::ops::Range;

/// A part of the file, or of the boot, that at least one of the two does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// What it is.
    pub what: String,
    /// Where it is in the file; nothing if it is not in the file.
    pub range: Option<Range<usize>>,
    /// Whether the Authenticode digest covers it. PCR 11 covers no part that is listed.
    pub authenticode: bool,
    /// What follows.
    pub note: &'static str,
}

impl Coverage {
    fn of(what: &str, range: Range<usize>, authenticode: bool, note: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            range: Some(range),
            authenticode,
            note,
        }
    }
}

/// Everything that PCR 11 does not show when it is extended by these sections, in the order of the file.
pub fn coverage(pe: &Pe, measured: &Measured) -> Vec<Coverage> {
    let mut rows = headers(pe);
    rows.extend(pe.gaps().into_iter().flat_map(|gap| gap_rows(pe, gap)));
    for section in pe.sections() {
        rows.extend(section_row(section, measured));
    }
    let trailing = pe.trailing();
    if !trailing.is_empty() {
        let note = "nothing loads it";
        rows.push(Coverage::of("after the last section", trailing, true, note));
    }
    if let Some(table) = pe.certificates() {
        let note = "a signature comes and goes without a trace";
        rows.push(Coverage::of(
            "certificate table",
            table.range(),
            false,
            note,
        ));
    }
    rows.sort_by_key(|row| row.range.as_ref().map(|range| range.start));
    rows.extend(at_boot());
    rows
}

fn headers(pe: &Pe) -> Vec<Coverage> {
    let (start, entry) = (pe.checksum(), pe.certificate_entry());
    let note = "signing changes it";
    let mut rows = vec![
        Coverage::of(
            "headers",
            0..pe.headers_size(),
            true,
            "with the sections' places, sizes and order",
        ),
        Coverage::of("checksum", start, false, note),
    ];
    rows.extend(entry.map(|range| Coverage::of("certificate entry", range, false, note)));
    rows
}

/// A gap lies where the digest does not reach, or where it hashes everything once more.
fn gap_rows(pe: &Pe, gap: Range<usize>) -> impl Iterator<Item = Coverage> {
    let middle = pe.rest_start().clamp(gap.start, gap.end);
    let rows = [(gap.start..middle, false), (middle..gap.end, true)];
    let rows = rows.into_iter().filter(|(range, _)| !range.is_empty());
    rows.map(|(range, authenticode)| {
        Coverage::of("between sections", range, authenticode, "nothing loads it")
    })
}

/// What PCR 11 leaves out of a section.
fn section_row(section: &Section, measured: &Measured) -> Option<Coverage> {
    let name = section.name.as_str();
    let is_measured = measured
        .sections()
        .iter()
        .any(|one| one.section == *section);
    let (what, range, note) = if is_measured {
        let note = "beyond the section's virtual size";
        (format!("{name}, slack"), section.slack(), note)
    } else {
        (name.to_owned(), section.raw(), left_out(section))
    };
    let row = Coverage::of(&what, range.clone(), true, note);
    (!range.is_empty()).then_some(row)
}

/// Why a section is not measured.
fn left_out(section: &Section) -> &'static str {
    match UnifiedSection::named(section.name) {
        Some(UnifiedSection::PcrSig) => "signs what PCR 11 will be: no stub measures it",
        Some(_) if section.virtual_size == 0 => "of virtual size 0: stubs take it for absent",
        Some(_) => "not measured by this stub in this boot",
        None => "the stub's own, which decides what is measured",
    }
}

fn at_boot() -> [Coverage; 2] {
    let row = |what: &str, note| Coverage {
        what: what.to_owned(),
        range: None,
        authenticode: false,
        note,
    };
    [
        row("options, profile, add-ons", "of the boot: PCR 12"),
        row("system extensions", "of the boot: PCR 13"),
    ]
}

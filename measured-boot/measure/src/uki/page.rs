//! The result for people.

use measured_boot_uki::{Algorithm, Coverage};

use super::document::is_measured;
use super::{Image, Kernel, digests};
use crate::text::Side::{Left, Right};
use crate::text::{count, table};

/// The whole page.
pub fn page(image: &Image, path: &str, with_coverage: bool) -> String {
    let mut parts = vec![headline(image, path), sections(image)];
    if let Some(kernel) = &image.kernel {
        parts.extend(pcr11(image, kernel));
    }
    parts.push(format!(
        "Authenticode: what firmware checks and measures, PCR 4 or RTMR1\n{}",
        list(image, digests(&image.pe))
    ));
    parts.extend(when_signed(image));
    if let Some(digests) = image
        .kernel
        .as_ref()
        .and_then(|one| one.authenticode.clone())
    {
        let list = list(image, digests);
        parts.push(format!(
            "Authenticode of .linux, which the stub has firmware load\n{list}"
        ));
    }
    if let Some(kernel) = image.kernel.as_ref().filter(|_| with_coverage) {
        parts.push(coverage(&kernel.coverage));
    }
    parts.join("\n")
}

fn headline(image: &Image, path: &str) -> String {
    let pe = &image.pe;
    let signed = match pe.certificates().map(|table| table.count) {
        None => "not signed".to_owned(),
        Some(1) => "with a signature (not checked)".to_owned(),
        Some(count) => format!("with {count} signatures (not checked)"),
    };
    let (size, machine) = (pe.file().len(), pe.machine());
    let mut headline = format!(
        "{path}: {}, machine {machine:#06x}, {signed}\n",
        count(size, "byte")
    );
    if let Some(kernel) = &image.kernel {
        let version = kernel.uki.stub().version().unwrap_or("of no known version");
        headline.push_str(&format!("stub {version}: {}\n", kernel.rules));
        let profiles = kernel.uki.profiles();
        if profiles > 0 {
            headline.push_str(&format!("profile {} of {profiles}\n", kernel.profile));
        }
    }
    headline
}

fn sections(image: &Image) -> String {
    let header = ["SECTION", "OFFSET", "BYTES", "ADDRESS", "PCR 11", "SHA-256"].map(str::to_owned);
    let mut rows = vec![header];
    for section in image.pe.sections() {
        let digest = image
            .pe
            .content(section)
            .digest(Algorithm::Sha256)
            .to_string();
        rows.push([
            section.name.to_string(),
            format!("{:#x}", section.raw_offset),
            section.virtual_size.to_string(),
            format!("{:#x}", section.virtual_address),
            if is_measured(image, section) {
                "yes"
            } else {
                "-"
            }
            .to_owned(),
            format!("{}…", &digest[..24]),
        ]);
    }
    table(&[Left, Right, Right, Right, Left, Left], &rows)
}

fn pcr11(image: &Image, kernel: &Kernel) -> Vec<String> {
    // A word is what the caller typed; it goes to the terminal that it came from.
    let phases = image.pcr11(kernel);
    phases
        .map(|(phase, at)| format!("PCR 11, phase {phase}\n{}", list(image, at)))
        .collect()
}

fn when_signed(image: &Image) -> Option<String> {
    let digests = Algorithm::ALL.map(|one| {
        let digest = image.pe.authenticode_when_signed(one);
        digest.map(|digest| (one, digest.to_string()))
    });
    let digests: Option<Vec<_>> = digests.into_iter().collect();
    let list = list(image, digests?);
    Some(format!(
        "Authenticode once signed: tools fill the file up to 8 bytes first\n{list}"
    ))
}

/// A line for each bank that was asked for.
fn list(image: &Image, digests: impl IntoIterator<Item = (Algorithm, String)>) -> String {
    let rows = digests
        .into_iter()
        .filter(|(one, _)| image.banks.contains(one))
        .map(|(one, digest)| [one.name().to_owned(), digest]);
    table(&[Left, Left], &rows.collect::<Vec<_>>())
}

fn coverage(rows: &[Coverage]) -> String {
    let header = [
        "NOT IN PCR 11",
        "OFFSET",
        "BYTES",
        "AUTHENTICODE",
        "WHAT FOLLOWS",
    ];
    let mut lines = vec![header.map(str::to_owned)];
    for row in rows {
        let number = |value: Option<usize>| value.map_or("-".to_owned(), |value| value.to_string());
        let offset = row
            .range
            .as_ref()
            .map(|range| format!("{:#x}", range.start));
        lines.push([
            row.what.clone(),
            offset.unwrap_or_else(|| "-".to_owned()),
            number(row.range.as_ref().map(ExactSizeIterator::len)),
            if row.authenticode { "yes" } else { "-" }.to_owned(),
            row.note.to_owned(),
        ]);
    }
    table(&[Left, Right, Right, Left, Left], &lines)
}

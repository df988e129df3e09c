//! Pages that differ, in words.

use super::Names;
use super::words::count;
use crate::PageRange;

impl PageRange {
    pub(super) fn sentence(&self, names: &Names<'_>) -> String {
        let Self {
            component,
            gpa,
            pages,
            differing_pages,
            ..
        } = self;
        let last = gpa + (pages - 1) * 4096;
        let place = match pages {
            1 => format!("the page at {gpa:#x}"),
            _ if differing_pages < pages => {
                format!("{differing_pages} of the {pages} pages from {gpa:#x} to {last:#x}")
            }
            _ => format!("{pages} pages, {gpa:#x} to {last:#x},"),
        };
        let verb = if *pages == 1 { "differs" } else { "differ" };
        let mut sentence = format!("{component}: {place} {verb}");
        if let Some(region) = &self.region {
            sentence.push_str(&format!(", in {region}"));
        }
        if let Some(bytes) = &self.bytes {
            sentence.push_str(&format!(
                ": {} from offset {:#x} on",
                count(bytes.differing, "byte"),
                bytes.offset
            ));
        }
        if let (Some(file), Some(offset)) = (self.file, self.file_offset) {
            sentence.push_str(&format!(" ({file} offset {offset:#x})"));
        }
        if let Some(bytes) = &self.bytes {
            sentence.push_str(&format!(
                ", {} in {}, {} in {}",
                bytes.a, names.a, bytes.b, names.b
            ));
        }
        sentence
    }
}

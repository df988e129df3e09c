//! What lies where in a firmware image.

use crate::bytes::number;
use measured_boot_firmware::{FooterTable, Ovmf};

const RESET_VECTOR_BYTES: usize = 32;
const TABLE_TAIL: usize = 18;

/// What lies where, from offset 0 on without holes: firmware volumes, what is between them, the tables at
/// the end.
pub(crate) fn regions(image: &[u8]) -> Vec<(usize, String)> {
    let mut regions = Vec::new();
    let mut at = 0;
    for volume in volumes(image) {
        if volume.start > at {
            regions.push((at, format!("no firmware volume ({at:#x})")));
        }
        regions.push((volume.start, volume.to_string()));
        at = volume.end;
    }
    if at < image.len() {
        let name = match at {
            0 => "what is no firmware volume".to_owned(),
            at => format!("behind the last firmware volume ({at:#x})"),
        };
        regions.push((at, name));
    }
    if let Ok(table) = FooterTable::read(image)
        && let Some(start) = table.entries().iter().map(|entry| entry.offset).min()
    {
        let end = image.len() - RESET_VECTOR_BYTES;
        cut(&mut regions, start, "footer table");
        cut(&mut regions, end - TABLE_TAIL, "footer table's own entry");
        cut(&mut regions, end, "reset vector");
    }
    if let Ok(ovmf) = Ovmf::read(image) {
        let rows = ovmf
            .metadata()
            .sections
            .iter()
            .map(|section| section.row_offset);
        if let (Some(first), Some(last)) = (rows.clone().min(), rows.max()) {
            let behind = regions
                .iter()
                .rev()
                .find(|(start, _)| *start <= last + 12)
                .map_or_else(String::new, |(_, name)| name.clone());
            cut(&mut regions, first.saturating_sub(16), "SEV metadata");
            cut(&mut regions, last + 12, &behind);
        }
    }
    if regions.first().is_none_or(|(start, _)| *start != 0) {
        regions.insert(0, (0, "image".to_owned()));
    }
    regions
}

/// From `start` on something else lies there.
fn cut(regions: &mut Vec<(usize, String)>, start: usize, name: &str) {
    let place = regions.partition_point(|(other, _)| *other < start);
    match regions.get_mut(place) {
        Some(region) if region.0 == start => region.1 = name.to_owned(),
        _ => regions.insert(place, (start, name.to_owned())),
    }
}

/// A firmware volume (PI 1.8, volume 3, 3.2.1).
pub(crate) struct Volume {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: &'static str,
}

impl std::fmt::Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:#x}", self.kind, self.start)
    }
}

const VARIABLES: [u8; 16] = *b"\x8d\x2b\xf1\xff\x96\x76\x8b\x4c\xa9\x85\x27\x47\x07\x5b\x4f\x50";

/// The volumes, in order, as far as they lie within the image. A volume's length moves the search on, so
/// that what is inside one is not taken for another.
pub(crate) fn volumes(image: &[u8]) -> Vec<Volume> {
    const SIGNATURE_AT: usize = 40;
    let mut volumes = Vec::new();
    let mut start = 0;
    while let Some(header) = image.get(start..start + 56) {
        let length = usize::try_from(number(header, 32, 8)).ok();
        let end = length
            .filter(|length| *length >= 56 && header[SIGNATURE_AT..].starts_with(b"_FVH"))
            .and_then(|length| start.checked_add(length))
            .filter(|end| *end <= image.len());
        let Some(end) = end else {
            start += 4096;
            continue;
        };
        let kind = if header[16..32] == VARIABLES {
            "variable store"
        } else {
            "firmware volume"
        };
        volumes.push(Volume { start, end, kind });
        start = end;
    }
    volumes
}

//! What differs between two OVMF images: metadata by its rows, the rest by what lies there.

use crate::Difference;
use crate::bytes::{excerpt, number, stretches};
use crate::regions::{regions, volumes};
use measured_boot_firmware::{FirmwareFault, FooterTable, Guid, Ovmf, Section};

/// Entry without which an image is not for SEV-SNP.
pub(crate) const SEV_METADATA: &str = "distance of the SEV metadata from the end";
/// Entry without which an image is not for TDX.
pub(crate) const TDX_METADATA: &str = "distance of the TDX metadata from the end";
/// The value of what one has not.
pub(crate) const ABSENT: &str = "absent";

/// Known entries of the footer table (EDK II, `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm`).
const ENTRIES: [(Guid, &str); 7] = [
    (
        Guid::new(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc),
        SEV_METADATA,
    ),
    (
        Guid::new(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454),
        "SEV hash table area",
    ),
    (
        Guid::new(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e),
        "SEV-ES reset block (where other vCPUs start)",
    ),
    (
        Guid::new(0x4c2e_b361, 0x7d9b, 0x4cc3, 0x8081_127c_90d3_d294),
        "SEV secret area",
    ),
    (
        Guid::new(0xa789_a612, 0x0597, 0x4c4b, 0xa49f_cbb1_fe9d_1ddd),
        "SVSM entry point",
    ),
    (
        Guid::new(0xe47a_6535, 0x984a, 0x4798, 0x865e_4685_a7bf_8ec2),
        TDX_METADATA,
    ),
    (
        Guid::new(0x813d_7b2c, 0x9558, 0x4d88, 0x8b31_1427_a85a_be69),
        "reset vector",
    ),
];

/// Stretches fewer equal bytes apart are told as one.
const GAP: usize = 4096;
/// More than these are told by their number.
const MOST: usize = 24;

/// What differs between two images. Empty exactly if they are the same bytes.
///
/// # Errors
/// An image has no footer table: it is no OVMF.
pub fn firmware(a: &[u8], b: &[u8]) -> Result<Vec<Difference>, FirmwareFault> {
    let (table_a, table_b) = (FooterTable::read(a)?, FooterTable::read(b)?);
    let mut differences = Vec::new();
    if a.len() != b.len() {
        differences.push(Difference::FirmwareSize {
            a: to_u64(a.len()),
            b: to_u64(b.len()),
        });
    }
    differences.extend(entries(&table_a, &table_b));
    if let (Ok(one), Ok(other)) = (Ovmf::read(a), Ovmf::read(b)) {
        differences.extend(sections(&one, &other));
    }
    if a.len() == b.len() {
        differences.extend(ranges(a, b));
    } else {
        differences.extend(volume_list(a, b));
    }
    Ok(differences)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn entries(a: &FooterTable<'_>, b: &FooterTable<'_>) -> Vec<Difference> {
    let mut guids: Vec<Guid> = a
        .entries()
        .iter()
        .chain(b.entries())
        .map(|entry| entry.guid)
        .collect();
    guids.sort_unstable();
    guids.dedup();
    let words = |table: &FooterTable<'_>, guid| match table.entry(guid) {
        None => ABSENT.to_owned(),
        Some(entry) => words(entry.data),
    };
    guids
        .into_iter()
        .map(|guid| (guid, words(a, guid), words(b, guid)))
        .filter(|(_, a, b)| a != b)
        .map(|(guid, a, b)| Difference::FooterEntry {
            entry: name(guid),
            a,
            b,
        })
        .collect()
}

fn name(guid: Guid) -> String {
    let known = ENTRIES.iter().find(|(known, _)| *known == guid);
    known.map_or_else(|| format!("entry {guid}"), |(_, name)| (*name).to_owned())
}

/// Numbers of four bytes each, or bytes.
fn words(data: &[u8]) -> String {
    if data.is_empty() || data.len() > 16 || !data.len().is_multiple_of(4) {
        return excerpt(data, 0, 16);
    }
    let words = data
        .chunks(4)
        .map(|word| format!("{:#x}", number(word, 0, 4)));
    words.collect::<Vec<_>>().join(" ")
}

/// Rows by kind and number; their order where all else is the same.
fn sections(a: &Ovmf<'_>, b: &Ovmf<'_>) -> Vec<Difference> {
    let (a, b) = (&a.metadata().sections, &b.metadata().sections);
    let (mut in_a, mut in_b) = (keyed(a), keyed(b));
    let order = |rows: &[(String, Section)]| {
        let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    let (order_a, order_b) = (order(&in_a), order(&in_b));
    in_a.sort_by(|(one, _), (other, _)| one.cmp(other));
    in_b.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut names: Vec<&String> = in_a.iter().chain(&in_b).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let find = |rows: &[(String, Section)], name: &str| {
        rows.iter()
            .find(|(one, _)| one == name)
            .map(|(_, section)| *section)
    };
    let mut differences = Vec::new();
    for name in names {
        let (one, other) = (find(&in_a, name), find(&in_b, name));
        let place = |section: Option<Section>| section.map(|section| (section.gpa, section.size));
        if place(one) != place(other) {
            differences.push(Difference::Section {
                section: name.clone(),
                row_offset: one.or(other).map_or(0, |section| section.row_offset),
                a: extent(one),
                b: extent(other),
            });
        }
    }
    if differences.is_empty() && order_a != order_b {
        differences.push(Difference::SectionOrder {
            a: order_a,
            b: order_b,
        });
    }
    differences
}

/// `SNP_SEC_MEM`, `SNP_SEC_MEM#2` … by rising address, so that a row that moves in the table keeps its name.
fn keyed(sections: &[Section]) -> Vec<(String, Section)> {
    let name = |section: &Section| {
        let lower = sections
            .iter()
            .filter(|other| other.kind == section.kind && other.gpa < section.gpa)
            .count();
        match lower {
            0 => section.kind.to_string(),
            lower => format!("{}#{}", section.kind, lower + 1),
        }
    };
    sections
        .iter()
        .map(|section| (name(section), *section))
        .collect()
}

fn extent(section: Option<Section>) -> String {
    section.map_or_else(
        || ABSENT.to_owned(),
        |section| format!("{:#x} to {:#x}", section.gpa, section.end()),
    )
}

/// Differing stretches by what lies there.
fn ranges(a: &[u8], b: &[u8]) -> Vec<Difference> {
    let (regions, regions_b) = (regions(a), regions(b));
    let base = (1u64 << 32).checked_sub(to_u64(a.len()));
    let mut differences = Vec::new();
    let mut last = 0;
    let cuts = regions.iter().map(|(start, _)| *start).chain([a.len()]);
    for (index, end) in cuts.skip(1).enumerate() {
        let (start, name) = &regions[index];
        debug_assert_eq!(*start, last);
        last = end;
        let region = match regions_b.iter().find(|(other, _)| other == start) {
            Some((_, other)) if other != name => format!("{name} in A, {other} in B"),
            _ => name.clone(),
        };
        for (from, to, differing) in stretches(&a[*start..end], &b[*start..end], GAP) {
            let (from, to) = (start + from, start + to);
            let shown = |bytes: &[u8]| excerpt(bytes, from, to - from);
            differences.push(Difference::FileRange {
                region: region.clone(),
                offset: to_u64(from),
                differing: to_u64(differing),
                span: to_u64(to - from),
                gpa: base.map(|base| base + to_u64(from)),
                a: shown(a),
                b: shown(b),
            });
        }
    }
    joined(differences)
}

/// Where there are too many to read, each region is told once.
fn joined(ranges: Vec<Difference>) -> Vec<Difference> {
    if ranges.len() <= MOST {
        return ranges;
    }
    let mut joined: Vec<Difference> = Vec::new();
    for range in ranges {
        let Some(Difference::FileRange {
            region,
            offset,
            differing,
            span,
            ..
        }) = joined.last_mut()
        else {
            joined.push(range);
            continue;
        };
        match &range {
            Difference::FileRange {
                region: next,
                offset: at,
                differing: more,
                span: length,
                ..
            } if next == region => {
                *differing += more;
                *span = at + length - *offset;
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Of images of different sizes: which volumes there are.
fn volume_list(a: &[u8], b: &[u8]) -> Option<Difference> {
    let list = |image: &[u8]| {
        let volumes = volumes(image);
        let words = volumes.iter().map(|volume| {
            let bytes = &image[volume.start..volume.end];
            let digest = hex::encode(measured_boot_digest::sha384(bytes));
            format!(
                "{} of {:#x} bytes ({}…)",
                volume.kind,
                bytes.len(),
                &digest[..12]
            )
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let (a, b) = (list(a), list(b));
    (a != b).then_some(Difference::Field {
        field: "the list of firmware volumes",
        shown: crate::Shown::Measured,
        a,
        b,
        advice: Some(
            "volumes with the same digest are the same: another digest is another build, or variables that were written; take the same image",
        ),
    })
}

//! Two launches, piece by piece.

mod vcpus;

use crate::bytes::{plain, until_nul};
use crate::launch::PAGE_BYTES;
use crate::{Difference, Launch, Piece, Side};
use crate::{acpi, boot_params, cmdline, hash_table, initrd, load_table, pages};
use std::collections::{BTreeMap, VecDeque};

/// What differs between two launches, in measuring order.
///
/// Empty only if their launch digests are equal. These can be equal all the same while something differs:
/// the names of components are in no digest, and one of another name is told as only in A, only in B.
pub fn launches(a: &Launch<'_>, b: &Launch<'_>) -> Vec<Difference> {
    let (in_a, in_b) = (parts(a), parts(b));
    let matched = matched(&in_a, &in_b);
    let mut differences = Vec::new();
    let mut rest: Vec<Option<&Piece<'_>>> = in_b.iter().map(|piece| Some(*piece)).collect();
    for (piece, other) in in_a.iter().zip(&matched) {
        match other.and_then(|other| rest[other].take()) {
            Some(other) => match tables(a, b, piece, other) {
                Some(rows) => differences.extend(rows),
                None => compare(piece, other, &mut differences),
            },
            None => differences.push(only(Side::A, piece)),
        }
    }
    let rest = rest.into_iter().flatten();
    differences.extend(rest.map(|piece| only(Side::B, piece)));
    differences.extend(order(&in_a, &in_b, &matched));
    differences.extend(vcpus::differences(a, b));
    if differences.is_empty() && a.digest() != b.digest() {
        // Whatever this crate has no words for must not pass for equal.
        differences.push(Difference::Digest {
            register: "launch digest".to_owned(),
            a: a.digest().to_string(),
            b: b.digest().to_string(),
        });
    }
    differences
}

/// What two load tables that differ let through.
fn tables(
    a: &Launch<'_>,
    b: &Launch<'_>,
    piece: &Piece<'_>,
    other: &Piece<'_>,
) -> Option<Vec<Difference>> {
    let is_table = piece.name == "load-table" && piece.gpa == other.gpa;
    if !is_table || piece.digests == other.digests {
        return None;
    }
    let side = |page, staged| load_table::Side { page, staged };
    load_table::rows(
        &side(piece.bytes.as_deref()?, &a.staged),
        &side(other.bytes.as_deref()?, &b.staged),
    )
}

/// The pieces that are no vCPUs.
fn parts<'l, 'a>(launch: &'l Launch<'a>) -> Vec<&'l Piece<'a>> {
    let pieces = launch.pieces.iter();
    pieces.filter(|piece| !piece.is_vcpu()).collect()
}

/// Which piece of the second each of the first is: by name and address, the rest by name in order.
fn matched(a: &[&Piece<'_>], b: &[&Piece<'_>]) -> Vec<Option<usize>> {
    let mut matched = vec![None; a.len()];
    let mut is_free = vec![true; b.len()];
    for with_address in [true, false] {
        let key = |piece: &Piece<'_>| (piece.name.clone(), with_address.then_some(piece.gpa));
        let mut free: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
        for (index, piece) in b.iter().enumerate().filter(|(index, _)| is_free[*index]) {
            free.entry(key(piece)).or_default().push_back(index);
        }
        for (piece, place) in a.iter().zip(&mut matched) {
            if place.is_none() {
                *place = free.get_mut(&key(piece)).and_then(VecDeque::pop_front);
                if let Some(index) = *place {
                    is_free[index] = false;
                }
            }
        }
    }
    matched
}

fn only(side: Side, piece: &Piece<'_>) -> Difference {
    Difference::OnlyIn {
        side,
        component: piece.name.clone(),
        gpa: piece.gpa,
        pages: piece.count,
    }
}

/// The first place at which those that both have come in another order.
fn order(a: &[&Piece<'_>], b: &[&Piece<'_>], matched: &[Option<usize>]) -> Option<Difference> {
    let pairs = a.iter().zip(matched);
    let pairs: Vec<_> = pairs
        .filter_map(|(piece, other)| Some((*piece, (*other)?)))
        .collect();
    let mut in_b: Vec<usize> = pairs.iter().map(|(_, other)| *other).collect();
    in_b.sort_unstable();
    let parted = pairs
        .iter()
        .zip(&in_b)
        .position(|((_, other), sorted)| other != sorted)?;
    let name = |piece: &Piece<'_>| format!("{} at {:#x}", piece.name, piece.gpa);
    Some(Difference::Order {
        position: parted,
        a: name(pairs[parted].0),
        b: name(b[in_b[parted]]),
    })
}

/// What differs between two pieces that are the same one.
pub(crate) fn compare(a: &Piece<'_>, b: &Piece<'_>, differences: &mut Vec<Difference>) {
    let component = || a.name.clone();
    if is_firmware(a) && a.count != b.count {
        differences.push(Difference::FirmwareSize {
            a: size(a),
            b: size(b),
        });
        return;
    }
    if a.gpa != b.gpa {
        differences.push(Difference::Moved {
            component: component(),
            a: a.gpa,
            b: b.gpa,
        });
    }
    let hashes = hash_rows(a, b);
    if a.page_type != b.page_type && hashes.is_none() {
        differences.push(Difference::PageType {
            component: component(),
            gpa: a.gpa,
            a: type_name(a),
            b: type_name(b),
        });
    }
    let (has, unit) = match (&a.bytes, &b.bytes) {
        (Some(one), Some(other)) if !is_made(&a.name) && one.len() != other.len() => {
            ((to_u64(one.len()), to_u64(other.len())), "bytes")
        }
        _ => ((a.count, b.count), "pages"),
    };
    if has.0 != has.1 {
        differences.push(Difference::Size {
            component: component(),
            a: has.0,
            b: has.1,
            unit,
        });
    }
    if a.digests != b.digests {
        differences.extend(hashes.unwrap_or_else(|| contents(a, b)));
    }
}

/// In words where the bytes of both are known and these are understood, else page by page.
fn contents(a: &Piece<'_>, b: &Piece<'_>) -> Vec<Difference> {
    let told = match (a.name.as_str(), &a.bytes, &b.bytes) {
        ("cmdline", Some(a), Some(b)) => cmdline(a, b).into_iter().collect(),
        ("boot-params", Some(a), Some(b)) => boot_params::fields(a, b),
        ("acpi", Some(a), Some(b)) => acpi::acpi_tables(a, b).unwrap_or_default(),
        ("kernel", Some(a), Some(b)) => banner(a, b).into_iter().collect(),
        ("initrd", Some(a), Some(b)) => initrd::files(a, b).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut differences = told;
    // A kernel's banner says which kernel, not where it differs.
    if differences.is_empty() || a.name == "kernel" {
        differences.extend(pages::ranges(a, b));
    }
    differences
}

/// What the VMM makes is told by its fields, and not by its length.
fn is_made(name: &str) -> bool {
    matches!(
        name,
        "cmdline" | "boot-params" | "acpi" | "gdt" | "cc-blob" | "load-table"
    )
}

fn is_firmware(piece: &Piece<'_>) -> bool {
    matches!(piece.name.as_str(), "firmware" | "svsm")
}

fn size(piece: &Piece<'_>) -> u64 {
    match &piece.bytes {
        Some(bytes) => to_u64(bytes.len()),
        None => piece.count * PAGE_BYTES,
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn type_name(piece: &Piece<'_>) -> &'static str {
    use measured_boot_snp_abi::PageType;
    match piece.page_type {
        PageType::Normal => "NORMAL",
        PageType::Vmsa => "VMSA",
        PageType::Zero => "ZERO",
        PageType::Unmeasured => "UNMEASURED",
        PageType::Secrets => "SECRETS",
        PageType::Cpuid => "CPUID",
    }
}

fn hash_rows(a: &Piece<'_>, b: &Piece<'_>) -> Option<Vec<Difference>> {
    let is_it = |piece: &Piece<'_>| piece.name == "SNP_KERNEL_HASHES";
    if !(is_it(a) && is_it(b)) {
        return None;
    }
    hash_table::rows(a.bytes.as_deref(), b.bytes.as_deref())
}

/// `Linux version …`, where both have it and they differ.
fn banner(a: &[u8], b: &[u8]) -> Option<Difference> {
    const START: &[u8] = b"Linux version ";
    let find = |bytes: &[u8]| {
        let at = bytes
            .windows(START.len() + 1)
            .position(|window| window.starts_with(START) && window[START.len()].is_ascii_digit())?;
        let line = until_nul(&bytes[at..]);
        let end = line.iter().position(|byte| *byte == b'\n');
        Some(plain(&line[..end.unwrap_or(line.len())]))
    };
    let (a, b) = (find(a)?, find(b)?);
    (a != b).then_some(Difference::KernelBanner { a, b })
}

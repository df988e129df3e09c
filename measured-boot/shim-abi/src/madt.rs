//! The MADT of a TD: all processors that there may be, disabled; the shim enables those that are there.
//!
//! Source: ACPI 6.5, section 5.2.12; table 5.21 (processor local APIC) and 5.33 (processor local x2APIC).

use crate::Refusal;

/// Bytes before the first structure.
pub(crate) const HEADER: u64 = 44;
const STRUCTURES: usize = 44;
const CHECKSUM: usize = 9;

const LOCAL_APIC: u8 = 0;
const LOCAL_APIC_BYTES: usize = 8;
const LOCAL_X2APIC: u8 = 9;
const LOCAL_X2APIC_BYTES: usize = 16;
const ENABLED: u8 = 1;

/// How long the table says that it is, by its first bytes; `None` if they are no MADT's.
#[must_use]
pub fn madt_length(header: &[u8]) -> Option<usize> {
    let signature = header.first_chunk::<4>()?;
    let length = u32::from_le_bytes(*header.get(4..8)?.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    (signature == b"APIC" && length >= STRUCTURES).then_some(length)
}

/// Enables the first `count` processors of the table, which has this length exactly, and mends its
/// checksum.
///
/// # Errors
/// [`Refusal::Madt`] if it is no MADT, its sum is wrong, a structure is cut, or a processor is enabled
/// already; [`Refusal::MadtProcessors`] if it has fewer.
pub fn enable_processors(table: &mut [u8], count: u32) -> Result<(), Refusal> {
    if madt_length(table) != Some(table.len()) || sum(table) != 0 {
        return Err(Refusal::Madt);
    }
    let mut missing = count;
    let mut rest = table.get_mut(STRUCTURES..).ok_or(Refusal::Madt)?;
    while let [kind, length, ..] = *rest {
        let length = usize::from(length);
        let (structure, next) = rest.split_at_mut_checked(length).ok_or(Refusal::Madt)?;
        rest = next;
        let Some(flags) = flags(structure, kind)? else {
            continue;
        };
        if *flags & ENABLED != 0 {
            return Err(Refusal::Madt);
        }
        if missing > 0 {
            *flags |= ENABLED;
            missing -= 1;
        }
    }
    if !rest.is_empty() {
        return Err(Refusal::Madt);
    }
    if missing > 0 {
        return Err(Refusal::MadtProcessors);
    }
    let change = sum(table);
    table[CHECKSUM] = table[CHECKSUM].wrapping_sub(change);
    Ok(())
}

/// The flags of a processor's structure; none of another's.
fn flags(structure: &mut [u8], kind: u8) -> Result<Option<&mut u8>, Refusal> {
    let (length, flags) = match kind {
        LOCAL_APIC => (LOCAL_APIC_BYTES, 4),
        LOCAL_X2APIC => (LOCAL_X2APIC_BYTES, 8),
        _ if structure.len() >= 2 => return Ok(None),
        _ => return Err(Refusal::Madt),
    };
    if structure.len() != length {
        return Err(Refusal::Madt);
    }
    structure.get_mut(flags).map(Some).ok_or(Refusal::Madt)
}

fn sum(table: &[u8]) -> u8 {
    table.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

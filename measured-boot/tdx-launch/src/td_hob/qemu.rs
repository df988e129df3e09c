//! QEMU's list: one block for each range of memory, accepted or not.

use measured_boot_firmware::{Tdvf, TdvfSectionKind};
use thiserror::Error;

/// Without `max-ram-below-4g`, q35 keeps memory in one piece up to here, and splits it from here on.
const SPLIT_FROM: u64 = 0xB000_0000;
/// How much of split memory lies below 4 GiB.
const LOW_BYTES: u64 = 0x8000_0000;
const HIGH_START: u64 = 1 << 32;
/// QEMU rounds memory up to this.
const MEMORY_STEP: u64 = 8192;
const ADDRESS_LIMIT: u64 = 1 << 52;

const FIRST_BYTES: u64 = 56;
const RESOURCE_BYTES: u64 = 48;
const END_BYTES: u64 = 8;
/// EFI_HOB_HANDOFF_TABLE_VERSION.
const VERSION: u32 = 9;
/// Present, initialised, tested.
const ATTRIBUTES: u32 = 7;

/// A range of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    /// Its first address.
    pub start: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Whether the VMM added it.
    pub kind: RangeKind,
}

/// Whether the VMM added memory before the guest started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeKind {
    /// EFI_RESOURCE_SYSTEM_MEMORY: a section that the VMM added.
    Added,
    /// EFI_RESOURCE_MEMORY_UNACCEPTED: the guest has to accept it.
    Unaccepted,
}

/// Why QEMU could write no such list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QemuHobFault {
    /// There is no place for it.
    #[error("the firmware has no TD_HOB section: it takes no list of memory")]
    NoSection,
    /// No machine has so much, or such an odd number.
    #[error(
        "{0} bytes of memory: QEMU gives multiples of 8192, at least 1 MiB and less than 4 PiB"
    )]
    Memory(u64),
    /// QEMU ends with an error too.
    #[error("the firmware's section at {gpa:#x} does not lie in memory of {memory} bytes")]
    SectionOutside {
        /// The section's address.
        gpa: u64,
        /// The memory's size.
        memory: u64,
    },
    /// The section is too small for the list.
    #[error("the list has {0} bytes, and its section {1}")]
    TooLong(u64, u64),
}

/// The bytes of the list that are measured.
pub(super) fn list(memory: u64, tdvf: &Tdvf<'_>) -> Result<Vec<u8>, QemuHobFault> {
    let section = tdvf
        .section(TdvfSectionKind::TdHob)
        .ok_or(QemuHobFault::NoSection)?;
    let ranges = ranges(memory, tdvf)?;
    let count = u64::try_from(ranges.len()).unwrap_or(u64::MAX);
    let length = FIRST_BYTES + count * RESOURCE_BYTES + END_BYTES;
    if length > section.bytes {
        return Err(QemuHobFault::TooLong(length, section.bytes));
    }
    // The end mark is not measured, but counts here.
    let mut list = first_block(section.gpa + length);
    ranges
        .iter()
        .for_each(|range| list.extend(resource_block(range)));
    Ok(list)
}

/// Memory in order: the sections that QEMU adds are cut out of what the guest has to accept.
pub(super) fn ranges(memory: u64, tdvf: &Tdvf<'_>) -> Result<Vec<MemoryRange>, QemuHobFault> {
    let whole = (1 << 20..ADDRESS_LIMIT - HIGH_START).contains(&memory);
    if !whole || !memory.is_multiple_of(MEMORY_STEP) {
        return Err(QemuHobFault::Memory(memory));
    }
    let mut sections: Vec<_> = tdvf
        .sections()
        .iter()
        .filter(|section| is_cut_out(section.kind))
        .collect();
    sections.sort_unstable_by_key(|section| section.gpa);
    let mut left = sections.into_iter().peekable();
    let mut ranges = Vec::new();
    for (start, end) in ram(memory) {
        let mut at = start;
        while let Some(section) = left.next_if(|section| section.end() <= end) {
            if section.gpa < at {
                let gpa = section.gpa;
                return Err(QemuHobFault::SectionOutside { gpa, memory });
            }
            push(&mut ranges, at, section.gpa, RangeKind::Unaccepted);
            push(&mut ranges, section.gpa, section.end(), RangeKind::Added);
            at = section.end();
        }
        push(&mut ranges, at, end, RangeKind::Unaccepted);
    }
    match left.next() {
        Some(section) => Err(QemuHobFault::SectionOutside {
            gpa: section.gpa,
            memory,
        }),
        None => Ok(ranges),
    }
}

/// QEMU adds the firmware volumes as well, but they lie outside of memory.
fn is_cut_out(kind: TdvfSectionKind) -> bool {
    matches!(kind, TdvfSectionKind::TempMem | TdvfSectionKind::TdHob)
}

fn ram(memory: u64) -> Vec<(u64, u64)> {
    if memory < SPLIT_FROM {
        return vec![(0, memory)];
    }
    vec![
        (0, LOW_BYTES),
        (HIGH_START, HIGH_START + memory - LOW_BYTES),
    ]
}

fn push(ranges: &mut Vec<MemoryRange>, start: u64, end: u64, kind: RangeKind) {
    if start < end {
        ranges.push(MemoryRange {
            start,
            bytes: end - start,
            kind,
        });
    }
}

fn first_block(end_of_list: u64) -> Vec<u8> {
    let mut block = [1u16, 56].map(u16::to_le_bytes).concat();
    // Reserved, version, boot mode.
    block.extend([0, VERSION, 0].map(u32::to_le_bytes).concat());
    // Top and bottom of memory, used and free: QEMU leaves them 0.
    block.extend([0, 0, 0, 0, end_of_list].map(u64::to_le_bytes).concat());
    block
}

fn resource_block(range: &MemoryRange) -> Vec<u8> {
    let kind = match range.kind {
        RangeKind::Added => 0u32,
        RangeKind::Unaccepted => 7,
    };
    let mut block = [3u16, 48].map(u16::to_le_bytes).concat();
    // Reserved, then the owner's GUID.
    block.extend([0; 4 + 16]);
    block.extend([kind, ATTRIBUTES].map(u32::to_le_bytes).concat());
    block.extend([range.start, range.bytes].map(u64::to_le_bytes).concat());
    block
}

//! What a host tells the boot shim without anybody measuring it.

use crate::{Bound, Target};
use measured_boot_shim_abi::layout::{HIGH_RAM, HIGH_RAM_END, LEGACY, RAM_END, SECRETS, SHIM_END};
use measured_boot_shim_abi::{
    CpuidPage, E820_RESERVED, MemoryMap, RangeUse, Refusal, SpecialRange,
};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// A memory map that is taken is RAM once, outside of the hole for devices, which is either placed or validated; a CPUID page
/// that is taken has the C-bit and RDRAND. Nothing is allocated.
///
/// The input is a memory map of the length that its first byte says, in entries, and a CPUID page; both
/// are filled up with zeros.
pub const SHIM_PAGES: Target = Target {
    name: "shim_pages",
    bound: Bound {
        factor: 0,
        constant: 0,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((entries, rest)) = bytes.split_first() else {
        return false;
    };
    let (map, cpuid) = rest.split_at((usize::from(*entries) * 24).min(rest.len()));
    let (map, cpuid) = (page::<MemoryMap>(map), page::<CpuidPage>(cpuid));
    let is_map_taken = bound.holds(bytes, || check_map(&map));
    let is_cpuid_taken = bound.holds(bytes, || cpuid.judge());
    if is_cpuid_taken.is_ok() {
        check_cpuid(cpuid.as_bytes());
    }
    is_map_taken.is_ok() && is_cpuid_taken.is_ok()
}

fn page<T: FromBytes + FromZeros + IntoBytes>(bytes: &[u8]) -> T {
    let mut page = T::new_zeroed();
    let length = bytes.len().min(4096);
    page.as_mut_bytes()[..length].copy_from_slice(&bytes[..length]);
    page
}

fn check_map(map: &MemoryMap) -> Result<(), Refusal> {
    let ram = map.judge()?;
    let placed = range(SECRETS, SHIM_END, RangeUse::PLACED);
    let ranges = [placed, range(LEGACY, 0x10_0000, RangeUse::ZEROED)];
    let mut bytes = 0;
    let mut end = 0;
    for page in ram.unplaced_pages(&ranges) {
        let span = page.span();
        assert!(end <= span.start() && ram.holds(span));
        assert!(span.end() <= RAM_END || span.start() >= HIGH_RAM && span.end() <= HIGH_RAM_END);
        assert!(placed.span().is_some_and(|placed| !placed.meets(span)));
        (end, bytes) = (span.end(), bytes + span.length());
    }
    let listed = map.entries.iter().filter(|entry| entry.kind.get() == 0);
    let listed = listed.map(|entry| entry.pages.get() * 4096).sum::<u64>();
    let told = ram.e820(&ranges).map(|entry| entry.length.get());
    assert_eq!(told.sum::<u64>(), listed);
    let only_placed = [placed];
    let placed = ram
        .e820(&only_placed)
        .filter(|entry| entry.kind.get() == E820_RESERVED);
    let placed = placed.map(|entry| entry.length.get()).sum::<u64>();
    assert_eq!(bytes + placed, listed);
    Ok(())
}

fn range(start: u64, end: u64, usage: u32) -> SpecialRange {
    SpecialRange {
        start: start.into(),
        length: (end - start).into(),
        usage: usage.into(),
        e820: E820_RESERVED.into(),
    }
}

/// As somebody else would read it: words of 4 bytes, 12 a function, the first after 4.
fn check_cpuid(page: &[u8]) {
    let words: Vec<u32> = page
        .as_chunks()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word))
        .collect();
    let (count, functions) = (words[0], &words[4..][..64 * 12]);
    let functions: Vec<_> = functions
        .chunks(12)
        .take(count.try_into().expect("64"))
        .collect();
    let one = |leaf| {
        functions
            .iter()
            .find(|words| words[0] == leaf && words[1] == 0)
            .expect("a leaf")
    };
    assert!((1..=64).contains(&count));
    assert_eq!(one(0x8000_001F)[7] & 63, 51);
    assert_eq!(one(0x8000_001F)[6] & 0b1_1010, 0b1_1010);
    assert_eq!(one(1)[8] >> 30 & 1, 1);
    assert_eq!(
        [one(0)[7], one(0)[9], one(0)[8]]
            .map(u32::to_le_bytes)
            .concat(),
        b"AuthenticAMD"
    );
}

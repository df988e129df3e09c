//! PE images, as firmware loads and measures them.

use crate::{Bound, Target};
use measured_boot_uki::{Algorithm, Pe};
use sha2::{Digest, Sha256};

/// Sections lie in the file and apart, and the Authenticode digest is the one that a second implementation
/// computes.
pub const PE: Target = Target {
    name: "pe",
    // A section's header of 40 bytes becomes 48, in a list that doubles; two more lists sort them.
    bound: Bound {
        factor: 8,
        constant: 4096,
    },
    longest: 8 << 10,
    vectors: &["measured-boot/uki"],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let pe = match bound.holds(bytes, || Pe::read(bytes)) {
        Ok(pe) => pe,
        Err(fault) => {
            assert!(fault.offset <= bytes.len(), "{fault}");
            return false;
        }
    };
    for section in pe.sections() {
        assert!(section.raw_size == 0 || bytes.get(section.raw()).is_some());
        assert!(bytes.len() >= pe.content(section).bytes().len());
        assert_eq!(
            section
                .name
                .to_string()
                .chars()
                .filter(|c| c.is_control())
                .count(),
            0
        );
    }
    for gap in pe.gaps() {
        assert!(bytes.get(gap).is_some());
    }
    assert!(bytes.get(pe.trailing()).is_some());
    let digest = bound.holds(bytes, || pe.authenticode(Algorithm::Sha256));
    let naive: [u8; 32] = Sha256::digest(hashed(bytes)).into();
    assert_eq!(digest.as_ref(), naive);
    let is_filled_up = !bytes.len().is_multiple_of(8) && pe.certificates().is_none();
    let when_signed = pe.authenticode_when_signed(Algorithm::Sha256);
    assert_eq!(
        when_signed.is_some_and(|other| other != digest),
        is_filled_up
    );
    true
}

/// The bytes that Authenticode covers, by the steps of Microsoft's text and the file's own numbers.
fn hashed(file: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let bytes = file[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).expect("usize is 64 bits")
    };
    let half = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let coff = number(0x3C) + 4;
    let optional = coff + 20;
    let directories = optional + if half(optional) == 0x20B { 112 } else { 96 };
    let (checksum, entry) = (optional + 64, directories + 32);
    let headers_end = number(optional + 60);
    let has_entry = number(directories - 4) > 4;
    let certificates = if has_entry { number(entry + 4) } else { 0 };
    let mut covered = file[..checksum].to_vec();
    if has_entry {
        covered.extend(&file[checksum + 4..entry]);
        covered.extend(&file[entry + 8..headers_end]);
    } else {
        covered.extend(&file[checksum + 4..headers_end]);
    }
    let table = optional + half(coff + 16);
    let rows = (0..half(coff + 2)).map(|row| table + 40 * row);
    let mut places: Vec<_> = rows
        .map(|row| (number(row + 20), number(row + 16)))
        .collect();
    places.retain(|(_, size)| *size > 0);
    places.sort_unstable();
    let mut sum = headers_end;
    for (place, size) in places {
        covered.extend(&file[place..place + size]);
        sum += size;
    }
    covered.extend(&file[sum..file.len() - certificates]);
    covered
}

//! Certificates that go through the host: a table that a guest gets beside its report.
//!
//! The form is that of the GHCB protocol's extended guest request (56421 rev 2.04, section 4.1.8.1): entries of
//! GUID, offset and length until one of zeros, then the certificates. Nobody need believe them: a verifier
//! checks them as if it had fetched them.

use thiserror::Error;
use vmm_kernel_abi::exit::ReqCerts;
use vmm_kvm::{CertificatesAnswer, GuestRam};

const PAGE: usize = 4096;
const ENTRY: usize = 24;

/// What a Linux guest has room for (Linux 6.12, arch/x86/include/asm/sev.h, SEV_FW_BLOB_MAX_SIZE).
pub(crate) const MOST_BYTES: usize = 4 * PAGE;

/// A file that is no table of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificatesError {
    /// Longer than what guests have room for.
    #[error("it has {bytes} bytes, and guests have room for {MOST_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// No entry of zeros.
    #[error("its list of entries does not end: an entry of 24 zero bytes is missing")]
    NoEnd,
    /// No entry at all.
    #[error("it lists no certificate")]
    Empty,
    /// An entry that names bytes which are not there.
    #[error(
        "entry {index} names bytes {offset} to {offset} plus {length}, which are not all after the list and in the file"
    )]
    Outside {
        /// From 0.
        index: usize,
        /// As it says.
        offset: u32,
        /// As it says.
        length: u32,
    },
}

/// A table that was read and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates(Vec<u8>);

impl Certificates {
    /// Reads a table.
    ///
    /// # Errors
    /// It is none.
    pub fn from_table(table: &[u8]) -> Result<Self, CertificatesError> {
        let bytes = table.len();
        if bytes > MOST_BYTES {
            return Err(CertificatesError::TooLong { bytes });
        }
        let entries = entries(table).ok_or(CertificatesError::NoEnd)?;
        if entries.is_empty() {
            return Err(CertificatesError::Empty);
        }
        let list_end = (entries.len() + 1) * ENTRY;
        for (index, (offset, length)) in entries.into_iter().enumerate() {
            let outside = CertificatesError::Outside {
                index,
                offset,
                length,
            };
            let start = usize::try_from(offset).map_err(|_| outside)?;
            let end = usize::try_from(length)
                .ok()
                .and_then(|length| start.checked_add(length));
            if start < list_end || length == 0 || end.is_none_or(|end| end > bytes) {
                return Err(outside);
            }
        }
        let mut padded = table.to_vec();
        padded.resize(bytes.next_multiple_of(PAGE), 0);
        Ok(Self(padded))
    }

    /// Answers a guest's request. Its numbers are hostile: the table goes to memory that is all the
    /// guest's and all shared, or nowhere.
    pub fn hand(&self, request: &ReqCerts, ram: &GuestRam) -> CertificatesAnswer {
        let pages = (self.0.len() / PAGE) as u64;
        if request.npages < pages {
            return CertificatesAnswer::Needs { pages };
        }
        let is_aligned = request.gpa.is_multiple_of(PAGE as u64);
        // All of the buffer is looked at, though less may be written.
        let is_shared = request
            .npages
            .checked_mul(PAGE as u64)
            .is_some_and(|bytes| ram.is_shared(request.gpa, bytes));
        if !is_aligned || !is_shared || ram.write(request.gpa, &self.0).is_err() {
            return CertificatesAnswer::Failed;
        }
        CertificatesAnswer::Done
    }
}

/// Offsets and lengths up to the entry of zeros; `None` if there is none.
fn entries(table: &[u8]) -> Option<Vec<(u32, u32)>> {
    let entries = table.chunks_exact(ENTRY);
    let end = entries.clone().position(|entry| entry == [0; ENTRY])?;
    let number = |entry: &[u8], at: usize| {
        let bytes = entry[at..].first_chunk();
        u32::from_le_bytes(*bytes.expect("an entry has 24 bytes"))
    };
    let read = entries
        .take(end)
        .map(|entry| (number(entry, 16), number(entry, 20)));
    Some(read.collect())
}

#[cfg(test)]
mod tests {
    use vmm_kvm::RamLayout;

    use super::*;

    /// A table of one certificate of these bytes, and a list of these entries.
    fn table(entries: &[(u32, u32)], rest: usize) -> Vec<u8> {
        let mut table = Vec::new();
        for (offset, length) in entries {
            table.extend([7; 16]);
            table.extend(offset.to_le_bytes());
            table.extend(length.to_le_bytes());
        }
        table.extend([0; ENTRY]);
        table.extend(vec![9; rest]);
        table
    }

    fn request(gpa: u64, npages: u64) -> ReqCerts {
        ReqCerts { gpa, npages }
    }

    #[test]
    fn table_is_padded_to_whole_pages() {
        let table = table(&[(48, 100)], 100);
        let read = Certificates::from_table(&table).unwrap();
        assert_eq!(read.0.len(), PAGE);
        assert_eq!(read.0[..table.len()], table);
    }

    #[test]
    fn table_that_names_what_it_does_not_have_is_refused() {
        for (offset, length) in [
            (48, 101),
            (47, 10),
            (0, 10),
            (148, 1),
            (48, 0),
            (u32::MAX, u32::MAX),
        ] {
            let refused = Certificates::from_table(&table(&[(offset, length)], 100));
            let expected = CertificatesError::Outside {
                index: 0,
                offset,
                length,
            };
            assert_eq!(refused, Err(expected));
        }
    }

    #[test]
    fn file_that_is_no_table_is_refused() {
        let refused = |bytes: &[u8]| Certificates::from_table(bytes).unwrap_err();
        assert_eq!(refused(&[1; 240]), CertificatesError::NoEnd);
        assert_eq!(refused(&[]), CertificatesError::NoEnd);
        assert_eq!(refused(&[0; 24]), CertificatesError::Empty);
        let bytes = MOST_BYTES + 1;
        assert_eq!(
            refused(&vec![0; bytes]),
            CertificatesError::TooLong { bytes }
        );
        assert!(Certificates::from_table(&table(&[(48, 1)], MOST_BYTES - 48)).is_ok());
    }

    #[test]
    fn buffer_that_is_too_small_is_told_how_much_is_needed() {
        let certificates = Certificates::from_table(&table(&[(48, 5000)], 5000)).unwrap();
        let ram = GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap();
        for npages in [0, 1] {
            let answer = certificates.hand(&request(0x1000, npages), &ram);
            assert_eq!(answer, CertificatesAnswer::Needs { pages: 2 });
        }
    }

    #[test]
    fn table_goes_where_the_guest_shares_its_memory() {
        let table = table(&[(48, 5000)], 5000);
        let certificates = Certificates::from_table(&table).unwrap();
        let ram = GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap();
        let answer = certificates.hand(&request(0x3000, 2), &ram);
        assert_eq!(answer, CertificatesAnswer::Done);
        let mut there = vec![0; table.len()];
        ram.read(0x3000, &mut there).unwrap();
        assert_eq!(there, table);
    }

    #[test]
    fn buffer_that_is_not_all_memory_gets_nothing() {
        let certificates = Certificates::from_table(&table(&[(48, 10)], 10)).unwrap();
        let ram = GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap();
        for (gpa, npages) in [
            (0x10_0000, 1),
            (0xf_f000, 2),
            (0xf_f000, 1 << 63),
            (!0xfff, 1),
            (0x1000, 1 << 52),
            (0x1001, 1),
        ] {
            let answer = certificates.hand(&request(gpa, npages), &ram);
            assert_eq!(answer, CertificatesAnswer::Failed, "{gpa:#x} {npages:#x}");
        }
    }
}

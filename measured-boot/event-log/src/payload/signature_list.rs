//! Secure Boot's lists of keys and hashes (UEFI 2.11 §32.4.1, EFI_SIGNATURE_LIST).

use measured_boot_reader::Reader;

const HEAD_BYTES: usize = 28;

/// How many entries; `None` if the bytes are no such lists.
pub(super) fn describe(data: &[u8]) -> Option<String> {
    let entries = entries(data)?;
    let noun = if entries == 1 { "entry" } else { "entries" };
    Some(format!("{entries} {noun}, {} bytes", data.len()))
}

fn entries(data: &[u8]) -> Option<usize> {
    let mut lists = Reader::new(data);
    let mut entries = 0;
    while lists.left() > 0 {
        lists.take(16).ok()?;
        let [list, header, entry] = [lists.u32(), lists.u32(), lists.u32()]
            .map(|size| size.ok().and_then(|size| usize::try_from(size).ok()));
        let (header, entry) = (header?, entry.filter(|entry| *entry > 0)?);
        let body = list?.checked_sub(HEAD_BYTES)?;
        lists.take(body).ok()?;
        let space = body.checked_sub(header)?;
        if !space.is_multiple_of(entry) {
            return None;
        }
        entries += space / entry;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(size: u32, entry: u32, body: usize) -> Vec<u8> {
        let sizes = [size, 0, entry].map(u32::to_le_bytes).concat();
        [vec![0; 16], sizes, vec![0; body]].concat()
    }

    #[test]
    fn lists_are_counted_entry_by_entry() {
        let two = [list(28 + 96, 48, 96), list(28 + 50, 50, 50)].concat();
        assert_eq!(describe(&two).as_deref(), Some("3 entries, 202 bytes"));
    }

    #[test]
    fn lists_with_sizes_that_cannot_be_are_none() {
        assert_eq!(entries(&list(28 + 48, 0, 48)), None);
        assert_eq!(entries(&list(28, 0, 0)), None);
        assert_eq!(entries(&list(28 + 48, 47, 48)), None);
        assert_eq!(entries(&list(27, 48, 48)), None);
        assert_eq!(entries(&list(28 + 49, 48, 48)), None);
    }
}

//! Which rows of the table by which firmware checks a kernel differ.

use crate::{Difference, Side};

/// Where the hashes are in the table (QEMU, `target/i386/sev.c`, `SevHashTable`).
const ROWS: [(&str, usize); 3] = [("cmdline", 36), ("initrd", 86), ("kernel", 136)];
const TABLE_GUID: [u8; 16] = *b"\x06\xd6\x38\x94\x22\x4f\xc9\x4c\xb4\x79\xa7\x93\xd4\x11\xfd\x21";
const TABLE_BYTES: usize = 168;

/// SHA-256 of no bytes: there is no initrd.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// SHA-256 of one NUL: the command line is empty.
const OF_NUL: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";

/// The three hashes in a page, where the table is.
fn table(page: &[u8]) -> Option<&[u8]> {
    let start = page
        .windows(TABLE_GUID.len())
        .position(|window| window == TABLE_GUID)?;
    page.get(start..start + TABLE_BYTES)
}

/// The rows that differ; `None` where a page holds anything but one table.
pub(crate) fn rows(a: Option<&[u8]>, b: Option<&[u8]>) -> Option<Vec<Difference>> {
    let (a, b) = (a.and_then(table), b.and_then(table));
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (Some(_), None) => return Some(vec![Difference::KernelHashesOnlyIn { side: Side::A }]),
        (None, Some(_)) => return Some(vec![Difference::KernelHashesOnlyIn { side: Side::B }]),
        (None, None) => return None,
    };
    let mut differences = Vec::new();
    for (row, offset) in ROWS {
        let hash = |table: &[u8]| hex::encode(&table[offset..offset + 32]);
        let (a, b) = (hash(a), hash(b));
        if a != b {
            let cause = cause(&a, "A").or_else(|| cause(&b, "B"));
            differences.push(Difference::HashRow { row, a, b, cause });
        }
    }
    (!differences.is_empty()).then_some(differences)
}

fn cause(hash: &str, side: &str) -> Option<String> {
    match hash {
        OF_NOTHING => Some(format!(
            "that in {side} is the hash of nothing: no file was given"
        )),
        OF_NUL => Some(format!(
            "that in {side} is the hash of an empty command line"
        )),
        _ => None,
    }
}

//! Which files of two initrds differ, where these are plain cpio archives ("newc", as Linux reads them:
//! Documentation/driver-api/early-userspace/buffer-format.rst).

use crate::Difference;
use crate::bytes::plain;
use crate::sentence::count;
use std::collections::BTreeMap;

const MAGIC: &[u8] = b"070701";
const HEADER: usize = 110;
const END: &[u8] = b"TRAILER!!!";

/// More files than this are not listed: then another initrd is meant.
const MOST: usize = 16;

/// Mode and contents by path.
type Files<'a> = BTreeMap<&'a [u8], (u64, &'a [u8])>;

/// The files that differ; `None` where either is no plain archive (a compressed one is none), or where the
/// files are the same and something else differs.
pub(crate) fn files(a: &[u8], b: &[u8]) -> Option<Vec<Difference>> {
    let (a, b) = (archive(a)?, archive(b)?);
    let mut paths: Vec<&[u8]> = a.keys().chain(b.keys()).copied().collect();
    paths.sort_unstable();
    paths.dedup();
    let differing = paths
        .into_iter()
        .filter(|path| a.get(path) != b.get(path))
        .map(|path| file(path, a.get(path), b.get(path)));
    let mut differing: Vec<_> = differing.collect();
    let count = differing.len();
    if count > MOST {
        differing.truncate(MOST);
        differing.push(Difference::InitrdFile {
            path: format!("and {} more", count - MOST),
            a: "other".to_owned(),
            b: "other".to_owned(),
        });
    }
    (count > 0).then_some(differing)
}

fn file(path: &[u8], a: Option<&(u64, &[u8])>, b: Option<&(u64, &[u8])>) -> Difference {
    let same_mode = a.map(|(mode, _)| mode) == b.map(|(mode, _)| mode);
    let word = |file: Option<&(u64, &[u8])>| match file {
        None => "absent".to_owned(),
        Some((mode, bytes)) if a.is_some() && b.is_some() && !same_mode => {
            format!("{} of mode {mode:o}", count(bytes.len(), "byte"))
        }
        Some((_, bytes)) => {
            let digest = hex::encode(measured_boot_digest::sha384(bytes));
            format!(
                "{} (SHA-384 {}…)",
                count(bytes.len(), "byte"),
                &digest[..12]
            )
        }
    };
    Difference::InitrdFile {
        path: plain(path),
        a: word(a),
        b: word(b),
    }
}

/// All files of one archive; zeros may follow it, and nothing else.
fn archive(bytes: &[u8]) -> Option<Files<'_>> {
    let mut files = Files::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..at + HEADER)?;
        if !header.starts_with(MAGIC) {
            return None;
        }
        let field = |index: usize| hexadecimal(header.get(6 + index * 8..14 + index * 8)?);
        let (mode, size, name_size) = (field(1)?, field(6)?, field(11)?);
        let size = usize::try_from(size).ok()?;
        let name_size = usize::try_from(name_size).ok()?;
        let name = bytes.get(at + HEADER..(at + HEADER).checked_add(name_size)?)?;
        let name = name.strip_suffix(&[0])?;
        let start = (at + HEADER + name_size).next_multiple_of(4);
        let end = start.checked_add(size)?;
        let contents = bytes.get(start..end)?;
        at = end.next_multiple_of(4);
        if name == END {
            let rest = bytes.get(at..).unwrap_or_default();
            return rest.iter().all(|byte| *byte == 0).then_some(files);
        }
        files.insert(name, (mode, contents));
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

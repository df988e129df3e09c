//! Inputs that are several files: each after its length in two bytes.

/// The next file, and the rest; what is missing is empty.
fn part<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, after)) = rest.split_first_chunk() else {
        return &[];
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
    let (part, after) = after.split_at(length);
    *rest = after;
    part
}

/// So many files.
pub(crate) fn parts<const N: usize>(bytes: &[u8]) -> [&[u8]; N] {
    let mut rest = bytes;
    [(); N].map(|()| part(&mut rest))
}

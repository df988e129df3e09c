//! Bytes as sentences show them.

/// A little-endian number of up to 8 bytes; zeros where the bytes end.
pub(crate) fn number(bytes: &[u8], offset: usize, width: usize) -> u64 {
    (0..width.min(8)).rev().fold(0, |number, index| {
        number << 8 | u64::from(bytes.get(offset + index).copied().unwrap_or(0))
    })
}

/// How many bytes of a place are shown.
const SHOWN: usize = 16;

/// Up to 16 bytes in hexadecimal.
pub(crate) fn excerpt(bytes: &[u8], offset: usize, length: usize) -> String {
    let end = bytes.len().min(offset.saturating_add(length.min(SHOWN)));
    match bytes.get(offset..end) {
        Some(shown) if !shown.is_empty() => hex::encode(shown),
        _ => "nothing".to_owned(),
    }
}

/// Bytes of a file as text that a terminal may show: what is no printable ASCII becomes `\xNN`, and only
/// the start is shown.
pub fn plain(bytes: &[u8]) -> String {
    const MOST: usize = 200;
    let mut text = String::new();
    for byte in bytes.iter().take(MOST) {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if bytes.len() > MOST {
        text.push('…');
    }
    text
}

/// Up to the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0);
    &bytes[..end.unwrap_or(bytes.len())]
}

/// Stretches of differing bytes: (first, behind the last, how many differ), those less than `gap` equal
/// bytes apart as one. What one side has not is zero.
pub(crate) fn stretches(a: &[u8], b: &[u8], gap: usize) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    let length = a.len().max(b.len());
    let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
    for index in (0..length).filter(|index| at(a, *index) != at(b, *index)) {
        match found.last_mut() {
            Some((_, end, differing)) if index - *end < gap => {
                *end = index + 1;
                *differing += 1;
            }
            _ => found.push((index, index + 1, 1)),
        }
    }
    found
}

//! Bytes that may be text.

use crate::printable;
use std::fmt::Write;

/// What is shown of a text or of bytes, in characters and in bytes.
const MOST_SHOWN: usize = 240;
const MOST_HEX: usize = 24;

/// Text in quotes; what is none, as hexadecimal digits.
pub(super) fn text_or_hex(data: &[u8]) -> String {
    quoted(data).unwrap_or_else(|| hex(data))
}

/// Text in one of the two encodings that logs have, in quotes, without the NULs that end it; `None` if
/// it is text in neither.
pub(super) fn quoted(data: &[u8]) -> Option<String> {
    text(data).map(|text| format!("\"{}\"", shown(&text)))
}

/// Bytes as hexadecimal digits, with their number if they are many.
pub(super) fn hex(data: &[u8]) -> String {
    if data.is_empty() {
        return "no data".to_owned();
    }
    let mut digits = String::new();
    for byte in data.iter().take(MOST_HEX) {
        write!(digits, "{byte:02x}").expect("a string takes all");
    }
    if data.len() > MOST_HEX {
        write!(digits, "… ({} bytes)", data.len()).expect("a string takes all");
    }
    digits
}

/// UTF-16 for people: what is none of it shows as U+FFFD, escaped.
pub(super) fn utf16(data: &[u8]) -> String {
    shown(&String::from_utf16_lossy(&units(data)))
}

/// Text, escaped, and cut off where it becomes long.
pub(super) fn shown(text: &str) -> String {
    let cut = text.char_indices().nth(MOST_SHOWN);
    match cut {
        None => printable(text),
        Some((at, _)) => {
            let more = text[at..].chars().count();
            format!("{}… ({more} more)", printable(&text[..at]))
        }
    }
}

/// The code units of UTF-16 without the NULs that end it. A last one that lacks its second byte, as an
/// older systemd-boot writes it, has a zero there.
pub(crate) fn units(data: &[u8]) -> Vec<u16> {
    let (units, rest) = data.as_chunks::<2>();
    let mut units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    units.extend(rest.first().copied().map(u16::from));
    while units.last() == Some(&0) {
        units.pop();
    }
    units
}

fn text(data: &[u8]) -> Option<String> {
    let end = data.iter().rposition(|byte| *byte != 0)? + 1;
    let bytes = std::str::from_utf8(&data[..end]).ok();
    let utf8 = bytes.filter(|text| looks_like_text(text));
    utf8.map(str::to_owned).or_else(|| {
        let text = String::from_utf16(&units(data)).ok()?;
        // Numbers are UTF-16 all too often: only what is ASCII in it is taken for text.
        (text.is_ascii() && looks_like_text(&text)).then_some(text)
    })
}

fn looks_like_text(text: &str) -> bool {
    let blank = |character: char| matches!(character, '\n' | '\r' | '\t');
    !text.is_empty()
        && text
            .chars()
            .all(|character| !character.is_control() || blank(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_in_quotes_and_anything_else_in_hexadecimal() {
        assert_eq!(text_or_hex(b"ACPI DATA\0"), "\"ACPI DATA\"");
        assert_eq!(text_or_hex(b".\0l\0i\0\0\0"), "\".li\"");
        assert_eq!(text_or_hex(b".\0l\0i"), "\".li\"");
        assert_eq!(text_or_hex(&[0, 0, 0, 0]), "00000000");
        assert_eq!(text_or_hex(&[]), "no data");
        assert_eq!(text_or_hex("a\u{202e}b".as_bytes()), "\"a\\u{202e}b\"");
        assert_eq!(text_or_hex(b"a\x1b[2Jb"), "611b5b324a62");
    }

    #[test]
    fn long_text_and_long_bytes_are_cut_off_with_their_length() {
        let text = text_or_hex("ü".repeat(300).as_bytes());
        assert_eq!(
            text.chars().count(),
            240 + "\"… (60 more)\"".chars().count()
        );
        assert!(text.ends_with("… (60 more)\""));
        assert!(text_or_hex(&[0x80; 1000]).ends_with("80… (1000 bytes)"));
    }
}

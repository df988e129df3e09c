//! Bytes spelled as text.

use crate::ShapeError;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Padded or not, but with no spare bits set: bytes have one spelling in an alphabet, or two with the padding.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const URL_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// Base64 of either alphabet, but not of both.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let url = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url { URL_ALPHABET } else { STANDARD_ALPHABET };
    engine.decode(text).ok()
}

/// Pairs of hexadecimal digits of either case.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// The text, if the bytes are one: UTF-8 without control characters but spaces, tabs and line ends.
pub(crate) fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    (!text.contains(control)).then_some(text)
}

/// How a text spells bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Hex,
    Base64,
}

/// The bytes that a text spells, spaces and line ends left out. A text of hexadecimal digits alone is hexadecimal, though it
/// might be base64 too; any other of base64's characters is base64, though it might begin with 0x.
pub(crate) fn decode(text: &str) -> Result<(Spelling, Vec<u8>), ShapeError> {
    let dense: String = text.split_ascii_whitespace().collect();
    let prefix = dense.strip_prefix("0x").or(dense.strip_prefix("0X"));
    let digits = prefix.unwrap_or(&dense);
    if let Some(bytes) = hex(digits) {
        return Ok((Spelling::Hex, bytes));
    }
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ShapeError::OddDigits);
    }
    if !dense.bytes().all(is_base64) {
        return Err(ShapeError::UnknownText("neither of them"));
    }
    let bytes = base64(&dense).ok_or(ShapeError::NotDecoded)?;
    Ok((Spelling::Base64, bytes))
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_every_spelling() {
        let bytes = [0xFB, 0xFF, 0x00, 0x10];
        for (text, spelling) in [
            ("fbff0010", Spelling::Hex),
            ("0xFBff0010", Spelling::Hex),
            ("fb ff\r\n00\t10", Spelling::Hex),
            ("+/8AEA==", Spelling::Base64),
            ("+/8AEA", Spelling::Base64),
            ("-_8AEA==", Spelling::Base64),
            ("-_8A\nEA", Spelling::Base64),
        ] {
            assert_eq!(decode(text), Ok((spelling, bytes.to_vec())), "{text}");
        }
    }

    #[test]
    fn base64_that_looks_like_hexadecimal_is_still_base64() {
        assert_eq!(decode("AAA="), Ok((Spelling::Base64, vec![0, 0])));
        assert_eq!(
            decode("0xAz"),
            Ok((Spelling::Base64, vec![0xD3, 0x10, 0x33]))
        );
        assert_eq!(decode("0xAa"), Ok((Spelling::Hex, vec![0xAA])));
    }

    #[test]
    fn odd_number_of_hexadecimal_digits_is_told() {
        for text in ["AAA", "a", "0xabc", "ab\ncde"] {
            assert_eq!(decode(text), Err(ShapeError::OddDigits), "{text}");
        }
    }

    #[test]
    fn text_in_no_single_spelling_is_refused() {
        for text in [
            "0xabc", "+_8AEA==", "+/8AEB==", "+/8AE", "=", "a!", "ü", "0x0x0",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_with_control_characters_or_outside_utf8_are_no_text() {
        assert_eq!(as_text(b"a\r\n\tb"), Some("a\r\n\tb"));
        for bytes in [&b"a\0"[..], b"a\x1b[0m", b"\xff", "\u{85}".as_bytes()] {
            assert_eq!(as_text(bytes), None, "{bytes:?}");
        }
    }
}

//! The spellings that every C2SP text format shares: standard base64 and plain decimal numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes RFC 4648 section 4 base64; padding is required and unused bits must be zero.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads an ASCII decimal without sign or leading zeroes; `0` itself is the one exception.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_with_a_second_spelling_is_refused() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "18446744073709551616",
        ] {
            assert_eq!(parse_decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn base64_with_a_second_spelling_is_refused() {
        assert_eq!(decode_base64("AQ=="), Some(vec![1]));
        for text in ["AQ", "AQ=", "AR==", "AQ==\n", "AQ==AQ==", "A-_=", " AQ=="] {
            assert_eq!(decode_base64(text), None, "{text:?}");
        }
    }
}

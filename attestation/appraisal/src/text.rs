//! Text that others wrote, made fit to be shown.

/// At most `longest` characters of a text, each of which a terminal shows as it is: controls, and what turns or hides
/// text, are written as escapes.
pub(crate) fn shown(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == longest {
            shown.push_str("...");
            break;
        }
        if plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Printable ASCII alone: no control, no direction mark, no character that looks like another.
fn plain(character: char) -> bool {
    matches!(character, ' '..='~')
}

/// Whether a text can be a name: 1 to 64 of `a` to `z`, `0` to `9`, `_`, `-` and `.`.
pub(crate) fn is_name(text: &str) -> bool {
    let named = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_has_no_escape_sequence_and_ends() {
        let hostile = "\u{1b}[2Jok\n\u{202e}evil";
        assert_eq!(shown(hostile, 100), "\\u{1b}[2Jok\\u{a}\\u{202e}evil");
        assert_eq!(shown("abcdef", 3), "abc...");
        assert_eq!(shown("abc", 3), "abc");
    }

    #[test]
    fn name_is_short_and_plain() {
        assert!(is_name("no-smt_2.0"));
        for text in ["", "Strict", "a b", "a\n", "ä", &"a".repeat(65)] {
            assert!(!is_name(text), "{text:?}");
        }
    }
}

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

/// A message of the engine in one line: the place that it names first, and what it says last.
///
/// It draws the line that it means, with a mark under the column, and a function's own message is drawn within that of its
/// call. A table has a line for each reason.
pub(crate) fn one_line(message: &str) -> String {
    let place = message
        .split("--> ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let said = message.rsplit("error: ").next().unwrap_or(message);
    let said: Vec<_> = said.split_whitespace().collect();
    match place {
        Some(place) => shown(&format!("{}: {}", place.trim(), said.join(" ")), 500),
        None => shown(&said.join(" "), 500),
    }
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
    fn engines_drawing_becomes_one_line() {
        let drawn = "\n--> policy.rego:7:3\n  |\n7 | test if f(\"error: x\")\n  |   ^\nerror: \n--> f:1:1\n  |\n1 | f\n  | ^\nerror: `f` expects\n numbers";
        assert_eq!(one_line(drawn), "policy.rego:7:3: `f` expects numbers");
        assert_eq!(one_line("no drawing\u{1b}"), "no drawing\\u{1b}");
    }

    #[test]
    fn name_is_short_and_plain() {
        assert!(is_name("no-smt_2.0"));
        for text in ["", "Strict", "a b", "a\n", "ä", &"a".repeat(65)] {
            assert!(!is_name(text), "{text:?}");
        }
    }
}

//! Text of a log for terminals and people.

use std::fmt::Write;

/// `text` with everything escaped that could mislead a reader or drive a terminal: control characters,
/// marks that turn the direction of writing, invisible and combining ones, as `\u{202e}`. What stays is
/// printable ASCII, and letters and digits of all scripts.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == ' ' || character.is_ascii_graphic() || is_letter(character) {
            shown.push(character);
        } else {
            write!(shown, "{}", character.escape_unicode()).expect("a string takes all");
        }
    }
    shown
}

fn is_letter(character: char) -> bool {
    !character.is_ascii() && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_escapes_controls_and_marks_of_direction_and_keeps_letters() {
        let text = "linux \\EFI\\ü漢\u{1b}[2J\n\u{9b}\u{202e}\u{200b}\u{feff}\u{2028}";
        assert_eq!(
            printable(text),
            "linux \\EFI\\ü漢\\u{1b}[2J\\u{a}\\u{9b}\\u{202e}\\u{200b}\\u{feff}\\u{2028}"
        );
    }
}

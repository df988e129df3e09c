//! Text out of files, fit for a terminal.

/// Longer text is cut; a fact worth reading is shorter.
const MOST: usize = 300;

/// Text with everything escaped that a terminal would obey rather than show, cut where it is very long.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    let mut left = text.chars();
    for c in left.by_ref().take(MOST) {
        match c.is_control() || is_unseen(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    if left.next().is_some() {
        out.push('…');
    }
    out
}

/// Characters without a shape of their own, some of which turn the text's direction around.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            shown("EPYC\u{1B}[2J\n\u{202E}x"),
            "EPYC\\u{1b}[2J\\u{a}\\u{202e}x"
        );
    }

    #[test]
    fn very_long_text_is_cut_and_says_so() {
        let text = shown(&"x".repeat(MOST + 1));
        assert_eq!(text.chars().count(), MOST + 1);
        assert!(text.ends_with('…'));
    }
}

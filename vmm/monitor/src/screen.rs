//! What a terminal is shown of a guest's text.
//!
//! A terminal obeys what it is shown: it changes its title, fills the clipboard, types answers. So a guest's bytes
//! reach it only as text, tabs, ends of lines, backspaces and colours (SGR, ECMA-48, section 8.3.117); all others are
//! written out, as `\x1b`.

/// Longer than any that is honest.
const LONGEST_SEQUENCE: usize = 32;
const ESCAPE: u8 = 0x1b;
const RESET: &[u8] = b"\x1b[0m";

/// Looks at a guest's bytes one by one.
#[derive(Default)]
pub struct Screen {
    /// The beginning of a sequence or of a character.
    held: Vec<u8>,
    is_coloured: bool,
}

/// What the bytes that are held are.
enum Held {
    Begun,
    Character,
    Colour,
    Neither,
}

impl Screen {
    /// Adds what is to be seen of `byte`, and of those that were held before it, to `line`.
    pub fn show(&mut self, byte: u8, line: &mut Vec<u8>) {
        self.held.push(byte);
        match judge(&self.held) {
            Held::Begun => {}
            Held::Character => line.append(&mut self.held),
            Held::Colour => {
                self.is_coloured = true;
                line.append(&mut self.held);
            }
            Held::Neither => self.write_out(line),
        }
    }

    /// Nothing comes after the line. What the VMM writes next is not in a guest's colours, which could hide it.
    pub fn end_line(&mut self, line: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_coloured) {
            line.extend_from_slice(RESET);
        }
    }

    /// Nothing comes at all any more.
    pub fn finish(&mut self, line: &mut Vec<u8>) {
        while !self.held.is_empty() {
            self.write_out(line);
        }
    }

    /// The first of the bytes is none of its own; what follows it may be something.
    fn write_out(&mut self, line: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let mut bytes = held.into_iter();
        if let Some(byte) = bytes.next() {
            line.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
        bytes.for_each(|byte| self.show(byte, line));
    }
}

fn judge(held: &[u8]) -> Held {
    match held {
        [ESCAPE] | [ESCAPE, b'['] => Held::Begun,
        [ESCAPE, b'[', parameters @ .., last] => {
            let are_numbers = |bytes: &[u8]| {
                bytes
                    .iter()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'))
            };
            match last {
                b'm' if are_numbers(parameters) => Held::Colour,
                _ if are_numbers(&held[2..]) && held.len() < LONGEST_SEQUENCE => Held::Begun,
                _ => Held::Neither,
            }
        }
        [b' '..=b'~' | b'\t' | b'\r' | b'\n' | 8] => Held::Character,
        _ => judge_character(held),
    }
}

fn judge_character(held: &[u8]) -> Held {
    match std::str::from_utf8(held) {
        Ok(text) if !text.contains(char::is_control) => Held::Character,
        Ok(_) => Held::Neither,
        Err(error) if error.error_len().is_none() => Held::Begun,
        Err(_) => Held::Neither,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        let mut screen = Screen::default();
        let mut line = Vec::new();
        text.iter().for_each(|byte| screen.show(*byte, &mut line));
        screen.finish(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn text_and_colours_are_shown_as_they_are() {
        for text in [
            "plain ~\t\r\n\u{8}",
            "gr\u{fc}\u{df}e \u{20ac} \u{1f980}",
            "\x1b[1;31mred\x1b[m \x1b[38:2::1:2:3mtrue\x1b[0m",
        ] {
            assert_eq!(shown(text.as_bytes()), text);
        }
    }

    #[test]
    fn whatever_else_a_terminal_obeys_is_written_out() {
        #[rustfmt::skip] // a table: one case a line
        let cases: [(&[u8], &str); 12] = [
            (b"\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
            (b"\x1b]0;title\x1b\\", r"\x1b]0;title\x1b\"),
            (b"\x1bPq#0\x1b\\",     r"\x1bPq#0\x1b\"),
            (b"\x1b[2J\x1b[H",      r"\x1b[2J\x1b[H"),
            (b"\x1b[6n\x1b[?1049h", r"\x1b[6n\x1b[?1049h"),
            (b"\x1bc\0\x0e\x7f",    r"\x1bc\x00\x0e\x7f"),
            (b"\x1b\x1b[31m",       "\\x1b\x1b[31m"),
            // C1 controls, as characters and as bytes.
            ("\u{9b}31m\u{9d}0;".as_bytes(), r"\xc2\x9b31m\xc2\x9d0;"),
            (b"\x9b31m\xff",        r"\x9b31m\xff"),
            // Too long a form, and half a character.
            (b"\xc0\x9b\xe2\x82",   r"\xc0\x9b\xe2\x82"),
            (b"\xe2\x82\x1b[m",     "\\xe2\\x82\x1b[m"),
            (b"\x1b[1;1",           r"\x1b[1;1"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn sequence_without_end_is_not_held_for_ever() {
        let mut screen = Screen::default();
        let mut line = Vec::new();
        for byte in b"\x1b[".iter().chain(&[b'1'; 100]) {
            screen.show(*byte, &mut line);
            assert!(screen.held.len() < LONGEST_SEQUENCE);
        }
        assert!(line.starts_with(br"\x1b[1111"));
    }

    #[test]
    fn colours_end_with_their_line() {
        let mut screen = Screen::default();
        let mut line = Vec::new();
        b"\x1b[8mhidden"
            .iter()
            .for_each(|byte| screen.show(*byte, &mut line));
        screen.end_line(&mut line);
        screen.end_line(&mut line);
        assert_eq!(line, b"\x1b[8mhidden\x1b[0m");
    }
}

//! How a policy may be written, looked at before it is parsed.
//!
//! The engine's parser tries a bracket as a comprehension, then as a set, then as an object: each bracket within another
//! doubles its work or trebles it, and a few dozen of them keep it busy for years. It descends into brackets and signs without
//! a limit of its own, and the engine descends into what it made of them. It stops at the first NUL, so that whatever comes
//! after it would be silently left out; and a comment ends for it at a line feed, though for the people who look at a policy it
//! may end at a lone carriage return before, and a rule begin. So the text is looked through once, from its beginning to its end, and refused before
//! that if it could do harm. What the parser makes of a text that is none does not matter here: it refuses that by itself.

use crate::{PolicyError, PolicyFault};

/// How deep brackets may lie in each other. Shipped policies need six.
pub(crate) const DEEPEST: usize = 12;

/// How many operators one expression may have in a row, signs among them. Shipped policies need one.
pub(crate) const MOST_OPERATORS: usize = 48;

/// How many words the parser may have to look at, each counted thrice for each bracket that it lies in. Shipped policies need
/// some ten thousand.
pub(crate) const MOST_READINGS: u64 = 10_000_000;

/// What the last word was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Something that begins: a bracket, a comma, an assignment, a point.
    Beginning,
    Operator,
    /// A name, a number, a text, or the end of a bracket.
    Operand,
}

/// An open bracket.
#[derive(Clone, Copy)]
struct Level {
    /// The operators in a row within it.
    operators: usize,
    /// How often the parser may read what is in it.
    readings: u64,
}

struct Scan<'a> {
    rest: &'a [u8],
    line: u32,
    levels: Vec<Level>,
    last: Last,
    readings: u64,
}

/// Refuses what would keep the parser busy, or make it descend too deep.
pub(crate) fn check(source: &str) -> Result<(), PolicyError> {
    check_characters(source)?;
    let level = Level {
        operators: 0,
        readings: 1,
    };
    let mut scan = Scan {
        rest: source.as_bytes(),
        line: 1,
        levels: vec![level],
        last: Last::Beginning,
        readings: 0,
    };
    while let Some(byte) = scan.next() {
        scan.word(byte).map_err(|fault| PolicyError::Fault {
            line: scan.line,
            fault,
        })?;
    }
    Ok(())
}

fn check_characters(source: &str) -> Result<(), PolicyError> {
    for (line, text) in (1..).zip(source.split('\n')) {
        // The end of a line as Windows writes it.
        let text = text.strip_suffix('\r').unwrap_or(text);
        if let Some(found) = text.chars().find(|one| misleads(*one)) {
            let code = u32::from(found);
            let fault = PolicyFault::Character { code };
            return Err(PolicyError::Fault { line, fault });
        }
    }
    Ok(())
}

/// Controls but for the tab (NUL, carriage return, form feed, next line among them), line and paragraph separators, and what
/// changes the direction of writing (Unicode Standard Annex 9, table 4).
fn misleads(character: char) -> bool {
    character.is_control() && character != '\t'
        || matches!(
            character,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}

impl Scan<'_> {
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        if *byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(*byte)
    }

    fn next_is(&self, wanted: u8) -> bool {
        self.rest.first() == Some(&wanted)
    }

    fn word(&mut self, byte: u8) -> Result<(), PolicyFault> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(()),
            b'#' => {
                self.comment();
                return Ok(());
            }
            b'"' | b'`' => self.text(byte),
            b'(' | b'[' | b'{' => self.open(byte)?,
            b')' | b']' | b'}' => self.close(),
            b',' | b';' => self.begin(),
            b'.' => self.last = Last::Beginning,
            b':' | b'=' if !self.next_is(b'=') || byte == b':' => self.assign(byte),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'&' | b'|' | b'<' | b'>' | b'=' | b'!' => {
                self.operator()?;
            }
            _ => self.name(byte)?,
        }
        let level = self.levels.last().map_or(1, |level| level.readings);
        self.readings = self.readings.saturating_add(level);
        if self.readings > MOST_READINGS {
            return Err(PolicyFault::Readings);
        }
        Ok(())
    }

    fn comment(&mut self) {
        while !self.next_is(b'\n') && self.next().is_some() {}
    }

    fn text(&mut self, end: u8) {
        self.operand();
        while let Some(byte) = self.next() {
            match byte {
                b'\\' if end == b'"' => {
                    self.next();
                }
                _ if byte == end => return,
                _ => {}
            }
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), PolicyFault> {
        if self.levels.len() > DEEPEST {
            return Err(PolicyFault::Depth { most: DEEPEST });
        }
        if bracket == b'{' {
            // After a word it begins a body, or another line.
            self.operand();
        }
        let outer = self.levels.last().map_or(1, |level| level.readings);
        let readings = match bracket {
            b'(' => outer,
            _ => outer.saturating_mul(3),
        };
        self.levels.push(Level {
            operators: 0,
            readings,
        });
        self.last = Last::Beginning;
        Ok(())
    }

    fn close(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        }
        self.last = Last::Operand;
    }

    fn begin(&mut self) {
        self.last = Last::Beginning;
        self.restart();
    }

    fn assign(&mut self, first: u8) {
        if first == b':' && self.next_is(b'=') {
            self.next();
        }
        self.begin();
    }

    fn operator(&mut self) -> Result<(), PolicyFault> {
        if self.next_is(b'=') {
            self.next();
        }
        self.last = Last::Operator;
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        level.operators += 1;
        if level.operators > MOST_OPERATORS {
            return Err(PolicyFault::Operators {
                most: MOST_OPERATORS,
            });
        }
        Ok(())
    }

    fn name(&mut self, first: u8) -> Result<(), PolicyFault> {
        let rest = self.rest;
        let of_a_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let length = rest.iter().take_while(of_a_name).count();
        self.rest = rest.get(length..).unwrap_or_default();
        if first == b'i' && rest.get(..length) == Some(b"n") && self.last != Last::Beginning {
            return self.operator();
        }
        self.operand();
        Ok(())
    }

    /// Two operands without an operator between them: another expression begins.
    fn operand(&mut self) {
        if self.last == Last::Operand {
            self.restart();
        }
        self.last = Last::Operand;
    }

    fn restart(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.operators = 0;
        }
    }
}

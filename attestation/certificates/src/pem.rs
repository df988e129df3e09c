//! PEM, strictly (RFC 7468): nothing but blocks of one kind, blank lines between them.

use crate::FormatError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest line that is taken. RFC 7468 writes 64 characters, reads more.
const MAX_LINE: usize = 1024;

/// Whether the bytes mean to be PEM: DER never begins so.
pub(crate) fn looks_like_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN ")
}

/// The contents of every block, at most `limit`, all of this label.
pub(crate) fn decode(text: &[u8], label: &str, limit: usize) -> Result<Vec<Vec<u8>>, FormatError> {
    // Tools that write C strings leave a NUL behind: quotes and Intel's collateral have it.
    let mut lines = Lines::new(text.strip_suffix(&[0]).unwrap_or(text));
    let mut blocks = Vec::new();
    while let Some(line) = lines.next_filled() {
        if line != format!("-----BEGIN {label}-----").as_bytes() {
            return Err(lines.wrong("not the beginning of a block of the kind that belongs here"));
        }
        if blocks.len() == limit {
            return Err(FormatError::TooMany { limit });
        }
        blocks.push(block(&mut lines, label)?);
    }
    Ok(blocks)
}

fn block(lines: &mut Lines<'_>, label: &str) -> Result<Vec<u8>, FormatError> {
    let end = format!("-----END {label}-----");
    let mut digits = Vec::new();
    loop {
        let line = lines
            .next_line()
            .ok_or(lines.wrong("the file ends inside a block"))?;
        if line == end.as_bytes() {
            break;
        }
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        if line.len() > MAX_LINE || !line.iter().all(is_base64) {
            return Err(lines.wrong("not a line of base64"));
        }
        digits.extend_from_slice(line);
    }
    STANDARD
        .decode(&digits)
        .map_err(|_| lines.wrong("the block before this line is not base64"))
}

/// Lines with their numbers, without spaces behind them.
struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: usize,
}

impl<'a> Lines<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self {
            rest: Some(text),
            number: 0,
        }
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        self.number += 1;
        let mut parts = rest.splitn(2, |byte| *byte == b'\n');
        let line = parts.next()?;
        self.rest = parts.next();
        Some(line.trim_ascii_end())
    }

    fn next_filled(&mut self) -> Option<&'a [u8]> {
        loop {
            let line = self.next_line()?;
            if !line.is_empty() {
                return Some(line);
            }
        }
    }

    const fn wrong(&self, problem: &'static str) -> FormatError {
        FormatError::Pem {
            line: self.number,
            problem,
        }
    }
}

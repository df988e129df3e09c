//! Results for people or for programs.

use anyhow::{Context, Result};
use clap::ValueEnum;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _, stderr, stdout};

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// Prints a result. Whoever reads the first lines alone has read enough.
///
/// # Errors
/// It cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints an error with all that it comes from.
pub fn complain(error: &anyhow::Error) {
    let mut said = format!("error: {}\n", shown(&error.to_string()));
    for cause in error.chain().skip(1) {
        let _infallible = writeln!(said, "  because: {}", shown(&cause.to_string()));
    }
    // Whether somebody reads it or not, the exit code says the same.
    let _unread = stderr().write_all(said.as_bytes());
}

/// Rows of aligned columns.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut table = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _infallible = write!(line, "{:<width$}  ", shown(cell));
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

/// Text with everything escaped that a terminal would obey rather than show: names of files and answers of servers
/// may have anything in them.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || is_unseen(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// Characters without a shape of their own, some of which turn the text's direction around.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(
            shown("a\u{1B}[2J\u{202E}b\n"),
            "a\\u{1b}[2J\\u{202e}b\\u{a}"
        );
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "b"], ["long", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a     b\nlong  c\n");
    }
}

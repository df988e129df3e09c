//! Documents that quote what the programs say, held to the programs' sources.
//!
//! A table whose first column is headed `it says` quotes: every text in backticks in that column is, to the
//! letter, in the source of a program.

use std::fs;
use std::io;
use std::path::Path;

/// A quoted text.
#[derive(Debug, PartialEq, Eq)]
pub struct Quote {
    /// The line of the document, counted from 1.
    pub line: usize,
    /// The text.
    pub text: String,
}

/// The quotes of one document.
#[must_use]
pub fn quotes(document: &str) -> Vec<Quote> {
    let mut found = Vec::new();
    let mut is_quoting = None;
    for (number, line) in document.lines().enumerate() {
        let Some(first) = first_cell(line) else {
            is_quoting = None;
            continue;
        };
        match is_quoting {
            None => is_quoting = Some(first == "it says"),
            Some(false) => {}
            Some(true) => {
                let texts = first.split('`').skip(1).step_by(2);
                found.extend(texts.map(|text| Quote {
                    line: number + 1,
                    text: text.to_owned(),
                }));
            }
        }
    }
    found
}

fn first_cell(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?;
    row.split('|').next().map(str::trim)
}

/// All source text below `folder`, tests left out, with each string literal in one line.
///
/// # Errors
/// When a file cannot be read.
pub fn sources(folder: &Path) -> io::Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "tests" {
            text.push_str(&sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&unbroken(&fs::read_to_string(&path)?));
        }
    }
    Ok(text)
}

/// A backslash at a line's end goes on with the next word.
fn unbroken(code: &str) -> String {
    let mut pieces = code.split("\\\n");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.trim_start());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_the_first_column_of_tables_headed_so() {
        let page = "| a | b |\n|---|---|\n| `no` | x |\n\n| it says | why |\n|---|---|\n| `one`, `two` | `three` |\n| four | |\n";
        let found = quotes(page);
        let texts: Vec<&str> = found.iter().map(|quote| quote.text.as_str()).collect();
        assert_eq!(texts, ["one", "two"]);
        assert_eq!(found[0].line, 7);
    }

    #[test]
    fn literal_over_two_lines_is_one() {
        assert_eq!(
            unbroken("\"one \\\n        two\";\n\"x\""),
            "\"one two\";\n\"x\""
        );
    }
}

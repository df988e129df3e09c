//! Rows of aligned columns.

use std::fmt::Write;

use crate::width;

const GAP: &str = "  ";

/// Rows of aligned columns, the last of which is wrapped. Nothing is escaped here: findings come escaped.
pub fn table<const N: usize>(rows: &[[&str; N]]) -> String {
    table_of(width::of_output(), rows)
}

/// One paragraph, its lines behind a mark of their own.
pub fn marked(mark: &str, text: &str) -> String {
    table(&[[mark, text]])
}

fn table_of<const N: usize>(page: usize, rows: &[[&str; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let indent: usize = widths[..N - 1].iter().map(|width| width + GAP.len()).sum();
    let mut table = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(widths).take(N - 1) {
            let _infallible = write!(table, "{cell:<width$}{GAP}");
        }
        let lines = wrapped(row[N - 1], page.saturating_sub(indent));
        let between = format!("\n{:indent$}", "");
        table.push_str(&lines.join(&between));
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

/// Lines of at most `width` characters; a longer word stands uncut, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_is_wrapped_under_itself() {
        let long = "word ".repeat(20);
        let page = table_of(40, &[["LACKS", "a thing", long.trim()], ["has", "x", "y"]]);
        let lines: Vec<&str> = page.lines().collect();
        assert!(lines[0].starts_with("LACKS  a thing  word"), "{page}");
        assert!(lines[1].starts_with("                word"), "{page}");
        assert_eq!(lines.last(), Some(&"has    x        y"));
        assert!(lines.iter().all(|line| line.chars().count() <= 40));
    }
}

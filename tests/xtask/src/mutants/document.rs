//! The table of what was seen, for docs/mutations.md.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use super::results::Results;
use super::table::{Crate, Mutant};

const HEAD: &str = "# Guards taken out, one at a time

`cargo xtask mutants` writes this page. Each row was seen: with the guard replaced by what stands beside it, in a copy of the tree and
nothing else changed, the test on the right failed. The table is `tests/mutants`; `cargo xtask test` looks that every guard of it is
still in its file once, that every test is there, and that this page has every row.
";

/// The page, and how many guards it has: all that were seen in the files as they are.
///
/// # Errors
/// A crate cannot be read.
pub fn text(crates: &[Crate], results: &Results, root: &Path) -> Result<(String, usize)> {
    let (mut body, mut seen) = (String::new(), 0);
    for one in crates {
        write!(body, "\n## `{}`\n\n", one.name)?;
        body += "| check | file | guard | without it | test that fails |\n|---|---|---|---|---|\n";
        for mutant in &one.mutants {
            if results.has(one, mutant, &one.state(root, mutant)?) {
                body += &row(mutant);
                seen += 1;
            }
        }
    }
    Ok((format!("{HEAD}\n{seen} guards.\n{body}"), seen))
}

/// A line of the table.
pub fn row(mutant: &Mutant) -> String {
    let test_crate = mutant.test_crate.as_ref();
    let place = test_crate.map_or_else(String::new, |name| format!(" of `{name}`"));
    format!(
        "| `{}` | `{}` | {} | {} | `{}`{place} |\n",
        mutant.check,
        mutant.file.display(),
        code(&mutant.find),
        code(&mutant.replace),
        mutant.test
    )
}

/// A text on one line of a table.
fn code(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "nothing".to_owned();
    }
    format!("`` {} ``", line.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guard_is_one_cell_of_a_table_whatever_it_has_in_it() {
        assert_eq!(code("a ||\n    b"), "`` a \\|\\| b ``");
        assert_eq!(code(" "), "nothing");
    }

    #[test]
    fn page_has_every_guard_of_the_table() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let page = std::fs::read_to_string(root.join("docs/mutations.md"));
        let page = page.expect("the page is there");
        for one in super::super::table::read(root).expect("the table can be read") {
            for mutant in &one.mutants {
                let row = row(mutant);
                assert!(page.contains(&row), "docs/mutations.md lacks: {row}");
            }
        }
    }
}

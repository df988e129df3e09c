//! What the text of a crate tells: lines of code, unsafe blocks, its production code.

use std::fs;
use std::io;
use std::path::Path;

/// The production source of one crate: `src/` without `#[cfg(test)]` modules and comments.
#[derive(Debug, Default)]
pub struct Source {
    /// Lines that hold code.
    pub lines: usize,
    /// `unsafe` blocks, functions and impls.
    pub unsafe_blocks: usize,
    /// Whether the crate's root forbids unsafe code.
    pub forbids_unsafe: bool,
    /// The code itself.
    pub code: String,
}

impl Source {
    /// Reads a crate's folder.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut source = Self::default();
        source.read_folder(&folder.join("src"))?;
        source.forbids_unsafe = source.code.contains("#![forbid(unsafe_code)]");
        source.unsafe_blocks = source.code.lines().map(unsafe_in).sum();
        source.lines = source.code.lines().count();
        Ok(source)
    }

    fn read_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut paths: Vec<_> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.read_folder(&path)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path)
            {
                self.code.push_str(&production(&fs::read_to_string(&path)?));
            }
        }
        Ok(())
    }
}

fn is_test(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem == "tests" || stem == "test_support")
}

/// The file up to its test module, without comments and empty lines.
fn production(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line == "#[cfg(test)]" {
            break;
        }
        if !line.is_empty() && !line.starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Whole words that open no string literal, such as this function's own.
fn unsafe_in(line: &str) -> usize {
    let part_of_more = |before: char| before.is_alphanumeric() || before == '_' || before == '"';
    let occurrences = |form: &str| {
        line.match_indices(form)
            .filter(|(place, _)| !line[..*place].ends_with(part_of_more))
            .count()
    };
    ["unsafe {", "unsafe fn ", "unsafe impl "]
        .map(occurrences)
        .iter()
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_ends_at_the_test_module_and_drops_comments() {
        let text = "//! doc\n\nfn a() {}\n// why\n#[cfg(test)]\nmod tests { unsafe {} }\n";
        assert_eq!(production(text), "fn a() {}\n");
    }

    #[test]
    fn unsafe_blocks_are_counted_and_attributes_are_not() {
        assert_eq!(unsafe_in("let x = unsafe { y() };"), 1);
        assert_eq!(unsafe_in("#![forbid(unsafe_code)]"), 0);
        assert_eq!(unsafe_in("if forbids_unsafe { \"unsafe {\" }"), 0);
    }
}

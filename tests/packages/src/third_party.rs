//! Whose code the programs link, and on what terms: these ask that their text goes where the code goes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tests_house::graph::{External, Graph};

use crate::recipe::Recipe;
use crate::tree;

/// How files begin whose text has to be passed on.
const TERMS: [&str; 6] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "COPYRIGHT",
    "NOTICE",
    "UNLICENSE",
];

/// Writes `third-party.gz` beside the copyright file.
///
/// # Errors
/// A program of the package is no crate of the workspace, or a crate's source cannot be read.
pub fn add(stage: &Path, graph: &Graph, recipe: &Recipe, package: &str) -> Result<()> {
    let text = page(&linked(graph, recipe)?)?;
    let draft = tempfile::NamedTempFile::new()?;
    fs::write(draft.path(), text)?;
    let to = format!("/usr/share/doc/{package}/third-party.gz");
    tree::put(stage, &to, &tree::compressed(draft.path())?, 0o644)
}

/// By name and version.
fn linked<'a>(
    graph: &'a Graph,
    recipe: &Recipe,
) -> Result<BTreeMap<(&'a str, &'a str), &'a External>> {
    let mut found = BTreeMap::new();
    for (_, name) in recipe.parts() {
        let (id, _) = graph
            .members
            .iter()
            .find(|(_, member)| member.name == name)
            .with_context(|| format!("{name} is no crate of the workspace"))?;
        let externals = graph.closure(id);
        let externals = externals.iter().filter_map(|id| graph.externals.get(*id));
        found.extend(externals.map(|own| ((own.name.as_str(), own.version.as_str()), own)));
    }
    Ok(found)
}

/// First who, then each text once.
fn page(linked: &BTreeMap<(&str, &str), &External>) -> Result<String> {
    let mut page = "What the programs of this package link besides Cloister's own code and the C library: crate, version, terms,\n\
        and the texts that its authors send with it, by their numbers below.\n\n"
        .to_owned();
    let mut texts = Texts::default();
    for ((name, version), external) in linked {
        let mut numbers = Vec::new();
        texts.collect(&external.folder, &mut numbers)?;
        numbers.sort_unstable();
        numbers.dedup();
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let _ = writeln!(
            page,
            "{name} {version}: {}; {}",
            external.license,
            match numbers.is_empty() {
                true => "no text sent".to_owned(),
                false => numbers.join(", "),
            }
        );
    }
    for (number, text) in texts.0.iter().enumerate() {
        let _ = write!(page, "\n---- {} ----\n\n{}\n", number + 1, text.trim_end());
    }
    Ok(page)
}

/// Each once, numbered from 1 in the order in which they were met.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    /// All below `folder`: C code that a crate brings along has its own.
    fn collect(&mut self, folder: &Path, numbers: &mut Vec<usize>) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type()?;
            let name = entry.file_name().to_string_lossy().to_uppercase();
            if kind.is_dir() {
                self.collect(&entry.path(), numbers)?;
            } else if kind.is_file() && is_terms(&name) {
                let bytes = fs::read(entry.path())?;
                numbers.push(self.number(&String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(())
    }

    fn number(&mut self, text: &str) -> usize {
        let known = self.0.iter().position(|own| own == text);
        known.unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        }) + 1
    }
}

/// `LICENSE`, `LICENSE-MIT`, `COPYING.txt`; no source.
fn is_terms(name: &str) -> bool {
    let source = [".RS", ".C", ".H", ".PY", ".GO", ".TOML", ".JSON"];
    TERMS.iter().any(|start| name.starts_with(start))
        && !source.iter().any(|end| name.ends_with(end))
}

//! `package.toml`: what goes into a package, and from where.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What goes in. An unknown member is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Each is a crate and its program, which goes to `/usr/lib/cloister`.
    pub programs: Vec<String>,
    /// Those of them that people type.
    pub commands: Vec<String>,
    /// What programs look for beside themselves and nobody executes, with the crate that it is made of.
    #[serde(default)]
    pub beside: BTreeMap<String, String>,
    /// Files of the project.
    pub files: Vec<Files>,
    /// Files that a program prints.
    #[serde(default)]
    pub printed: Vec<Printed>,
}

/// Files that go to one folder under their own names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The folder, absolute.
    pub to: String,
    /// From the project's root; the last part may be `*.EXTENSION`.
    pub from: Vec<String>,
}

/// A configuration in which every member is commented out, so that the program's defaults hold where nobody has decided.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printed {
    /// The file, absolute.
    pub to: String,
    /// What stands above.
    pub head: String,
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Recipe {
    /// Reads `package.toml` of the folder `data`.
    ///
    /// # Errors
    /// It is not there, is no such file, or names a command that is no program of the package.
    pub fn read(data: &Path) -> Result<Self> {
        let path = data.join("package.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let recipe: Self =
            toml::from_str(&text).with_context(|| format!("understand {}", path.display()))?;
        for command in &recipe.commands {
            ensure!(
                recipe.programs.contains(command),
                "{}: the command {command} is none of the programs",
                path.display()
            );
        }
        Ok(recipe)
    }

    /// All that is built, each with its crate.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let programs = self.programs.iter().map(|name| (name, name));
        programs
            .chain(&self.beside)
            .map(|(name, from)| (name.as_str(), from.as_str()))
    }
}

//! Makes the Debian packages out of the built programs, the same bytes each time.
//!
//! A package is a folder of data, `attestation/verifier/package` or `vmm/cloister/package`: `package.toml` says what goes in,
//! `control` and the maintainer scripts go in as they are, the newest entry of `changelog` gives version and date. Here is only
//! what stages the tree and has `dpkg-deb` pack it.

#![forbid(unsafe_code)]

mod archive;
mod changelog;
mod printed;
mod recipe;
mod run;
mod third_party;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tests_house::graph::Graph;

use crate::changelog::Entry;
use crate::recipe::Recipe;

/// The folders of the packages, from the project's root.
pub const FOLDERS: [&str; 2] = [VERIFIER, HOST];
/// That of the verifier's side.
pub const VERIFIER: &str = "attestation/verifier/package";
/// That of the host's side.
pub const HOST: &str = "vmm/cloister/package";

/// What packages are made of.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// The folder of the built programs and the boot shim.
    pub programs: &'a Path,
    /// Where the packages go.
    pub out: &'a Path,
    /// Another version than the changelog's, to test upgrades.
    pub version: Option<&'a str>,
    /// How they are packed.
    pub packing: Packing,
}

/// How a package is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// To be kept and sent: a minute.
    Small,
    /// To be looked at and thrown away: seconds.
    Fast,
}

/// Programs that the package in `folder` needs and that are not built.
///
/// # Errors
/// The package's data cannot be read.
pub fn missing(order: &Order, folder: &str) -> Result<Vec<PathBuf>> {
    let recipe = Recipe::read(&order.root.join(folder))?;
    let needed = recipe.parts().map(|(name, _)| order.programs.join(name));
    Ok(needed.filter(|path| !path.is_file()).collect())
}

/// Makes the package in `folder` and says where it is.
///
/// # Errors
/// A program is not built, the data of the package contradicts itself, or one of Debian's tools fails.
pub fn build(order: &Order, folder: &str) -> Result<PathBuf> {
    let data = order.root.join(folder);
    let recipe = Recipe::read(&data)?;
    let entry = Entry::newest(&data.join("changelog"))?;
    entry.check_version(env!("CARGO_PKG_VERSION"))?;
    let graph = Graph::load(order.root).map_err(anyhow::Error::msg)?;
    let stage = tempfile::tempdir().context("a folder to stage the package in")?;
    let name = &entry.package;
    tree::stage(stage.path(), order, &recipe, name)?;
    tree::add_changes(stage.path(), order.root, &data, name)?;
    third_party::add(stage.path(), &graph, &recipe, name)?;
    archive::pack(stage.path(), order, &data, &entry)
        .with_context(|| format!("the package {name} cannot be packed"))
}

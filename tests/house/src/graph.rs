//! The workspace's crates and what they link, out of `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// What a crate may do: `[package.metadata.trust] kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// No unsafe, no I/O, no clock.
    Core,
    /// The only kind that may hold unsafe code.
    Sys,
    /// Joins core and sys.
    Shell,
    /// A program.
    Bin,
}

/// One crate of the workspace.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its declared kind; `None` is a fault that [`crate::rules`] names.
    pub kind: Option<Kind>,
    /// The trust domain, for programs.
    pub domain: Option<String>,
    /// What it is for, in one sentence.
    pub description: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The top-level folder it lives in.
    pub top: String,
    /// Package ids of what it links (not what builds or tests it).
    pub links: Vec<String>,
}

/// A crate from elsewhere.
#[derive(Clone, Debug)]
pub struct External {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The C library that it links, by its `links` key.
    pub library: Option<String>,
    /// Its terms, as an SPDX expression.
    pub license: String,
    /// Where its source lies on this machine.
    pub folder: PathBuf,
    /// Package ids of what it links.
    pub links: Vec<String>,
}

/// The whole graph, for the one target.
#[derive(Debug, Default)]
pub struct Graph {
    /// By package id.
    pub members: BTreeMap<String, Member>,
    /// By package id; without procedural macros, which are not linked.
    pub externals: BTreeMap<String, External>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    description: Option<String>,
    links: Option<String>,
    license: Option<String>,
    manifest_path: PathBuf,
    metadata: Option<PackageMetadata>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct PackageMetadata {
    trust: Option<Trust>,
}

#[derive(Deserialize)]
struct Trust {
    kind: Option<Kind>,
    domain: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Graph {
    /// Asks cargo for the workspace at `root`.
    ///
    /// # Errors
    /// In words, when cargo fails or answers in another form.
    pub fn load(root: &Path) -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("run cargo metadata: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        let metadata = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("read cargo metadata's answer: {error}"))?;
        Ok(Self::from_metadata(root, metadata))
    }

    fn from_metadata(root: &Path, metadata: Metadata) -> Self {
        let macros: BTreeSet<_> = metadata
            .packages
            .iter()
            .filter(|package| {
                package
                    .targets
                    .iter()
                    .any(|target| target.kind == ["proc-macro"])
            })
            .map(|package| package.id.clone())
            .collect();
        let mut links: BTreeMap<_, _> = metadata
            .resolve
            .nodes
            .into_iter()
            .map(|node| (node.id, linked(node.deps, &macros)))
            .collect();
        let mut graph = Self::default();
        for package in metadata.packages {
            let links = links.remove(&package.id).unwrap_or_default();
            if metadata.workspace_members.contains(&package.id) {
                graph
                    .members
                    .insert(package.id.clone(), member(root, package, links));
            } else if !macros.contains(&package.id) {
                let external = External {
                    name: package.name,
                    version: package.version,
                    library: package.links,
                    license: package.license.unwrap_or_default(),
                    folder: folder_of(&package.manifest_path),
                    links,
                };
                graph.externals.insert(package.id, external);
            }
        }
        graph
    }

    /// Everything that `start` links, itself included.
    #[must_use]
    pub fn closure(&self, start: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            let found = self
                .members
                .get_key_value(id)
                .map(|(id, member)| (id, &member.links));
            let found = found.or_else(|| {
                self.externals
                    .get_key_value(id)
                    .map(|(id, crate_)| (id, &crate_.links))
            });
            if let Some((id, links)) = found
                && seen.insert(id.as_str())
            {
                open.extend(links.iter().map(String::as_str));
            }
        }
        seen
    }
}

fn linked(dependencies: Vec<Dependency>, macros: &BTreeSet<String>) -> Vec<String> {
    dependencies
        .into_iter()
        .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
        .map(|dependency| dependency.pkg)
        .filter(|id| !macros.contains(id))
        .collect()
}

fn folder_of(manifest: &Path) -> PathBuf {
    manifest.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn member(root: &Path, package: Package, links: Vec<String>) -> Member {
    let folder = folder_of(&package.manifest_path);
    let inside = folder.strip_prefix(root).unwrap_or(&folder);
    let top = inside
        .components()
        .next()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let trust = package.metadata.and_then(|metadata| metadata.trust);
    Member {
        name: package.name,
        kind: trust.as_ref().and_then(|trust| trust.kind),
        domain: trust.and_then(|trust| trust.domain),
        description: package.description.unwrap_or_default(),
        top: top.unwrap_or_default(),
        folder,
        links,
    }
}

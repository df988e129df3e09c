//! Kernel modules with all that they depend on, in the order in which to load them.
//!
//! A Debian package carries no `modules.dep` (depmod writes it on installation), so dependencies are
//! read where depmod reads them: from each module's own `.modinfo` section.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use elf::ElfBytes;
use elf::endian::LittleEndian;
use thiserror::Error;

use crate::module_tree::{ModuleTree, canonical};
use crate::xz::XzError;

/// One module, uncompressed, with the signature that its maker appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// As in /proc/modules: `dm_crypt`.
    pub name: String,
    /// What `init_module(2)` takes.
    pub bytes: Vec<u8>,
}

impl Module {
    /// `dm_crypt.ko`.
    pub fn file_name(&self) -> String {
        format!("{}.ko", self.name)
    }
}

/// Reads the `wanted` modules and all that they need, each after its dependencies; what is built into
/// the kernel is left out. The order follows from `wanted` and the modules alone.
///
/// # Errors
///
/// A module that is neither a file nor built in, or that cannot be read.
pub fn module_closure(tree: &ModuleTree, wanted: &[&str]) -> Result<Vec<Module>, ModuleError> {
    let mut closure = Closure {
        tree,
        visited: BTreeSet::new(),
        loaded: Vec::new(),
    };
    for name in wanted {
        closure.visit(name, None)?;
    }
    Ok(closure.loaded)
}

struct Closure<'a> {
    tree: &'a ModuleTree,
    visited: BTreeSet<String>,
    loaded: Vec<Module>,
}

impl Closure<'_> {
    /// Depth first; the names seen bound the recursion, even where modules name each other in a ring.
    fn visit(&mut self, name: &str, needed_by: Option<&str>) -> Result<(), ModuleError> {
        if self.tree.has_built_in(name) || !self.visited.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = self.tree.read(name, needed_by)?;
        let needs = Needs::of(name, &bytes)?;
        for dependency in &needs.modules {
            self.visit(dependency, Some(name))?;
        }
        self.visit_soft(&needs.before, name)?;
        self.loaded.push(Module {
            name: name.to_owned(),
            bytes,
        });
        self.visit_soft(&needs.after, name)
    }

    /// Soft dependencies are wishes: what the kernel does not have is passed over.
    fn visit_soft(&mut self, names: &[String], needed_by: &str) -> Result<(), ModuleError> {
        for name in names.iter().filter(|name| self.tree.has(name)) {
            self.visit(name, Some(needed_by))?;
        }
        Ok(())
    }
}

/// What a module's `.modinfo` says of others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    modules: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
}

impl Needs {
    fn of(name: &str, module: &[u8]) -> Result<Self, ModuleError> {
        let refused = || ModuleError::NotAModule(name.to_owned());
        let elf = ElfBytes::<LittleEndian>::minimal_parse(module).map_err(|_| refused())?;
        let section = elf
            .section_header_by_name(".modinfo")
            .ok()
            .flatten()
            .ok_or_else(refused)?;
        let (info, _) = elf.section_data(&section).map_err(|_| refused())?;
        Ok(Self::from_modinfo(info))
    }

    /// `key=value` strings, each ended by a zero byte.
    fn from_modinfo(info: &[u8]) -> Self {
        let mut needs = Self::default();
        for entry in info
            .split(|byte| *byte == 0)
            .filter_map(|bytes| str::from_utf8(bytes).ok())
        {
            match entry.split_once('=') {
                Some(("depends", names)) => {
                    needs
                        .modules
                        .extend(names.split(',').filter(|n| !n.is_empty()).map(canonical));
                }
                Some(("softdep", words)) => needs.add_soft(words),
                _ => {}
            }
        }
        needs
    }

    /// `pre: a b post: c`, as in modprobe.d(5).
    fn add_soft(&mut self, words: &str) {
        let mut list = None;
        for word in words.split_ascii_whitespace() {
            match (word, &mut list) {
                ("pre:", _) => list = Some(&mut self.before),
                ("post:", _) => list = Some(&mut self.after),
                (name, Some(names)) => names.push(canonical(name)),
                (_, None) => {}
            }
        }
    }
}

/// The modules cannot be collected.
#[derive(Debug, Error)]
pub enum ModuleError {
    /// A file or directory of the tree is missing or unreadable.
    #[error("cannot read {}: is it a kernel directory made by `cloister-image kernel`?", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not as it came out of the package.
    #[error(
        "{} was changed since it was unpacked: unpack the package again with `cloister-image kernel`",
        .0.display()
    )]
    Changed(PathBuf),
    /// Another kernel flavour may have it.
    #[error("this kernel has no module {name}{needed_by}: use a linux-image-*-cloud-amd64 package")]
    Missing {
        /// The module.
        name: String,
        /// Empty, or `, which X needs`.
        needed_by: String,
    },
    /// A compressed module is damaged.
    #[error("cannot decompress {}", path.display())]
    Xz {
        /// The module's file.
        path: PathBuf,
        /// Why.
        source: XzError,
    },
    /// Not ELF, or without module information.
    #[error("{0} is not a kernel module: it has no .modinfo section")]
    NotAModule(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modinfo_depends_and_soft_dependencies_are_read() {
        let info = b"license=GPL\0depends=dm-mod,libcrc32c\0softdep=pre: ecb a-b post: c\0name=x\0";
        let needs = Needs::from_modinfo(info);
        assert_eq!(needs.modules, ["dm_mod", "libcrc32c"]);
        assert_eq!(needs.before, ["ecb", "a_b"]);
        assert_eq!(needs.after, ["c"]);
    }

    #[test]
    fn modinfo_without_dependencies_needs_nothing() {
        assert_eq!(
            Needs::from_modinfo(b"depends=\0\0\xff=\0"),
            Needs::default()
        );
    }
}

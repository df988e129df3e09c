//! A kernel taken out of its Debian package: a directory of `vmlinux`, `modules/` and `kernel.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::deb::{DebError, DebFiles, extract_deb};
use crate::digest::sha256_hex;
use crate::draft::DirectoryDraft;
use crate::kernel::{KernelError, vmlinux_from_bzimage};
use crate::module_tree::ModuleTree;
use crate::modules::ModuleError;

const VERSION: u32 = 2;
const INFO: &str = "kernel.json";
const VMLINUX: &str = "vmlinux";
const MODULES: &str = "modules";

/// What `kernel.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelInfo {
    /// Of this file's form: 2.
    pub version: u32,
    /// As `uname -r` prints it.
    pub release: String,
    /// Digest of the package, in hexadecimal.
    pub deb_sha256: String,
    /// Digest of `vmlinux`, in hexadecimal.
    pub vmlinux_sha256: String,
    /// Size of `vmlinux`.
    pub vmlinux_bytes: u64,
    /// Number of files below `modules/kernel`.
    pub modules: u64,
    /// Digest of every file below `modules`, in hexadecimal, by its path there.
    pub module_sha256: BTreeMap<String, String>,
}

/// A directory made by [`unpack_kernel`].
///
/// Its digests tell what was changed, damaged or mixed up since then. They do not protect from somebody
/// who changes `kernel.json` too: what a guest boots is in its launch digest.
#[derive(Debug)]
pub struct KernelDir {
    path: PathBuf,
    info: KernelInfo,
}

impl KernelDir {
    /// Opens the directory and checks that its `vmlinux` is the one that was unpacked.
    ///
    /// # Errors
    ///
    /// The directory is missing, of another version, or was changed.
    pub fn open(path: &Path) -> Result<Self, KernelDirError> {
        let json = read(&path.join(INFO))?;
        let info: KernelInfo =
            serde_json::from_slice(&json).map_err(|source| KernelDirError::Info {
                path: path.join(INFO),
                source,
            })?;
        if info.version != VERSION {
            return Err(KernelDirError::Version(info.version));
        }
        if sha256_hex(&read(&path.join(VMLINUX))?) != info.vmlinux_sha256 {
            return Err(KernelDirError::Changed(path.join(VMLINUX)));
        }
        Ok(Self {
            path: path.to_owned(),
            info,
        })
    }

    /// What is in it.
    pub fn info(&self) -> &KernelInfo {
        &self.info
    }

    /// Path of the uncompressed kernel.
    pub fn vmlinux(&self) -> PathBuf {
        self.path.join(VMLINUX)
    }

    /// The modules that came with the kernel; a file that was added since then is none of them. Each is
    /// checked when it is read.
    ///
    /// # Errors
    ///
    /// The list of what is built in cannot be read, or was changed.
    pub fn modules(&self) -> Result<ModuleTree, ModuleError> {
        ModuleTree::listed(&self.path.join(MODULES), &self.info.module_sha256)
    }
}

/// Unpacks a kernel package into `out`, which must not exist, be empty, or be an earlier kernel
/// directory. On failure `out` is as it was.
///
/// # Errors
///
/// Not a package, no kernel or more than one in it, a kernel that cannot be unpacked, or `out` cannot
/// be written.
pub fn unpack_kernel(deb: &[u8], out: &Path) -> Result<KernelDir, KernelDirError> {
    require_replaceable(out)?;
    let wanted = |path: &str| path.starts_with(KERNEL_PREFIX) || module_path(path).is_some();
    let files = extract_deb(deb, wanted)?;
    let release = only_release(&files)?;
    let vmlinux = vmlinux_from_bzimage(&files[&format!("{KERNEL_PREFIX}{release}")])?;

    let draft = DirectoryDraft::beside(out).map_err(|error| write_error(out, error))?;
    let module_sha256 = write_modules(&files, &release, &draft)?;
    let info = KernelInfo {
        version: VERSION,
        deb_sha256: sha256_hex(deb),
        vmlinux_sha256: sha256_hex(&vmlinux),
        vmlinux_bytes: vmlinux.len() as u64,
        modules: count_modules(&module_sha256, &release)?,
        release,
        module_sha256,
    };
    write(&draft, VMLINUX, &vmlinux)?;
    let mut json = serde_json::to_vec_pretty(&info).expect("plain fields always serialise");
    json.push(b'\n');
    write(&draft, INFO, &json)?;
    draft
        .publish(out)
        .map_err(|error| write_error(out, error))?;
    Ok(KernelDir {
        path: out.to_owned(),
        info,
    })
}

const KERNEL_PREFIX: &str = "boot/vmlinuz-";

/// What is below `lib/modules` (since Debian 13 below `usr/lib/modules`).
fn module_path(path: &str) -> Option<&str> {
    path.strip_prefix("usr/")
        .unwrap_or(path)
        .strip_prefix("lib/modules/")
}

fn only_release(files: &DebFiles) -> Result<String, KernelDirError> {
    let mut releases = files
        .keys()
        .filter_map(|path| path.strip_prefix(KERNEL_PREFIX));
    match (releases.next(), releases.next()) {
        (Some(release), None) => Ok(release.to_owned()),
        (None, _) => Err(KernelDirError::NoKernel),
        (Some(one), Some(two)) => Err(KernelDirError::Kernels(one.to_owned(), two.to_owned())),
    }
}

/// Writes the release's modules; returns the digest of each file.
fn write_modules(
    files: &DebFiles,
    release: &str,
    draft: &DirectoryDraft,
) -> Result<BTreeMap<String, String>, KernelDirError> {
    let mut digests = BTreeMap::new();
    for (path, content) in files {
        let inside = module_path(path).and_then(|path| path.strip_prefix(release));
        let Some(inside) = inside.and_then(|path| path.strip_prefix('/')) else {
            continue;
        };
        write(draft, &format!("{MODULES}/{inside}"), content)?;
        digests.insert(inside.to_owned(), sha256_hex(content));
    }
    Ok(digests)
}

fn count_modules(digests: &BTreeMap<String, String>, release: &str) -> Result<u64, KernelDirError> {
    let modules = digests.keys().filter(|path| path.starts_with("kernel/"));
    match modules.count() {
        0 => Err(KernelDirError::NoModules(release.to_owned())),
        count => Ok(count as u64),
    }
}

/// Never removes what somebody else put there.
fn require_replaceable(out: &Path) -> Result<(), KernelDirError> {
    let empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(source) => {
            return Err(KernelDirError::Read {
                path: out.to_owned(),
                source,
            });
        }
    };
    if empty || out.join(INFO).is_file() {
        return Ok(());
    }
    Err(KernelDirError::Occupied(out.to_owned()))
}

fn write(draft: &DirectoryDraft, inside: &str, content: &[u8]) -> Result<(), KernelDirError> {
    let path = draft.path().join(inside);
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent
        .and_then(|()| Ok(measured_boot_draft::check()?))
        .and_then(|()| fs::write(&path, content))
        .map_err(|error| write_error(&path, error))
}

fn write_error(path: &Path, source: io::Error) -> KernelDirError {
    KernelDirError::Write {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KernelDirError> {
    fs::read(path).map_err(|source| KernelDirError::Read {
        path: path.to_owned(),
        source,
    })
}

/// A kernel directory cannot be made or used.
#[derive(Debug, Error)]
pub enum KernelDirError {
    /// The package cannot be read.
    #[error(transparent)]
    Deb(#[from] DebError),
    /// The kernel in it cannot be unpacked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Another package.
    #[error(
        "there is no kernel (boot/vmlinuz-*) in the package: the meta package linux-image-cloud-amd64 \
         only names the one that holds it"
    )]
    NoKernel,
    /// Which would be meant cannot be known.
    #[error("the package holds two kernels, {0} and {1}")]
    Kernels(String, String),
    /// A package of another layout.
    #[error("there are no modules of kernel {0} in the package")]
    NoModules(String),
    /// Somebody else's directory.
    #[error("{} holds other files: remove it, or name another directory", .0.display())]
    Occupied(PathBuf),
    /// Missing or unreadable.
    #[error("cannot read {}: make it by `cloister-image kernel`", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `kernel.json` is damaged.
    #[error("{} is not a description of a kernel", path.display())]
    Info {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Made by an earlier or a later program.
    #[error(
        "the kernel directory has version {0}, this program reads version 2: unpack the package again"
    )]
    Version(u32),
    /// Not the kernel of the package any more.
    #[error("{} was changed since it was unpacked: unpack the package again", .0.display())]
    Changed(PathBuf),
    /// A full disk, or a directory that is missing or not ours.
    #[error("cannot write {}", path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

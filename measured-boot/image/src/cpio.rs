//! The initramfs archive format: cpio "newc", byte for byte reproducible.
//!
//! Linux, Documentation/driver-api/early-userspace/buffer-format.rst.

use std::collections::BTreeMap;

use thiserror::Error;

const TRAILER: &str = "TRAILER!!!";

/// File type bits of `c_mode`, as in stat(2).
const DIRECTORY: u32 = 0o040_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const REGULAR: u32 = 0o100_000;
const SYMBOLIC_LINK: u32 = 0o120_000;

/// Collects entries and writes them sorted by path, with time 0, owner 0 and inode numbers in order.
///
/// A path is relative to the guest's root, with or without a leading slash. Parent directories are
/// made as needed, with mode 0755. Adding a path twice is an error, except a directory that was made
/// as a parent: its mode may be set later.
#[derive(Debug, Default)]
pub struct CpioWriter {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    mode: u32,
    device: (u32, u32),
    content: Vec<u8>,
    implied: bool,
}

impl CpioWriter {
    /// An archive of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory; `mode` are its permission bits.
    ///
    /// # Errors
    ///
    /// A path that is not plain, is taken, or lies below something else than a directory.
    pub fn directory(&mut self, path: &str, mode: u32) -> Result<(), CpioError> {
        self.add(path, DIRECTORY | permissions(mode), (0, 0), Vec::new())
    }

    /// Adds a regular file; `mode` are its permission bits.
    ///
    /// # Errors
    ///
    /// As [`Self::directory`], or 4 GiB and more.
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        content: impl Into<Vec<u8>>,
    ) -> Result<(), CpioError> {
        self.add(path, REGULAR | permissions(mode), (0, 0), content.into())
    }

    /// Adds a symbolic link to `target`.
    ///
    /// # Errors
    ///
    /// As [`Self::directory`].
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<(), CpioError> {
        self.add(path, SYMBOLIC_LINK | 0o777, (0, 0), target.into())
    }

    /// Adds a character device node.
    ///
    /// # Errors
    ///
    /// As [`Self::directory`].
    pub fn character_device(
        &mut self,
        path: &str,
        mode: u32,
        major: u32,
        minor: u32,
    ) -> Result<(), CpioError> {
        self.add(
            path,
            CHARACTER_DEVICE | permissions(mode),
            (major, minor),
            Vec::new(),
        )
    }

    /// The archive's bytes.
    ///
    /// # Errors
    ///
    /// None that can be reached with fewer than 2^32 entries.
    pub fn finish(self) -> Result<Vec<u8>, CpioError> {
        let content: usize = self.entries.values().map(|entry| entry.content.len()).sum();
        let mut out = Vec::with_capacity(content + 256 * (self.entries.len() + 1));
        for (inode, (path, entry)) in (1_u32..).zip(&self.entries) {
            write_entry(&mut out, inode, path, entry)?;
        }
        let trailer = Entry {
            mode: 0,
            device: (0, 0),
            content: Vec::new(),
            implied: false,
        };
        write_entry(&mut out, 0, TRAILER, &trailer)?;
        Ok(out)
    }

    fn add(
        &mut self,
        path: &str,
        mode: u32,
        device: (u32, u32),
        content: Vec<u8>,
    ) -> Result<(), CpioError> {
        let path = plain_path(path)?;
        self.add_parents(path)?;
        let taken = self.entries.get(path);
        if taken.is_some_and(|entry| !(entry.implied && is_directory(mode))) {
            return Err(CpioError::Twice(path.to_owned()));
        }
        self.entries.insert(
            path.to_owned(),
            Entry {
                mode,
                device,
                content,
                implied: false,
            },
        );
        Ok(())
    }

    fn add_parents(&mut self, path: &str) -> Result<(), CpioError> {
        for (slash, _) in path.match_indices('/') {
            let parent = &path[..slash];
            let entry = self
                .entries
                .entry(parent.to_owned())
                .or_insert_with(|| Entry {
                    mode: DIRECTORY | 0o755,
                    device: (0, 0),
                    content: Vec::new(),
                    implied: true,
                });
            if !is_directory(entry.mode) {
                return Err(CpioError::NotADirectory {
                    path: path.to_owned(),
                    parent: parent.to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn permissions(mode: u32) -> u32 {
    mode & 0o7777
}

fn is_directory(mode: u32) -> bool {
    mode & 0o170_000 == DIRECTORY
}

/// The path without its leading slash, if it says one place in one way.
fn plain_path(path: &str) -> Result<&str, CpioError> {
    let relative = path.strip_prefix('/').unwrap_or(path);
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if relative == TRAILER || !relative.split('/').all(plain) {
        return Err(CpioError::Path(path.to_owned()));
    }
    Ok(relative)
}

/// One header of 110 ASCII bytes, the name, the content, each padded to four bytes.
fn write_entry(out: &mut Vec<u8>, inode: u32, path: &str, entry: &Entry) -> Result<(), CpioError> {
    let too_large = || CpioError::TooLarge(path.to_owned());
    let size = u32::try_from(entry.content.len()).map_err(|_| too_large())?;
    let name_size = u32::try_from(path.len() + 1).map_err(|_| too_large())?;
    let links = if is_directory(entry.mode) { 2 } else { 1 };
    let (major, minor) = entry.device;
    // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor,
    // namesize, check (always zero in this form).
    let fields = [
        inode, entry.mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0,
    ];
    out.extend_from_slice(b"070701");
    for field in fields {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(path.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(&entry.content);
    pad(out);
    Ok(())
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The entry cannot be in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CpioError {
    /// Empty, or with an empty, `.` or `..` part.
    #[error("`{0}` is not a plain path of a file in the guest")]
    Path(String),
    /// One of the two would be lost.
    #[error("`{0}` is in the archive already")]
    Twice(String),
    /// A file is in the way.
    #[error("`{path}` cannot be added: `{parent}` is not a directory")]
    NotADirectory {
        /// What was to be added.
        path: String,
        /// What is not a directory.
        parent: String,
    },
    /// The format counts in 32 bits.
    #[error("`{0}` is too large for a cpio archive")]
    TooLarge(String),
}

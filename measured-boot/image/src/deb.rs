//! Files out of a Debian binary package: an `ar` archive around a compressed tar archive.
//!
//! Its `ar` form is a header of 60 bytes a member, written down in deb(5): too small for a dependency.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Component;

use thiserror::Error;

use crate::xz::{XzError, xz_reader};

/// Contents by path inside the package, without a leading `./`.
pub type DebFiles = BTreeMap<String, Vec<u8>>;

const AR_MAGIC: &[u8] = b"!<arch>\n";
const AR_HEADER_BYTES: usize = 60;
const AR_HEADER_END: &[u8] = b"`\n";

/// Ten times the largest kernel image package. More is a decompression bomb.
const MAX_UNPACKED: u64 = 4 << 30;

/// Takes the regular files whose paths are `wanted` out of a Debian package, format 2.0, with xz
/// compression. Links, directories and devices are passed over. Nothing touches the disk.
///
/// # Errors
///
/// Not such a package, damaged, or with a path that climbs out of its root.
pub fn extract_deb(deb: &[u8], wanted: impl Fn(&str) -> bool) -> Result<DebFiles, DebError> {
    let tar = xz_reader(data_member(deb)?)?;
    let mut archive = tar::Archive::new(tar.take(MAX_UNPACKED));
    let mut files = DebFiles::new();
    for entry in archive.entries().map_err(DebError::Tar)? {
        let mut entry = entry.map_err(DebError::Tar)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = plain_path(&entry)?;
        if !wanted(&path) {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(DebError::Tar)?;
        if files.insert(path.clone(), content).is_some() {
            return Err(DebError::Twice(path));
        }
    }
    Ok(files)
}

/// The compressed tar archive of the package's files.
fn data_member(deb: &[u8]) -> Result<&[u8], DebError> {
    let mut rest = deb.strip_prefix(AR_MAGIC).ok_or(DebError::NotADeb)?;
    let (name, version) = next_member(&mut rest)?;
    if name != "debian-binary" || !version.starts_with(b"2.") {
        return Err(DebError::NotADeb);
    }
    while !rest.is_empty() {
        let (name, content) = next_member(&mut rest)?;
        match name {
            "data.tar.xz" => return Ok(content),
            other if other.starts_with("data.tar") => {
                return Err(DebError::Compression(other.to_owned()));
            }
            _ => {}
        }
    }
    Err(DebError::NoData)
}

/// Reads one member off the front of `rest`: name 16, times and owners 32, size 10, end mark 2.
fn next_member<'a>(rest: &mut &'a [u8]) -> Result<(&'a str, &'a [u8]), DebError> {
    let (header, after) = rest
        .split_at_checked(AR_HEADER_BYTES)
        .ok_or(DebError::Truncated)?;
    if !header.ends_with(AR_HEADER_END) {
        return Err(DebError::Header);
    }
    let text = |range| {
        let field: &[u8] = &header[range];
        str::from_utf8(field)
            .map(str::trim_end)
            .map_err(|_| DebError::Header)
    };
    let name = text(0..16)?;
    let size: usize = text(48..58)?.parse().map_err(|_| DebError::Header)?;
    let (content, after) = after.split_at_checked(size).ok_or(DebError::Truncated)?;
    // Members begin at even offsets.
    *rest = after.get(size % 2..).unwrap_or_default();
    // deb(5) lets a name end in a slash, as other ar programs write it.
    Ok((name.strip_suffix('/').unwrap_or(name), content))
}

/// The entry's path as text, without `./`, and only if it stays below the root.
fn plain_path(entry: &tar::Entry<'_, impl Read>) -> Result<String, DebError> {
    let path = entry.path().map_err(DebError::Tar)?;
    let mut plain = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => {
                plain.push(
                    part.to_str()
                        .ok_or_else(|| DebError::Path(path.display().to_string()))?,
                );
            }
            _ => return Err(DebError::Path(path.display().to_string())),
        }
    }
    Ok(plain.join("/"))
}

/// The bytes are no Debian package that can be read.
#[derive(Debug, Error)]
pub enum DebError {
    /// The magic or the first member is missing.
    #[error(
        "not a Debian package (format 2.0): download one with \
         `apt-get download linux-image-VERSION-cloud-amd64`"
    )]
    NotADeb,
    /// The file ends inside a member.
    #[error("the package is truncated: download it again")]
    Truncated,
    /// An archive header is damaged.
    #[error("the package's ar header is damaged: download it again")]
    Header,
    /// There is no data.tar member.
    #[error("the package holds no data.tar member")]
    NoData,
    /// Some other compression than xz.
    #[error("the package's files are in `{0}`; only data.tar.xz is supported")]
    Compression(String),
    /// The xz stream could not be opened.
    #[error("the package's files cannot be decompressed")]
    Xz(#[from] XzError),
    /// The tar archive or its compression is damaged.
    #[error("the package's tar archive is damaged: download it again")]
    Tar(#[source] io::Error),
    /// A path that is absolute, climbs, or is not text.
    #[error("the package holds a file at the forbidden path `{0}`")]
    Path(String),
    /// Which of the two would be meant cannot be known.
    #[error("the package holds `{0}` twice")]
    Twice(String),
}

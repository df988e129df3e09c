//! The file that a backup is: a tar archive whose first member, `manifest.json`, has the length and the SHA-256 of each other one,
//! and whose last, `manifest.sha256`, has the first one's.
//! Any tar reads it. What restores from it believes only what the manifest names, byte for byte.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use attestation_evidence::encoding::FormatVersion;
use attestation_ledger::{Digest, VerifyingKey};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::Copied;
use crate::data_dir::{DataDir, names};

const MANIFEST: &str = "manifest.json";
/// The last member: without it an archive is not whole.
const END: &str = "manifest.sha256";
/// A manifest is read into memory before anything in it is believed.
const LONGEST_MANIFEST: u64 = 16 << 20;
/// What anybody may read.
const PUBLIC: [&str; 2] = [names::PINS, names::SUCCESSION];
const PIECE: usize = 64 * 1024;

/// A file of a data directory.
pub(crate) struct Kept {
    /// Its name in the archive: a plain one, or of a file in one folder.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// What a backup is of, and has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Of this format.
    pub version: FormatVersion<1>,
    /// When it was made, in seconds since 1970.
    pub made_at: u64,
    /// The version of the program that made it.
    pub program: String,
    /// The version of the store's tables that that program writes.
    pub schema: i64,
    /// The log's key, as a vkey: its name is the log's origin.
    pub log_key: String,
    /// The signed checkpoint of its moment.
    pub checkpoint: String,
    /// The store's generation.
    pub generation: String,
    /// The database that is not in it; `null` where the store is.
    pub database: Option<String>,
    /// What was left out, and has to be brought from elsewhere.
    pub without: Vec<String>,
    /// All files, by name.
    pub files: BTreeMap<String, Content>,
}

/// What a file has.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    bytes: u64,
    sha256: Digest,
}

/// Why an archive cannot be written or believed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not what a backup is.
    #[error(
        "{path} is no whole backup of a verifier: {why}. Nothing was restored; use another one"
    )]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] measured_boot_draft::Interrupted),
}

/// Letters, digits, `.`, `-` and `_`, and no dot in front.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// A plain name, or two of them with a slash between.
fn is_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_plain(part)) && ![MANIFEST, END].contains(&name)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::Io {
        action,
        path,
        source,
    }
}

impl Manifest {
    /// Of these files, each of which is read once.
    pub fn of(
        copied: &Copied,
        key: &VerifyingKey,
        without: &[String],
        now: u64,
    ) -> Result<Self, ArchiveError> {
        let mut files = BTreeMap::new();
        for file in &copied.files {
            let mut reader = File::open(&file.path).map_err(io_error("read", &file.path))?;
            let content = digest(&mut reader, &mut io::sink());
            let content = content.map_err(io_error("read", &file.path))?;
            files.insert(file.name.clone(), content);
        }
        Ok(Self {
            version: FormatVersion,
            made_at: now,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            schema: attestation_store::VERSION,
            log_key: key.to_string(),
            checkpoint: copied.checkpoint.clone(),
            generation: copied.generation.clone(),
            database: copied.database.clone(),
            without: without.to_vec(),
            files,
        })
    }
}

/// Copies, and says what it was.
fn digest(from: &mut impl Read, to: &mut impl Write) -> io::Result<Content> {
    let mut context = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    let mut bytes = 0u64;
    loop {
        let read = from.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else {
            break;
        };
        context.update(read);
        to.write_all(read)?;
        bytes = bytes.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
    }
    let found = context.finish();
    let sha256 = std::array::from_fn(|at| found.as_ref().get(at).copied().unwrap_or_default());
    Ok(Content {
        bytes,
        sha256: Digest::from_bytes(sha256),
    })
}

/// Writes the archive, for its owner alone, and syncs it; its length.
pub(crate) fn pack(out: &Path, manifest: &Manifest, files: &[Kept]) -> Result<u64, ArchiveError> {
    let failed = || io_error("write", out);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out);
    let mut builder = tar::Builder::new(BufWriter::new(made.map_err(failed())?));
    let text = serde_json::to_vec_pretty(manifest).expect("names and digests are plain data");
    append(
        &mut builder,
        MANIFEST,
        manifest.made_at,
        text.as_slice(),
        text.len() as u64,
    )
    .map_err(failed())?;
    for file in files {
        measured_boot_draft::check()?;
        let content = manifest.files.get(&file.name);
        let length = content.map_or(0, |content| content.bytes);
        let reader = File::open(&file.path).map_err(io_error("read", &file.path))?;
        append(&mut builder, &file.name, manifest.made_at, reader, length).map_err(failed())?;
    }
    let end = Digest::of(&text).to_string();
    let length = end.len() as u64;
    append(&mut builder, END, manifest.made_at, end.as_bytes(), length).map_err(failed())?;
    let written = builder.into_inner().and_then(|file| Ok(file.into_inner()?));
    let written = written.map_err(failed())?;
    written.sync_all().map_err(failed())?;
    Ok(written.metadata().map_err(failed())?.len())
}

fn append(
    builder: &mut tar::Builder<impl Write>,
    name: &str,
    time: u64,
    content: impl Read,
    length: u64,
) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(length);
    header.set_mode(0o600);
    header.set_mtime(time);
    header.set_entry_type(tar::EntryType::Regular);
    builder.append_data(&mut header, name, content.take(length))
}

/// Writes what the archive has into `dir`, and answers its manifest: whatever is not exactly what that says is an error.
pub(crate) fn unpack(archive: &Path, dir: &DataDir) -> Result<Manifest, ArchiveError> {
    let damaged = |why: String| ArchiveError::Damaged {
        path: archive.to_owned(),
        why,
    };
    let unreadable = |error: io::Error| damaged(error.to_string());
    let file = File::open(archive).map_err(io_error("read", archive))?;
    let mut reader = tar::Archive::new(BufReader::new(file));
    let mut members = reader.entries().map_err(unreadable)?;
    let first = members.next();
    let mut first = first
        .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
        .map_err(unreadable)?;
    let (manifest, digest) = read_manifest(&mut first).map_err(damaged)?;
    let mut ended = false;
    let mut missing: Vec<&String> = manifest.files.keys().collect();
    for member in members {
        measured_boot_draft::check()?;
        let mut member = member.map_err(unreadable)?;
        if !ended && member.path_bytes().as_ref() == END.as_bytes() {
            ended = is_text(&mut member, &digest.to_string()).map_err(unreadable)?;
            continue;
        }
        let name = name_of(&member).ok_or_else(|| damaged("it has a strange member".to_owned()))?;
        let Some(place) = missing.iter().position(|missing| **missing == name) else {
            return Err(damaged(format!(
                "`{name}` is not in its manifest, or there twice"
            )));
        };
        missing.swap_remove(place);
        let content = write(&mut member, dir, &name)?;
        if manifest.files.get(&name) != Some(&content) {
            return Err(damaged(format!("`{name}` is not what its manifest says")));
        }
    }
    match missing.first() {
        Some(name) => Err(damaged(format!("`{name}` is missing"))),
        None if ended => Ok(manifest),
        None => Err(damaged(format!("{END} is not the digest of its manifest"))),
    }
}

fn is_text(member: &mut tar::Entry<'_, impl Read>, text: &str) -> io::Result<bool> {
    let mut found = Vec::new();
    let most = u64::try_from(text.len()).unwrap_or(u64::MAX);
    member
        .take(most.saturating_add(1))
        .read_to_end(&mut found)?;
    Ok(found == text.as_bytes())
}

fn read_manifest(member: &mut tar::Entry<'_, impl Read>) -> Result<(Manifest, Digest), String> {
    if name_of(member).is_some() || member.path_bytes().as_ref() != MANIFEST.as_bytes() {
        return Err(format!("it does not begin with {MANIFEST}"));
    }
    let mut text = Vec::new();
    let read = member.take(LONGEST_MANIFEST).read_to_end(&mut text);
    read.map_err(|error| error.to_string())?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    match manifest.files.keys().find(|name| !is_name(name)) {
        Some(name) => Err(format!("`{}` is no name in a backup", name.escape_debug())),
        None => Ok((manifest, Digest::of(&text))),
    }
}

/// The name of a plain file with a name that a backup has.
fn name_of(member: &tar::Entry<'_, impl Read>) -> Option<String> {
    let name = String::from_utf8(member.path_bytes().into_owned()).ok()?;
    let is_file = member.header().entry_type() == tar::EntryType::Regular;
    (is_file && is_name(&name)).then_some(name)
}

fn write(from: &mut impl Read, dir: &DataDir, name: &str) -> Result<Content, ArchiveError> {
    let path = dir.file(name);
    let failed = || io_error("write", &path);
    if let Some((folder, _)) = name.split_once('/') {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(dir.file(folder)).map_err(failed())?;
    }
    let mode = match PUBLIC.contains(&name) {
        true => 0o644,
        false => 0o600,
    };
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path);
    let mut file = made.map_err(failed())?;
    let content = digest(from, &mut file).map_err(failed())?;
    file.sync_all().map_err(failed())?;
    Ok(content)
}

/// The same from where the files lie now.
pub(crate) fn take_over(files: &[Kept], dir: &DataDir) -> Result<(), ArchiveError> {
    for file in files {
        measured_boot_draft::check()?;
        let target = dir.file(&file.name);
        if target == file.path {
            continue;
        }
        let mut reader = fs::File::open(&file.path).map_err(io_error("read", &file.path))?;
        write(&mut reader, dir, &file.name)?;
    }
    Ok(())
}

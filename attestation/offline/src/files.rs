//! Files that options name: of a bounded size, and with an end.

use anyhow::{Context, Result};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What a file may hold at most: more than any real one of its kind, and little enough to read at once.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Reports, quotes, certificates, keys, policies, reference values.
    Mebibyte = 1 << 20,
    /// Evidence with event logs in it, revocation lists and collateral.
    SixteenMebibytes = 1 << 24,
}

/// Reads the file that `option` names.
///
/// # Errors
/// It cannot be read, is empty, is larger than `limit`, or is no plain file.
pub fn read(option: &str, path: &Path, limit: Limit) -> Result<Vec<u8>> {
    contents(path, limit).with_context(|| format!("{option} {} cannot be read", path.display()))
}

/// The same of text.
///
/// # Errors
/// As [`read`], or it is not UTF-8.
pub fn text(option: &str, path: &Path, limit: Limit) -> Result<String> {
    String::from_utf8(read(option, path, limit)?)
        .with_context(|| format!("{option} {} is no text", path.display()))
}

fn contents(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path == Path::new("-") => {
            return Err(io::Error::other(
                "standard input is not read: name a file (one called - is ./-)",
            ));
        }
        file => file?,
    };
    let most = limit as u64;
    let mut bytes = Vec::new();
    // One byte more than there may be tells a file that is too large, however it grows meanwhile.
    file.take(most + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(0) => Err(io::Error::other("it is empty")),
        Ok(length) if length <= most => Ok(bytes),
        _ => Err(io::Error::other(format!(
            "it is larger than {} MiB",
            most >> 20
        ))),
    }
}

/// Opens a plain file, whatever it is replaced by between the two looks.
fn open(path: &Path) -> io::Result<File> {
    let options = File::options()
        .read(true)
        // Who opens a pipe waits for somebody to write.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = options?;
    match never_ending(&file.metadata()?) {
        Some(kind) => Err(io::Error::other(format!("it is {kind}, and no plain file"))),
        None => Ok(file),
    }
}

/// What a file is, if it is one that has no end of its own.
fn never_ending(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    match () {
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () if kind.is_block_device() || kind.is_char_device() => Some("a device"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::os::unix::net::UnixListener;

    #[test]
    fn file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let file = File::create(&path).expect("it can be written");
        for limit in [Limit::Mebibyte, Limit::SixteenMebibytes] {
            let most = limit as u64;
            for (length, is_good) in [(0, false), (1, true), (most, true), (most + 1, false)] {
                file.set_len(length).expect("it has holes");
                let bytes = read("--file", &path, limit);
                assert_eq!(bytes.is_ok(), is_good, "{length}");
                let length = usize::try_from(length).expect("small");
                assert!(bytes.is_err() || bytes.is_ok_and(|bytes| bytes.len() == length));
            }
        }
        file.set_len(1 << 40).expect("it has holes");
        let fault = read("--file", &path, Limit::Mebibyte).expect_err("it is huge");
        assert!(format!("{fault:#}").ends_with("it is larger than 1 MiB"));
    }

    #[test]
    fn file_that_never_ends_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let _listener = UnixListener::bind(&socket).expect("a socket");
        for (path, kind) in [
            (folder.path(), "a directory"),
            (&pipe, "a pipe"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let fault = read("--file", path, Limit::Mebibyte).expect_err("it is no file");
            assert!(format!("{fault:#}").ends_with(&format!("it is {kind}, and no plain file")));
        }
        assert!(read("--file", &socket, Limit::Mebibyte).is_err());
    }

    #[test]
    fn file_behind_a_link_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&path, "text").expect("it can be written");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let read = text("--file", &link, Limit::Mebibyte);
        assert_eq!(read.expect("it is text"), "text");
        std::fs::write(&path, b"\xFF").expect("it can be written");
        assert!(text("--file", &link, Limit::Mebibyte).is_err());
    }
}

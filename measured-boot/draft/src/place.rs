//! The place that something is made in. Others may be able to make and rename things there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// The name that a target is to have.
///
/// # Errors
/// The path ends in none.
pub fn name_of(target: &Path) -> io::Result<&OsStr> {
    let nameless = || io::Error::new(ErrorKind::InvalidInput, "the path ends in no name");
    target.file_name().ok_or_else(nameless)
}

/// The directory that a path names something in.
#[must_use]
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Opens something to read without following a link or waiting; `None` where nothing of ours can be: it is
/// gone, or a link, or a socket, or not for us.
///
/// # Errors
/// Anything else that keeps it from being opened.
pub fn open_own(at: impl AsFd, path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(at, path, flags, Mode::empty()) {
        Ok(opened) => Ok(Some(opened.into())),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Somebody else may have removed it first.
///
/// # Errors
/// The removal's, but for that.
pub fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::net::UnixListener;

    #[test]
    fn path_without_a_name_is_refused() {
        assert!(name_of(Path::new("/")).is_err() && name_of(Path::new("a/..")).is_err());
        assert_eq!(name_of(Path::new("a/b")).expect("a name"), "b");
    }

    #[test]
    fn directory_of_a_bare_name_is_the_current_one() {
        let paths = ["b", "a/b", "/b"].map(|path| directory_of(Path::new(path)));
        assert_eq!(paths, [".", "a", "/"].map(Path::new));
    }

    #[test]
    fn what_cannot_be_ours_is_not_opened() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::os::unix::fs::symlink("/", at("link")).expect("a link");
        let _socket = UnixListener::bind(at("socket")).expect("a socket");
        std::fs::write(at("file"), "").expect("a file");
        for (name, ours) in [
            ("link", false),
            ("socket", false),
            ("none", false),
            ("file/x", false),
            ("file", true),
        ] {
            let opened = open_own(CWD, &at(name)).expect("an answer");
            assert_eq!(opened.is_some(), ours, "{name}");
        }
        assert!(open_own(CWD, dir.path()).expect("an answer").is_some());
    }

    #[test]
    fn only_what_is_gone_is_fine() {
        let with = |kind: ErrorKind| gone_is_fine(Err(kind.into()));
        assert!(gone_is_fine(Ok(())).is_ok() && with(ErrorKind::NotFound).is_ok());
        assert!(with(ErrorKind::PermissionDenied).is_err());
    }
}

//! Files that only their owner may read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use measured_boot_draft::open_own;
use rustix::fs::CWD;
use zeroize::Zeroizing;

/// Who may have a file open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// This process's user alone.
    Us,
    /// This user or root. The service manager gives a unit its credentials by an ACL, which shows as
    /// 0440 of root's group (systemd.exec(5), `LoadCredential=`).
    UsOrManager,
}

/// Why a private file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// There is none.
    #[error("{0} is missing, or is a link")]
    Missing(PathBuf),
    /// It is a directory, a device, or such.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// Others can read or write it.
    #[error("{path} is open to other users (mode {mode:04o}): run `chmod 0600 {path}`")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else can change it.
    #[error("{path} belongs to user {owner}: it has to belong to whom the verifier runs as")]
    OtherOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It is longer than it can be.
    #[error("{path} has more than {most} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How many it may have.
        most: usize,
    },
    /// The operating system refused.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Reads a file of at most `most` bytes, after a look at who else can: what is looked at is the open
/// file, so that nobody can exchange it between.
pub(crate) fn read(
    path: &Path,
    most: usize,
    keeper: Keeper,
) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let io = |source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    };
    let file = open_own(CWD, path).map_err(io)?;
    let file = file.ok_or_else(|| PrivateFileError::Missing(path.to_owned()))?;
    check(&file, path, keeper)?;
    let too_long = || PrivateFileError::TooLong {
        path: path.to_owned(),
        most,
    };
    let most_and_one = u64::try_from(most)
        .map_err(|_| too_long())?
        .saturating_add(1);
    // Big enough from the start: a buffer that grew would leave its first half behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.saturating_add(32)));
    file.take(most_and_one)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() > most {
        return Err(too_long());
    }
    Ok(bytes)
}

fn check(file: &File, path: &Path, keeper: Keeper) -> Result<(), PrivateFileError> {
    let found = file.metadata().map_err(|source| PrivateFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    let path = path.to_owned();
    if !found.is_file() {
        return Err(PrivateFileError::NotAFile(path));
    }
    let owner = found.uid();
    let is_ours = owner == rustix::process::geteuid().as_raw();
    let is_managers = keeper == Keeper::UsOrManager && owner == 0;
    if !is_ours && !is_managers {
        return Err(PrivateFileError::OtherOwner { path, owner });
    }
    let mode = found.mode() & 0o7777;
    let by_acl = is_managers && found.gid() == 0 && mode & 0o077 == 0o040;
    if mode & 0o077 != 0 && !by_acl {
        return Err(PrivateFileError::Exposed { path, mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn file(dir: &tempfile::TempDir, mode: u32) -> PathBuf {
        let path = dir.path().join(format!("secret-{mode:o}"));
        std::fs::write(&path, b"0123456789").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn private_file_is_read_to_its_longest() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o600);

        assert_eq!(*read(&path, 10, Keeper::Us).unwrap(), b"0123456789");
        let longer = read(&path, 9, Keeper::Us);
        assert!(matches!(longer, Err(PrivateFileError::TooLong { .. })));
    }

    #[test]
    fn private_file_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o604, 0o620, 0o660, 0o602, 0o601] {
            for keeper in [Keeper::Us, Keeper::UsOrManager] {
                let refused = read(&file(&dir, mode), 99, keeper);
                assert!(
                    matches!(refused, Err(PrivateFileError::Exposed { mode: of, .. }) if of == mode),
                    "{mode:o}"
                );
            }
        }
    }

    #[test]
    fn credential_given_by_acl_is_read_and_a_ring_file_of_that_mode_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o440);
        let found = std::fs::metadata(&path).unwrap();
        if (found.uid(), found.gid()) != (0, 0) {
            return println!("skipped: only root can make a file of root's");
        }

        assert!(read(&path, 99, Keeper::UsOrManager).is_ok());
        let refused = read(&path, 99, Keeper::Us);
        assert!(matches!(refused, Err(PrivateFileError::Exposed { .. })));
        chown(&path, None, Some(12345)).unwrap();
        let refused = read(&path, 99, Keeper::UsOrManager);
        assert!(matches!(refused, Err(PrivateFileError::Exposed { .. })));
    }

    #[test]
    fn private_file_of_another_owner_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o600);
        if chown(&path, Some(12345), None).is_err() {
            return println!("skipped: only root can give a file away");
        }

        for keeper in [Keeper::Us, Keeper::UsOrManager] {
            let refused = read(&path, 99, keeper);
            assert!(matches!(
                refused,
                Err(PrivateFileError::OtherOwner { owner: 12345, .. })
            ));
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink(file(&dir, 0o600), &link).unwrap();

        for missing in [link, dir.path().join("none")] {
            let refused = read(&missing, 99, Keeper::Us);
            assert!(matches!(refused, Err(PrivateFileError::Missing(_))));
        }
        let refused = read(dir.path(), 99, Keeper::Us);
        assert!(matches!(refused, Err(PrivateFileError::NotAFile(_))));
    }
}

//! The file that certificates come from, read anew for each request.
//!
//! Which certificates belong to a report changes while guests run: an update of the firmware, or another endorsement
//! key, makes those of before wrong. So a table is read when a guest asks, and the file is locked until the
//! report that goes with it is made; whoever changes the key locks it exclusively meanwhile (Linux 7.0,
//! Documentation/virt/kvm/x86/amd-memory-encryption.rst, KVM_SEV_SNP_ENABLE_REQ_CERTS).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use vmm_kernel_abi::exit::ReqCerts;
use vmm_kvm::{CertificatesAnswer, GuestRam, try_lock_shared, unlock};

use crate::certificates::{Certificates, CertificatesError, MOST_BYTES};

/// A file without a table of certificates.
#[derive(Debug, Error)]
pub enum CertificateFileError {
    /// It cannot be opened, locked or read.
    #[error("it cannot be opened, locked or read")]
    Read(#[from] io::Error),
    /// Somebody changes it.
    #[error("somebody holds it locked to change it; try again")]
    Locked,
    /// It holds something else.
    #[error("it is no certificate table of the GHCB protocol")]
    Table(#[from] CertificatesError),
}

/// An open file with a table. It stays the same file: one that is put in its place by another name is not
/// seen.
#[derive(Debug)]
pub struct CertificateFile {
    file: File,
    /// Guests' requests that wait for their report. The lock is the open file's, so all vCPUs share it.
    waiting: Mutex<u32>,
}

impl CertificateFile {
    /// Opens it and looks whether it holds a table.
    ///
    /// # Errors
    /// It does not.
    pub fn open(path: &Path) -> Result<Self, CertificateFileError> {
        let opened = Self {
            file: File::open(path)?,
            waiting: Mutex::new(0),
        };
        opened.lock(&mut opened.waiting())?;
        let table = opened.read();
        opened.fetched();
        table.map(|_| opened)
    }

    /// Answers a guest's request, as [`Certificates::hand`]. After [`CertificatesAnswer::Done`] the file stays
    /// locked until [`Self::fetched`].
    pub fn hand(&self, request: &ReqCerts, ram: &GuestRam) -> CertificatesAnswer {
        match self.lock(&mut self.waiting()) {
            Ok(()) => {}
            Err(CertificateFileError::Locked) => return CertificatesAnswer::Again,
            Err(_) => return CertificatesAnswer::Failed,
        }
        let answer = match self.read() {
            Ok(certificates) => certificates.hand(request, ram),
            Err(_) => CertificatesAnswer::Failed,
        };
        if answer != CertificatesAnswer::Done {
            self.fetched();
        }
        answer
    }

    /// One report has been made.
    pub fn fetched(&self) {
        let mut waiting = self.waiting();
        *waiting = waiting.saturating_sub(1);
        if *waiting == 0 {
            // Nobody could do anything about it; the lock goes with the process.
            let _ = unlock(&self.file);
        }
    }

    fn lock(&self, waiting: &mut u32) -> Result<(), CertificateFileError> {
        if *waiting == 0 && !try_lock_shared(&self.file)? {
            return Err(CertificateFileError::Locked);
        }
        *waiting += 1;
        Ok(())
    }

    /// One call, so that a filter of system calls can name it whole.
    fn read(&self) -> Result<Certificates, CertificateFileError> {
        let mut bytes = [0; MOST_BYTES + 1];
        let length = self.file.read_at(&mut bytes, 0)?;
        Ok(Certificates::from_table(&bytes[..length])?)
    }

    fn waiting(&self) -> MutexGuard<'_, u32> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use vmm_kvm::RamLayout;

    use super::*;

    const REQUEST: ReqCerts = ReqCerts {
        gpa: 0x3000,
        npages: 1,
    };

    /// One certificate of four such bytes.
    fn table(byte: u8) -> Vec<u8> {
        let entry = [&[7; 16][..], &48_u32.to_le_bytes(), &4_u32.to_le_bytes()];
        [&entry.concat()[..], &[0; 24], &[byte; 4]].concat()
    }

    fn folder() -> (tempfile::TempDir, std::path::PathBuf, GuestRam) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificates");
        std::fs::write(&path, table(1)).unwrap();
        (
            folder,
            path,
            GuestRam::new(RamLayout::from_zero(1 << 20)).unwrap(),
        )
    }

    fn handed(ram: &GuestRam) -> [u8; 4] {
        let mut certificate = [0; 4];
        ram.read(REQUEST.gpa + 48, &mut certificate).unwrap();
        certificate
    }

    #[test]
    fn table_that_was_changed_is_the_next_that_a_guest_gets() {
        let (_folder, path, ram) = folder();
        let file = CertificateFile::open(&path).unwrap();
        for byte in [1, 2] {
            std::fs::write(&path, table(byte)).unwrap();
            assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Done);
            assert_eq!(handed(&ram), [byte; 4]);
            file.fetched();
        }
        std::fs::write(&path, b"half a ta").unwrap();
        assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Failed);
        assert_eq!(*file.waiting(), 0);
    }

    /// Another opening of the same file: its locks are others than those of the first.
    #[test]
    fn file_is_locked_from_the_answer_until_the_report_is_made() {
        let (_folder, path, ram) = folder();
        let file = CertificateFile::open(&path).unwrap();
        let is_free = || {
            let other = File::options().read(true).write(true).open(&path).unwrap();
            vmm_kvm::try_lock_exclusive(&other).unwrap()
        };
        assert!(is_free());
        assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Done);
        assert!(!is_free());
        // A second vCPU's report is still to come.
        assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Done);
        file.fetched();
        assert!(!is_free());
        file.fetched();
        assert!(is_free());
        let too_small = ReqCerts {
            npages: 0,
            ..REQUEST
        };
        let answer = file.hand(&too_small, &ram);
        assert_eq!(answer, CertificatesAnswer::Needs { pages: 1 });
        assert!(is_free());
    }

    #[test]
    fn file_that_somebody_changes_is_asked_for_again() {
        let (_folder, path, ram) = folder();
        let file = CertificateFile::open(&path).unwrap();
        let other = File::options().read(true).write(true).open(&path).unwrap();
        assert!(vmm_kvm::try_lock_exclusive(&other).unwrap());
        assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Again);
        let opened = CertificateFile::open(&path);
        assert!(matches!(opened, Err(CertificateFileError::Locked)));
        drop(other);
        assert_eq!(file.hand(&REQUEST, &ram), CertificatesAnswer::Done);
    }

    #[test]
    fn file_without_end_is_read_no_further_than_a_table_may_reach() {
        let endless = CertificateFile::open(Path::new("/dev/zero")).unwrap_err();
        let bytes = MOST_BYTES + 1;
        assert!(matches!(
            endless,
            CertificateFileError::Table(CertificatesError::TooLong { bytes: found }) if found == bytes
        ));
    }
}

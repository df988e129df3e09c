//! What the tests of the sealed file share.

#![allow(dead_code, reason = "each test program uses a part")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use attestation_keyring::{
    Backend, Credential, Entropy, KeyId, Keyring, KeyringError, NoEntropy, Operation, SystemEntropy,
};
use tempfile::TempDir;

pub struct Place {
    pub dir: TempDir,
}

/// Bytes 0, 1, 2, … without end.
pub struct Counting(AtomicU64);

impl Counting {
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        }
        Ok(())
    }
}

impl Place {
    pub fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().expect("a test can make what it needs"),
        };
        let key: Vec<u8> = (64..96).collect();
        write(&place.credential(), &key, 0o600);
        place
    }

    pub fn ring(&self) -> PathBuf {
        self.dir.path().join("ring")
    }

    pub fn credential(&self) -> PathBuf {
        self.dir.path().join("credential")
    }

    pub fn backend(&self) -> Backend {
        Backend::File(
            Credential::read_key_file(&self.credential()).expect("a test can make what it needs"),
        )
    }

    /// A ring with an active key.
    pub fn made(&self) -> Keyring {
        let keyring = Keyring::create(&self.ring(), self.backend(), Box::new(SystemEntropy))
            .expect("a test can make what it needs");
        step(&keyring, Operation::Generate);
        keyring
    }

    pub fn open(&self) -> Result<Keyring, KeyringError> {
        self.open_at(0)
    }

    pub fn open_at(&self, least: u64) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.ring(), self.backend(), Box::new(SystemEntropy), least)
    }
}

/// Prepares and commits, and says which key it was about.
pub fn step(keyring: &Keyring, operation: Operation) -> KeyId {
    let event = keyring
        .prepare(operation)
        .expect("a test can make what it needs");
    keyring
        .commit(&event)
        .expect("a test can make what it needs");
    event.key
}

pub fn write(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::write(path, bytes).expect("a test can make what it needs");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .expect("a test can make what it needs");
}

//! Secrets at rest: what of the keyring (docs/keys.md) this service uses, and where its keys come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use attestation_access::TenantName;
use attestation_evidence::ResourcePath;
use attestation_keyring::{
    Backend, Credential, CredentialError, KeyEvent, Keyring, KeyringError, Operation,
    RingFileError, Sealed, SystemEntropy, Token, TokenConfig, Unavailable,
};
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, names};
use crate::terms::Terms;

/// How long a token may take for one answer. Whoever waits for it has the store's only turn.
pub const TOKEN_PATIENCE: Duration = Duration::from_secs(5);

/// Where the keys of secrets are, by the configuration.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// In the ring's file, which this file opens.
    KeyFile(PathBuf),
    /// In a PKCS#11 token.
    Token(TokenConfig),
}

/// The keys of secrets cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// The unseal credential.
    #[error("the ring of keys cannot be opened")]
    Credential(#[from] CredentialError),
    /// The token.
    #[error("the token that has the keys of secrets cannot be used")]
    Token(#[from] Unavailable),
}

/// What a ring of keys opens with, and on which machine.
pub struct KeySource {
    backend: Backend,
    machine: String,
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySource").finish_non_exhaustive()
    }
}

impl KeySource {
    /// For a command: the token's process is started when it is needed, and again when it was lost.
    pub fn open(place: &KeyPlace) -> Result<Self, KeySourceError> {
        Ok(Self::of(match place {
            KeyPlace::KeyFile(file) => Backend::File(Credential::read_key_file(file)?),
            KeyPlace::Token(config) => Backend::Token(Box::new(Token::new(config.clone()))),
        }))
    }

    /// For a server, before it gives up the right to start programs: the token's process is started now, and never
    /// again.
    pub fn open_to_serve(place: &KeyPlace) -> Result<Self, KeySourceError> {
        match place {
            KeyPlace::KeyFile(_) => Self::open(place),
            KeyPlace::Token(config) => {
                let token = Token::started(config.clone())?;
                Ok(Self::of(Backend::Token(Box::new(token))))
            }
        }
    }

    fn of(backend: Backend) -> Self {
        let machine = rustix::system::uname();
        let machine = machine.nodename().to_string_lossy();
        Self {
            backend,
            machine: machine.chars().take(64).collect(),
        }
    }

    /// As on another machine, for tests of replicas.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn on(mut self, machine: &str) -> Self {
        machine.clone_into(&mut self.machine);
        self
    }

    /// `what@MACHINE`, as entries of the log name who did something to a key.
    pub(crate) fn who(&self, what: &str) -> String {
        format!("{what}@{}", self.machine)
    }

    /// Makes the ring of a new data directory.
    pub(crate) fn make(self, dir: &DataDir) -> Result<Ring, KeyringError> {
        let path = dir.file(names::KEYRING);
        Keyring::create(&path, self.backend, Box::new(SystemEntropy)).map(Ring)
    }

    /// Opens the ring of a data directory. Whether it is the log's is looked at elsewhere.
    pub(crate) fn open_ring(self, dir: &DataDir) -> Result<Ring, KeyringError> {
        let path = dir.file(names::KEYRING);
        Keyring::open(&path, self.backend, Box::new(SystemEntropy), 0).map(Ring)
    }
}

/// The machine in a name that [`KeySource::who`] made.
pub(crate) fn machine_of(who: &str) -> Option<&str> {
    who.split_once('@').map(|(_, machine)| machine)
}

/// The file that opens the ring where nothing else is said.
pub(crate) fn own_credential(data_dir: &Path) -> PathBuf {
    data_dir.join(names::UNSEAL)
}

/// The ring of keys, and secrets under them.
pub struct Ring(Keyring);

/// A version of a secret, by all that it is bound to.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Whose it is.
    pub tenant: &'a TenantName,
    /// Its name.
    pub resource: &'a ResourcePath,
    /// Which version.
    pub version: u64,
    /// To whom it may go.
    pub terms: &'a Terms,
}

impl Place<'_> {
    /// A secret moved to another tenant's or resource's row, put back from an older version, or bound to other
    /// launches by a hand on the store's file does not open. No name holds a line's end.
    fn associated_data(&self) -> Vec<u8> {
        let Self {
            tenant,
            resource,
            version,
            terms,
        } = self;
        let mut data =
            format!("cloister secret v4\n{tenant}\n{resource}\n{version}\n").into_bytes();
        data.extend(terms.to_bytes());
        data
    }
}

impl Ring {
    /// The keyring itself.
    pub(crate) fn keys(&self) -> &Keyring {
        &self.0
    }

    /// Encrypts a secret for its place.
    pub fn seal(&self, place: Place<'_>, secret: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let data = place.associated_data();
        let sealed = self.up_to_date(|ring| ring.seal(secret, &data))?;
        Ok(sealed.to_bytes())
    }

    /// Decrypts what [`Ring::seal`] made for the same place.
    pub fn unseal(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let failed = || UnsealError::Damaged(place.resource.clone());
        let sealed = Sealed::from_bytes(sealed).map_err(|_| failed())?;
        match self.0.open_sealed(&sealed, &place.associated_data()) {
            Err(KeyringError::DoesNotOpen(_)) => Err(failed()),
            other => Ok(other?),
        }
    }

    /// The same secret under the active key; `None` where it is so already.
    pub fn rewrap(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, UnsealError> {
        let failed = || UnsealError::Damaged(place.resource.clone());
        let sealed = Sealed::from_bytes(sealed).map_err(|_| failed())?;
        if Some(sealed.key()) == self.active() {
            return Ok(None);
        }
        let data = place.associated_data();
        match self.up_to_date(|ring| ring.rewrap(&sealed, &data)) {
            Err(KeyringError::DoesNotOpen(_)) => Err(failed()),
            other => Ok(Some(other?.to_bytes())),
        }
    }

    /// Prepares a step.
    pub fn prepare(&self, operation: Operation) -> Result<KeyEvent, KeyringError> {
        self.up_to_date(|ring| ring.prepare(operation))
    }

    /// Gives up a step that is not in the log.
    pub fn abandon(&self, event: &KeyEvent) -> Result<(), KeyringError> {
        self.up_to_date(|ring| ring.abandon(event))
    }

    /// Takes a step that is in the log.
    pub fn commit(&self, event: &KeyEvent) -> Result<(), KeyringError> {
        self.up_to_date(|ring| ring.commit(event))
    }

    /// Whether a key is or was in the ring.
    pub fn has(&self, key: attestation_keyring::KeyId) -> bool {
        self.0.keys().iter().any(|info| info.key == key)
    }

    /// The key that seals.
    pub fn active(&self) -> Option<attestation_keyring::KeyId> {
        let keys = self.0.keys();
        let active = keys
            .iter()
            .find(|info| info.state == attestation_keyring::KeyState::Active);
        active.map(|info| info.key)
    }

    /// Another process may have written the file since it was read, if only to count what a token encrypts.
    fn up_to_date<T>(
        &self,
        work: impl Fn(&Keyring) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        match work(&self.0) {
            Err(KeyringError::File(RingFileError::Stale { .. })) => {
                self.0.reload()?;
                work(&self.0)
            }
            other => other,
        }
    }
}

/// A sealed secret does not open.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// The store's row is not what was sealed.
    #[error(
        "the stored secret {0} does not open under its key: it was changed in the store; put it again"
    )]
    Damaged(ResourcePath),
    /// Its key cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyringError),
}

/// Under which key a secret of the store is; `None` of one that is destroyed, or damaged.
pub(crate) fn key_of(sealed: &[u8]) -> Option<attestation_keyring::KeyId> {
    Sealed::from_bytes(sealed).ok().map(|sealed| sealed.key())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A ring with one key, in a directory of its own.
    fn ring(dir: &tempfile::TempDir) -> Ring {
        let credential = dir.path().join("unseal");
        std::fs::write(&credential, [7; 32]).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&credential, private).unwrap();
        let backend = Backend::File(Credential::read_key_file(&credential).unwrap());
        let path = dir.path().join("keyring");
        let ring = Ring(Keyring::create(&path, backend, Box::new(SystemEntropy)).unwrap());
        let event = ring.prepare(Operation::Generate).unwrap();
        ring.commit(&event).unwrap();
        ring
    }

    fn terms() -> Terms {
        Terms {
            policy: "strict".to_owned(),
            references: vec!["one".to_owned(), "two".to_owned()],
        }
    }

    #[test]
    fn sealed_secret_opens_at_its_place_only() {
        let dir = tempfile::tempdir().unwrap();
        let ring = ring(&dir);
        let (acme, acm): (TenantName, TenantName) =
            ("acme".parse().unwrap(), "acm".parse().unwrap());
        let disk: ResourcePath = "default/disk/data".parse().unwrap();
        let other: ResourcePath = "default/disk/other".parse().unwrap();
        let terms = terms();
        let place = Place {
            tenant: &acme,
            resource: &disk,
            version: 2,
            terms: &terms,
        };
        let sealed = ring.seal(place, b"the secret").unwrap();

        assert_eq!(*ring.unseal(place, &sealed).unwrap(), b"the secret");
        let mut changed = [terms.clone(), terms.clone(), terms.clone()];
        changed[0].policy = "lax".to_owned();
        changed[1].references.push("three".to_owned());
        changed[2].references[1] = "three".to_owned();
        let elsewhere = [
            Place {
                tenant: &acm,
                ..place
            },
            Place {
                resource: &other,
                ..place
            },
            Place {
                version: 1,
                ..place
            },
        ];
        let bound = changed.iter().map(|terms| Place { terms, ..place });
        for wrong in elsewhere.into_iter().chain(bound) {
            let refused = ring.unseal(wrong, &sealed);
            assert!(matches!(refused, Err(UnsealError::Damaged(_))));
        }
        for length in 0..sealed.len() {
            assert!(ring.unseal(place, &sealed[..length]).is_err());
        }
    }

    #[test]
    fn rewrapped_secret_opens_at_its_place_and_what_is_up_to_date_stays() {
        let dir = tempfile::tempdir().unwrap();
        let ring = ring(&dir);
        let tenant: TenantName = "acme".parse().unwrap();
        let resource: ResourcePath = "default/disk/data".parse().unwrap();
        let terms = terms();
        let place = Place {
            tenant: &tenant,
            resource: &resource,
            version: 2,
            terms: &terms,
        };
        let sealed = ring.seal(place, b"the secret").unwrap();
        assert_eq!(ring.rewrap(place, &sealed).unwrap(), None);
        let event = ring.prepare(Operation::Rotate).unwrap();
        ring.commit(&event).unwrap();

        let rewrapped = ring.rewrap(place, &sealed).unwrap().unwrap();

        assert_eq!(key_of(&rewrapped), ring.active());
        assert_eq!(*ring.unseal(place, &rewrapped).unwrap(), b"the secret");
        assert_eq!(*ring.unseal(place, &sealed).unwrap(), b"the secret");
    }
}

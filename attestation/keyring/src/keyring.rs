//! The keyring: seals, opens, and takes its keys through their lives.

mod backend;
mod life;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use zeroize::Zeroizing;

pub use backend::Backend;
use backend::Unlocked;

use crate::entropy::Entropy;
use crate::envelope::{DataKey, FileKey, Purpose, context};
use crate::ring::{RESERVED_AT_ONCE, Ring};
use crate::ring_file::RingPath;
use crate::sealed::Wrapped;
use crate::{
    KeyEvent, KeyId, KeyInfo, KeyState, KeyringError, LONGEST_SECRET, RingFileError, Sealed, Step,
};

/// The key-encryption keys of a verifier, and what is done with them. Its methods may be called from
/// any number of threads.
pub struct Keyring {
    place: RingPath,
    unlocked: Unlocked,
    entropy: Box<dyn Entropy>,
    held: RwLock<Held>,
    /// Whoever changes the ring holds this from the look to the write.
    turn: Mutex<()>,
}

struct Held {
    ring: Ring,
    /// The wraps that are set aside for a token's key, and not yet done.
    wraps: Option<(KeyId, u64)>,
}

impl Keyring {
    /// Makes a new ring, without keys, in a new file. [`Operation::Generate`](crate::Operation) makes
    /// its first key.
    ///
    /// # Errors
    /// There is a file already, it cannot be written, or the token is not there.
    pub fn create(
        path: &Path,
        backend: Backend,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, KeyringError> {
        let place = RingPath::new(path);
        place.refuse_existing()?;
        let unlocked = Unlocked::new(backend, &*entropy)?;
        let ring = Ring::new(unlocked.home());
        place.create(&unlocked.seal_ring(&ring, &*entropy)?)?;
        Ok(Self::with(place, unlocked, entropy, ring))
    }

    /// Opens the ring in a file, which has to be of generation `least` at least: the newest that the
    /// verifier's log speaks of. An older one is a copy that was put back, with keys in it that were
    /// destroyed since.
    ///
    /// # Errors
    /// The file is missing, exposed, older, or does not open; or the token is not there.
    pub fn open(
        path: &Path,
        backend: Backend,
        entropy: Box<dyn Entropy>,
        least: u64,
    ) -> Result<Self, KeyringError> {
        let place = RingPath::new(path);
        let file = place.read()?;
        let unlocked = Unlocked::of_file(&place, &file, backend)?;
        let ring = unlocked.open_ring(&place, &file)?;
        refuse_older(&place, &ring, least)?;
        Ok(Self::with(place, unlocked, entropy, ring))
    }

    fn with(place: RingPath, unlocked: Unlocked, entropy: Box<dyn Entropy>, ring: Ring) -> Self {
        Self {
            place,
            unlocked,
            entropy,
            held: RwLock::new(Held { ring, wraps: None }),
            turn: Mutex::new(()),
        }
    }

    /// Encrypts `secret` under a fresh data key, and that under the active key. It opens with the same
    /// `associated_data` only.
    ///
    /// # Errors
    /// No key is active, the secret is too long, or the token does not do it.
    pub fn seal(&self, secret: &[u8], associated_data: &[u8]) -> Result<Sealed, KeyringError> {
        if secret.len() > LONGEST_SECRET {
            return Err(KeyringError::TooLong);
        }
        let data_key = DataKey::draw(&*self.entropy)?;
        let (key, wrapped) = self.wrap(&data_key, associated_data)?;
        Ok(Sealed {
            key,
            wrapped,
            content: data_key.encrypt(secret, associated_data),
        })
    }

    /// Decrypts what [`Keyring::seal`] made with the same associated data.
    ///
    /// # Errors
    /// It does not open, its key is destroyed or unknown, or the token does not do it.
    pub fn open_sealed(
        &self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.unwrap(sealed, associated_data)?
            .decrypt(&sealed.content, associated_data)
            .map_err(|_| KeyringError::DoesNotOpen(sealed.key))
    }

    /// The same secret with its data key wrapped under the active key. Its ciphertext stays as it is.
    ///
    /// # Errors
    /// As of [`Keyring::open_sealed`] and [`Keyring::seal`].
    pub fn rewrap(&self, sealed: &Sealed, associated_data: &[u8]) -> Result<Sealed, KeyringError> {
        self.rewrap_from(self, sealed, associated_data)
    }

    /// As [`Keyring::rewrap`], for what another ring sealed: the way from a sealed file to a token, or
    /// from one token to another.
    ///
    /// # Errors
    /// As of [`Keyring::rewrap`].
    pub fn rewrap_from(
        &self,
        other: &Self,
        sealed: &Sealed,
        associated_data: &[u8],
    ) -> Result<Sealed, KeyringError> {
        let data_key = other.unwrap(sealed, associated_data)?;
        let (key, wrapped) = self.wrap(&data_key, associated_data)?;
        Ok(Sealed {
            key,
            wrapped,
            content: sealed.content.clone(),
        })
    }

    /// Every key that the ring has or had, in the order of their versions.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.look(|held| held.ring.infos())
    }

    /// How often the ring's file was written.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.look(|held| held.ring.generation)
    }

    /// The events of keys that are here and not among `known`, which is what the log has of this
    /// replica.
    #[must_use]
    pub fn distributed(&self, known: &[KeyId]) -> Vec<KeyEvent> {
        self.look(|held| arrived(&held.ring, known))
    }

    /// Whether the ring could be opened again now: its file is there, and the token does its work. Nothing is
    /// changed or counted by it.
    ///
    /// # Errors
    /// As of [`Keyring::open`].
    pub fn try_out(&self) -> Result<(), KeyringError> {
        let file = self.place.read()?;
        let ring = self.unlocked.open_ring(&self.place, &file)?;
        Ok(refuse_older(&self.place, &ring, self.generation())?)
    }

    /// Loads the file anew, which another process changed, and says which keys came with it.
    ///
    /// # Errors
    /// As of [`Keyring::open`]; the ring is then as before.
    pub fn reload(&self) -> Result<Vec<KeyEvent>, KeyringError> {
        let _turn = self.turn();
        let file = self.place.read()?;
        let ring = self.unlocked.open_ring(&self.place, &file)?;
        refuse_older(&self.place, &ring, self.generation())?;
        let known: Vec<KeyId> = self.keys().iter().map(|info| info.key).collect();
        let arrived = arrived(&ring, &known);
        self.change(|held| *held = Held { ring, wraps: None });
        Ok(arrived)
    }

    fn wrap(
        &self,
        data_key: &DataKey,
        associated_data: &[u8],
    ) -> Result<(KeyId, Wrapped), KeyringError> {
        let active = self.look(|held| {
            let active = held.ring.active();
            active.map(|entry| (entry.id, entry.key.clone()))
        });
        let (id, key) = active.ok_or(KeyringError::NoActiveKey)?;
        if key.is_none() {
            self.spend_a_wrap(id)?;
        }
        let context = context(Purpose::Secret, id, associated_data);
        let wrapped = self
            .unlocked
            .wrap(id, key.as_ref(), &context, data_key, &*self.entropy)?;
        Ok((id, wrapped))
    }

    fn unwrap(&self, sealed: &Sealed, associated_data: &[u8]) -> Result<DataKey, KeyringError> {
        let key = self.key(sealed.key)?;
        let context = context(Purpose::Secret, sealed.key, associated_data);
        self.unlocked
            .unwrap(sealed.key, key.as_ref(), &sealed.wrapped, &context)
    }

    /// The key itself, unless it is in the token.
    fn key(&self, id: KeyId) -> Result<Option<FileKey>, KeyringError> {
        self.look(|held| match held.ring.entry(id) {
            None => Err(KeyringError::UnknownKey(id)),
            Some(entry) if entry.state == KeyState::Destroyed => Err(KeyringError::Destroyed(id)),
            Some(entry) => Ok(entry.key.clone()),
        })
    }

    /// Counts an encryption under a token's key, ahead of it, so that a crash can only count too many.
    fn spend_a_wrap(&self, key: KeyId) -> Result<(), KeyringError> {
        if self.change(|held| held.take_a_wrap(key)) {
            return Ok(());
        }
        let _turn = self.turn();
        let taken_meanwhile = self.change(|held| held.take_a_wrap(key));
        if !taken_meanwhile {
            let next = self.look(|held| held.ring.reserve(key))?;
            self.write(next)?;
            self.change(|held| held.wraps = Some((key, RESERVED_AT_ONCE - 1)));
        }
        Ok(())
    }

    /// Writes the ring's file, then has the ring: what is used is on the disk.
    fn write(&self, next: Ring) -> Result<(), KeyringError> {
        let file = self.unlocked.seal_ring(&next, &*self.entropy)?;
        self.place.replace(self.generation(), &file)?;
        self.change(|held| held.ring = next);
        Ok(())
    }

    fn look<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        // A ring is exchanged whole, so that it is right even where somebody panicked.
        look(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take_a_wrap(&mut self, key: KeyId) -> bool {
        match &mut self.wraps {
            Some((of, left)) if *of == key && *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

fn refuse_older(place: &RingPath, ring: &Ring, least: u64) -> Result<(), RingFileError> {
    if ring.generation < least {
        return Err(RingFileError::RolledBack {
            path: place.path(),
            found: ring.generation,
            least,
        });
    }
    Ok(())
}

fn arrived(ring: &Ring, known: &[KeyId]) -> Vec<KeyEvent> {
    let infos = ring.infos().into_iter();
    let new = infos.filter(|info| info.state != KeyState::Destroyed && !known.contains(&info.key));
    let event = |info: KeyInfo| KeyEvent {
        generation: ring.generation,
        key: info.key,
        version: info.version,
        home: info.home,
        step: Step::Distribute,
    };
    new.map(event).collect()
}

#[cfg(test)]
mod tests;

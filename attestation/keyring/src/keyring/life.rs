//! The steps of a key's life, in two: prepared, then committed.
//!
//! The log is the only truth, so a step is logged between: [`Keyring::prepare`] writes down what is to
//! happen and gives the event; the caller appends the event to its log; [`Keyring::commit`] does it. Until
//! then nothing has changed: the active key seals, the key to be destroyed opens. Whoever starts and finds
//! [`Keyring::pending`] looks into the log: if the event is there, it commits; if not, it abandons. Both may
//! be done again after a crash.

use super::Keyring;
use crate::entropy;
use crate::envelope::FileKey;
use crate::ring::{Entry, Prepared};
use crate::{Home, KeyEvent, KeyId, KeyState, KeyringError, Operation};

impl Keyring {
    /// Prepares a step, and gives the event to be logged. With [`Operation::Generate`] and
    /// [`Operation::Rotate`] the new key is there afterwards, in the token or in the file, and not used.
    ///
    /// # Errors
    /// The step cannot be taken, the file cannot be written, or the token is not there. Nothing is prepared
    /// then, unless the token failed and the file could not be written either: [`Keyring::pending`] tells.
    pub fn prepare(&self, operation: Operation) -> Result<KeyEvent, KeyringError> {
        let _turn = self.turn();
        let next = self.look(|held| held.ring.prepare(operation, || self.fresh_key()))?;
        let event = next.event().expect("a step was prepared");
        self.write(next)?;
        if let Err(failed) = self.bring_about(&event, false) {
            let before = self.look(|held| held.ring.abandon(&event))?;
            self.write(before)?;
            return Err(failed);
        }
        Ok(event)
    }

    /// The step that is prepared and neither committed nor abandoned.
    #[must_use]
    pub fn pending(&self) -> Option<KeyEvent> {
        self.look(|held| held.ring.event())
    }

    /// Takes the prepared step, whose event is in the log.
    ///
    /// # Errors
    /// The event is not that of the prepared step, the file cannot be written, or the token is not there.
    /// It may be committed again then, and must not be abandoned.
    pub fn commit(&self, event: &KeyEvent) -> Result<(), KeyringError> {
        let _turn = self.turn();
        let next = self.look(|held| held.ring.commit(event))?;
        self.bring_about(event, true)?;
        self.write(next)
    }

    /// Gives up the prepared step, whose event is not in the log. A key that was made for it is destroyed.
    ///
    /// # Errors
    /// As of [`Keyring::commit`].
    pub fn abandon(&self, event: &KeyEvent) -> Result<(), KeyringError> {
        let _turn = self.turn();
        let next = self.look(|held| held.ring.abandon(event))?;
        let new = self.look(|held| match held.ring.prepared(event) {
            Ok(Prepared::New(entry)) => Some(entry.id),
            _ => None,
        });
        if let (Some(token), Some(new)) = (self.unlocked.token(), new) {
            token.destroy(new)?;
        }
        self.write(next)
    }

    /// What the token has to do for a step; all of it may be done twice.
    fn bring_about(&self, event: &KeyEvent, is_commit: bool) -> Result<(), KeyringError> {
        let prepared = self.look(|held| held.ring.prepared(event).cloned())?;
        match (self.unlocked.token(), prepared) {
            (Some(token), Prepared::New(entry)) => token.ensure(entry.id, event.version)?,
            (Some(token), Prepared::Destroy { key, .. }) if is_commit => token.destroy(key)?,
            _ => {}
        }
        Ok(())
    }

    fn fresh_key(&self) -> Result<Entry, KeyringError> {
        let id = KeyId::from_bytes(entropy::public(&*self.entropy)?);
        let key = match self.unlocked.home() {
            Home::File => Some(FileKey::draw(&*self.entropy)?),
            Home::Token => None,
        };
        Ok(Entry {
            id,
            state: KeyState::Active,
            key,
            reserved: 0,
        })
    }
}

//! An issuer with its keys.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use attestation_access::{Identity, Issuer, KeySet, TokenRefusal};

use crate::cache::Cache;
use crate::connection::TrustedRoots;
use crate::discovery::keys_of;
use crate::{Address, InvalidAddress, InvalidPatience, KeysError, OidcRefusal, Patience};

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A JSON Web Key Set in a file, which is read again as an issuer is asked again.
    File(PathBuf),
    /// The issuer itself, by OpenID Connect Discovery 1.0, below its `iss`.
    Discovery(TrustedRoots),
}

/// An issuer with its keys: [`OidcIssuer::prove`] is all that a service needs.
#[derive(Debug)]
pub struct OidcIssuer {
    issuer: Issuer,
    source: Source,
    patience: Patience,
    begun: Instant,
    cache: Mutex<Cache>,
    /// Held by the one who asks: one at a time.
    asking: Mutex<()>,
}

/// How an issuer's keys are, for those who look after the verifier.
#[derive(Debug, Clone)]
pub struct KeysState {
    /// How many keys there are; 0 if there are none, or they are too old.
    pub keys: usize,
    /// How old they are.
    pub age: Option<Duration>,
    /// Which keys of the issuer's are not used, by their place, and why.
    pub passed_over: Vec<(usize, String)>,
    /// Why the last attempt failed, if it did.
    pub failure: Option<Arc<KeysError>>,
}

/// An issuer cannot be set up so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOidcIssuer {
    /// Its times.
    #[error(transparent)]
    Patience(#[from] InvalidPatience),
    /// Its `iss` is no address to ask.
    #[error("the issuer's address cannot be asked")]
    Address(#[from] InvalidAddress),
}

impl OidcIssuer {
    /// Sets it up; nothing is asked yet.
    ///
    /// # Errors
    /// Times that are not meant, or an `iss` that cannot be asked.
    pub fn new(
        issuer: Issuer,
        source: Source,
        patience: Patience,
    ) -> Result<Self, InvalidOidcIssuer> {
        if !patience.is_meant() {
            return Err(InvalidPatience.into());
        }
        if matches!(source, Source::Discovery(_)) {
            address_of(&issuer)?;
        }
        Ok(Self {
            issuer,
            source,
            patience,
            begun: Instant::now(),
            cache: Mutex::default(),
            asking: Mutex::default(),
        })
    }

    /// What it is by.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Proves the bearer of a token at `now`, in seconds since 1970. The issuer is asked first if there are no keys, if
    /// they are old, or if the token names one that they do not have; but no more often than [`Patience::between`].
    ///
    /// # Errors
    /// The token is refused, or there are no keys to judge it by.
    pub fn prove(&self, token: &str, now: u64) -> Result<Identity, OidcRefusal> {
        let keys = self.keys()?;
        match self.issuer.prove(token, &keys, now) {
            Err(TokenRefusal::UnknownKey) => {
                self.ask();
                let keys = self.kept()?;
                Ok(self.issuer.prove(token, &keys, now)?)
            }
            judged => Ok(judged?),
        }
    }

    /// How its keys are.
    pub fn state(&self) -> KeysState {
        let now = self.now();
        let cache = self.cache();
        let keys = cache.keys(&self.patience, now);
        KeysState {
            keys: keys.as_ref().map_or(0, |keys| keys.len()),
            age: cache.age(now),
            passed_over: keys.map_or(Vec::new(), |keys| keys.passed_over().collect()),
            failure: cache.failure(),
        }
    }

    /// Keys, asked for anew if they are old. Who finds old ones while somebody else asks, goes on with those.
    fn keys(&self) -> Result<Arc<KeySet>, OidcRefusal> {
        let (kept, stale) = {
            let now = self.now();
            let cache = self.cache();
            (
                cache.keys(&self.patience, now),
                cache.is_stale(&self.patience, now),
            )
        };
        match kept {
            Some(keys) if !stale => return Ok(keys),
            Some(_) => {
                if let Ok(turn) = self.asking.try_lock() {
                    self.ask_in_turn(&turn);
                }
            }
            None => self.ask(),
        }
        self.kept()
    }

    fn kept(&self) -> Result<Arc<KeySet>, OidcRefusal> {
        let cache = self.cache();
        let keys = cache.keys(&self.patience, self.now());
        keys.ok_or_else(|| OidcRefusal::NoKeys {
            why: cache.failure(),
            again: self.patience.between,
        })
    }

    /// Waits for whoever is asking, and asks if that was not just done.
    fn ask(&self) {
        let turn = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask_in_turn(&turn);
    }

    fn ask_in_turn(&self, _turn: &MutexGuard<'_, ()>) {
        let now = self.now();
        {
            let mut cache = self.cache();
            if !cache.may_try(&self.patience, now) {
                return;
            }
            cache.tries(now);
        }
        let answer = self.fetch();
        self.cache().learns(answer, now);
    }

    fn fetch(&self) -> Result<KeySet, KeysError> {
        match &self.source {
            Source::File(path) => read(path),
            Source::Discovery(roots) => {
                let address = address_of(&self.issuer).map_err(KeysError::IssuerAddress)?;
                let until = Instant::now() + self.patience.fetch;
                keys_of(&self.issuer.settings().issuer, &address, roots, until)
            }
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// OpenID Connect Discovery 1.0, 2: an issuer's address has no query.
fn address_of(issuer: &Issuer) -> Result<Address, InvalidAddress> {
    let address: Address = issuer.settings().issuer.parse()?;
    if address.has_query() {
        return Err(InvalidAddress::Form);
    }
    Ok(address)
}

fn read(path: &Path) -> Result<KeySet, KeysError> {
    let cannot = |source| KeysError::File {
        path: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(cannot)?;
    // One byte more than allowed, so that a file that is too long is seen to be.
    let most = u64::try_from(KeySet::LONGEST).unwrap_or(u64::MAX);
    let mut document = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut document)
        .map_err(cannot)?;
    KeySet::read(&document).map_err(KeysError::Keys)
}

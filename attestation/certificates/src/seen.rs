//! The newest collateral that was seen, so that none older is accepted later.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Certificate, Crl, Number, rfc3339};

mod hexadecimal;

/// The most things that are remembered.
const MAX_ITEMS: usize = 4096;
/// The most bytes of JSON that are read: what [`MAX_ITEMS`] need, generously.
const MAX_JSON: usize = 2 * 1024 * 1024;
const VERSION: u32 = 1;

/// One piece of collateral, and how new it is.
///
/// Observe only what was proven: whoever can have anything else remembered can have everything real refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Observation {
    /// Intel's TCB information for one family of platforms.
    TcbInfo {
        /// For which TEE.
        tee: Tee,
        /// The family-model-stepping-platform-customSKU.
        #[serde(with = "hexadecimal")]
        fmspc: [u8; 6],
        /// `tcbEvaluationDataNumber`.
        evaluation: u32,
        /// `issueDate`, unix seconds.
        issued: u64,
    },
    /// Intel's identity of an enclave that makes or verifies quotes.
    Identity {
        /// Of which enclave.
        identity: QuotingIdentity,
        /// `tcbEvaluationDataNumber`.
        evaluation: u32,
        /// `issueDate`, unix seconds.
        issued: u64,
    },
    /// A revocation list.
    Crl {
        /// SHA-256 of its issuer's `SubjectPublicKeyInfo`.
        #[serde(with = "hexadecimal")]
        issuer: [u8; 32],
        /// The CRL number.
        number: Number,
        /// `thisUpdate`, unix seconds.
        issued: u64,
    },
}

/// Whose list it is, as it is remembered: SHA-256 of the issuer's `SubjectPublicKeyInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrlIssuer([u8; 32]);

impl CrlIssuer {
    /// With this certificate's key.
    pub fn of(issuer: &Certificate) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, issuer.public_key_info());
        let mut key = [0; 32];
        key.copy_from_slice(digest.as_ref());
        Self(key)
    }
}

/// The TEE that Intel's TCB information is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tee {
    /// SGX.
    Sgx,
    /// TDX.
    Tdx,
}

/// The enclave that an identity of Intel's is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotingIdentity {
    /// The quoting enclave of SGX: `QE`.
    Qe,
    /// The quoting enclave of TDX: `TD_QE`.
    TdQe,
    /// The quote verification enclave: `QVE`.
    Qve,
}

/// Collateral is older than what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "older than what was seen before: number {found} of {}, seen was {seen} of {}", rfc3339(*found_issued), rfc3339(*seen_issued)
)]
pub struct Older {
    /// Its number: lower-case hexadecimal digits in text, as with serial numbers.
    pub found: Number,
    /// When it was issued.
    pub found_issued: u64,
    /// The number of the newest seen.
    pub seen: Number,
    /// When that was issued.
    pub seen_issued: u64,
}

/// What is remembered about: one place for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    TcbInfo { tee: Tee, fmspc: [u8; 6] },
    Identity(QuotingIdentity),
    Crl { issuer: [u8; 32] },
}

/// How new something is: the number decides, and the date among equal numbers. Intel issues one number again and
/// again, and a larger one may be issued beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    number: Number,
    issued: u64,
}

impl Observation {
    /// Of a list that was proven to be this issuer's. A list without a number counts as number 0.
    pub fn of_crl(crl: &Crl, issuer: &Certificate) -> Self {
        Self::Crl {
            issuer: CrlIssuer::of(issuer).0,
            number: crl.number().unwrap_or(Number::from(0)),
            issued: crl.this_update(),
        }
    }

    fn key(&self) -> Key {
        match *self {
            Self::TcbInfo { tee, fmspc, .. } => Key::TcbInfo { tee, fmspc },
            Self::Identity { identity, .. } => Key::Identity(identity),
            Self::Crl { issuer, .. } => Key::Crl { issuer },
        }
    }

    fn age(&self) -> Age {
        match *self {
            Self::TcbInfo {
                evaluation, issued, ..
            }
            | Self::Identity {
                evaluation, issued, ..
            } => Age {
                number: Number::from(u64::from(evaluation)),
                issued,
            },
            Self::Crl { number, issued, .. } => Age { number, issued },
        }
    }
}

/// The newest of each piece of collateral that was seen. It never goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<Key, Observation>);

/// A text is not what was seen, or more was seen than can be remembered.
#[derive(Debug, Error)]
pub enum SeenError {
    /// Not JSON, or not of this form.
    #[error("not a record of the collateral that was seen")]
    Json(#[source] serde_json::Error),
    /// Too long.
    #[error("{length} bytes, where at most {limit} can be")]
    TooLarge {
        /// How many bytes there are.
        length: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Another version.
    #[error("version {0}, where this program knows version 1")]
    Version(u32),
    /// The same thing twice.
    #[error("item {0}, the first being 0, is about the same as one before it")]
    Duplicate(usize),
    /// More things than are remembered.
    #[error("more than {MAX_ITEMS} things")]
    Full,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    seen: Vec<Observation>,
}

impl Seen {
    /// Whether this is as new as the newest seen. What was never seen is new.
    ///
    /// # Errors
    /// It is older.
    pub fn check(&self, observation: &Observation) -> Result<(), Older> {
        let Some(newest) = self.0.get(&observation.key()) else {
            return Ok(());
        };
        let (found, seen) = (observation.age(), newest.age());
        if found >= seen {
            return Ok(());
        }
        Err(Older {
            found: found.number,
            found_issued: found.issued,
            seen: seen.number,
            seen_issued: seen.issued,
        })
    }

    /// Whether any list of this issuer was seen: then leaving the list out would forget what it revokes.
    pub fn has_list_of(&self, issuer: CrlIssuer) -> bool {
        self.0.contains_key(&Key::Crl { issuer: issuer.0 })
    }

    /// With these too. Where one is older than what is remembered, that stays.
    ///
    /// # Errors
    /// There would be more than is remembered.
    pub fn with(
        &self,
        observations: impl IntoIterator<Item = Observation>,
    ) -> Result<Self, SeenError> {
        let mut newer = self.clone();
        for observation in observations {
            match newer.0.entry(observation.key()) {
                Entry::Vacant(place) => {
                    place.insert(observation);
                }
                Entry::Occupied(mut place) => {
                    if observation.age() > place.get().age() {
                        place.insert(observation);
                    }
                }
            }
            if newer.0.len() > MAX_ITEMS {
                return Err(SeenError::Full);
            }
        }
        Ok(newer)
    }

    /// What is remembered, always in the same order.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.0.values()
    }

    /// From what [`Seen::to_json`] wrote.
    ///
    /// # Errors
    /// It is not that.
    pub fn from_json(text: &[u8]) -> Result<Self, SeenError> {
        if text.len() > MAX_JSON {
            return Err(SeenError::TooLarge {
                length: text.len(),
                limit: MAX_JSON,
            });
        }
        let file: File = serde_json::from_slice(text).map_err(SeenError::Json)?;
        if file.version != VERSION {
            return Err(SeenError::Version(file.version));
        }
        if file.seen.len() > MAX_ITEMS {
            return Err(SeenError::Full);
        }
        let mut seen = BTreeMap::new();
        for (index, observation) in file.seen.into_iter().enumerate() {
            if seen.insert(observation.key(), observation).is_some() {
                return Err(SeenError::Duplicate(index));
            }
        }
        Ok(Self(seen))
    }

    /// As JSON, one line an item, always the same for the same content.
    pub fn to_json(&self) -> String {
        let lines: Vec<_> = self.observations().map(line).collect();
        let separator = if lines.is_empty() { "" } else { "\n" };
        let list = lines.join(",\n");
        format!("{{\"version\": {VERSION}, \"seen\": [{separator}{list}{separator}]}}\n")
    }
}

fn line(observation: &Observation) -> String {
    serde_json::to_string(observation).expect("it is plain data")
}

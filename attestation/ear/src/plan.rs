//! Which key signs tokens at a time, and which are published: pure functions of a list and of now.
//!
//! Relying parties fetch the keys now and then. So a key is published [`PUBLISHED_BEFORE`] seconds before it signs first, and stays
//! published until the last token that it signed has expired.

use attestation_appraisal::EarPublicKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwk_set::{read, written};
use crate::{CLOCK_SKEW, JwkSet, LONGEST_LIFE};

/// How long before it first signs a key is published, in seconds: as long as relying parties may keep a set.
pub const PUBLISHED_BEFORE: u64 = 24 * 3600;

/// The most keys of a plan.
const MOST: usize = 16;

/// A key, and when it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedKey {
    /// Its public half.
    pub key: EarPublicKey,
    /// The first second in which it signs.
    pub not_before: u64,
    /// The first second in which it signs no more.
    pub retires_at: u64,
}

impl PlannedKey {
    /// From when on no token of its can be good any more.
    fn forgotten_at(&self) -> u64 {
        let life = LONGEST_LIFE + CLOCK_SKEW;
        self.retires_at.saturating_add(life)
    }

    fn signs(&self, now: u64) -> bool {
        (self.not_before..self.retires_at).contains(&now)
    }
}

/// Keys in the order in which they begin to sign; at each moment between the first and the last one signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlan(Vec<PlannedKey>);

/// A list of keys that is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Without a key nothing is signed.
    #[error("a plan has 1 to {MOST} keys")]
    Count,
    /// It would never sign.
    #[error("key {0} of the plan retires before it signs")]
    NeverSigns(usize),
    /// Each key has one time.
    #[error("key {0} of the plan is there twice")]
    Twice(usize),
    /// Between two keys nothing would be signed.
    #[error("before key {0} of the plan there is a time in which none signs")]
    Gap(usize),
    /// Relying parties would see its tokens before they know it.
    #[error("a key has to be in the plan {PUBLISHED_BEFORE} seconds before it signs")]
    TooSoon,
    /// It is no document of a plan.
    #[error("not a plan of keys")]
    Form,
}

impl KeyPlan {
    /// Of keys in any order.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn new(mut keys: Vec<PlannedKey>) -> Result<Self, PlanError> {
        if keys.is_empty() || keys.len() > MOST {
            return Err(PlanError::Count);
        }
        keys.sort_by_key(|key| key.not_before);
        let mut signed_until = keys.first().map_or(0, |first| first.not_before);
        for (index, key) in keys.iter().enumerate() {
            if key.not_before >= key.retires_at {
                return Err(PlanError::NeverSigns(index));
            }
            if keys[..index].iter().any(|other| other.key == key.key) {
                return Err(PlanError::Twice(index));
            }
            if key.not_before > signed_until {
                return Err(PlanError::Gap(index));
            }
            signed_until = signed_until.max(key.retires_at);
        }
        Ok(Self(keys))
    }

    /// With one more key, which relying parties can know before it signs.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn with(&self, key: PlannedKey, now: u64) -> Result<Self, PlanError> {
        if key.not_before < now.saturating_add(PUBLISHED_BEFORE) {
            return Err(PlanError::TooSoon);
        }
        let mut keys = self.0.clone();
        keys.push(key);
        Self::new(keys)
    }

    /// Without a key of this name, at once: one that somebody else may have. Its tokens are good no more.
    ///
    /// # Errors
    /// [`PlanError`]: the others leave a time in which none signs.
    pub fn without(&self, kid: &str) -> Result<Self, PlanError> {
        let others = self.0.iter().filter(|key| key.key.thumbprint() != kid);
        Self::new(others.cloned().collect())
    }

    /// The key that signs now: of several the one that began last.
    #[must_use]
    pub fn signer(&self, now: u64) -> Option<&EarPublicKey> {
        let signs = self.0.iter().rev().find(|key| key.signs(now));
        signs.map(|key| &key.key)
    }

    /// The keys that are to be published now, and under which tokens are believed: those that will sign, sign, or signed what may
    /// still be good.
    #[must_use]
    pub fn published(&self, now: u64) -> JwkSet {
        let known = self.0.iter().filter(|key| now < key.forgotten_at());
        JwkSet::of(known.map(|key| key.key.clone()))
    }

    /// The keys whose private halves are of no use any more: they sign no more.
    pub fn retired(&self, now: u64) -> impl Iterator<Item = &EarPublicKey> {
        let retired = self.0.iter().filter(move |key| key.retires_at <= now);
        retired.map(|key| &key.key)
    }

    /// Every key, in the order in which they begin to sign.
    #[must_use]
    pub fn keys(&self) -> &[PlannedKey] {
        &self.0
    }

    /// The plan as a document, to be kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys = self.0.iter().map(|key| Kept {
            jwk: written(&key.key),
            not_before: key.not_before,
            retires_at: key.retires_at,
        });
        let keys: Vec<Kept> = keys.collect();
        serde_json::to_string(&keys).expect("plain data is always JSON")
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn from_json(json: &[u8]) -> Result<Self, PlanError> {
        let kept: Vec<Kept> = serde_json::from_slice(json).map_err(|_| PlanError::Form)?;
        let key = |kept: &Kept| {
            Some(PlannedKey {
                key: read(&kept.jwk)?,
                not_before: kept.not_before,
                retires_at: kept.retires_at,
            })
        };
        let keys: Option<Vec<_>> = kept.iter().map(key).collect();
        Self::new(keys.ok_or(PlanError::Form)?)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    jwk: Value,
    not_before: u64,
    retires_at: u64,
}

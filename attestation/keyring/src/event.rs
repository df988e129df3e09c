//! What happens in the life of a key-encryption key, for the verifier's log.

use serde::{Deserialize, Serialize};

use crate::KeyId;

/// One step in the life of a key-encryption key. It holds no key material, so that it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEvent {
    /// The generation of the ring in which the step is prepared, or which came here: a ring file with a
    /// smaller one is older than the log.
    pub generation: u64,
    /// The key.
    pub key: KeyId,
    /// Its number among the ring's keys, from 1.
    pub version: u32,
    /// Where it lies.
    pub home: Home,
    /// What happens to it.
    pub step: Step,
}

/// Where key-encryption keys lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Home {
    /// In the sealed file.
    File,
    /// In a PKCS#11 token, which they never leave.
    Token,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// It is made, and becomes the active one: the first, or the first after the last was retired.
    Generate,
    /// It is made and becomes the active one, and the one before is retired.
    Rotate {
        /// The one before.
        replaces: KeyId,
    },
    /// It came to this process, which can open under it from now on.
    Distribute,
    /// It still opens and seals no more.
    Retire,
    /// It is gone for ever.
    Destroy {
        /// How many secrets go with it.
        secrets_lost: u64,
    },
}

/// The life of a key-encryption key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Seals and opens. A ring has at most one such key.
    Active,
    /// Opens, and does not seal.
    Retired,
    /// Neither. Its name stays, so that it is not taken for a key that was never there.
    Destroyed,
}

/// What a ring says of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its name.
    pub key: KeyId,
    /// Its number among the ring's keys, from 1.
    pub version: u32,
    /// Its state.
    pub state: KeyState,
    /// Where it lies, or lay.
    pub home: Home,
}

/// What may be done with a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make the first key, or one after the last was retired.
    Generate,
    /// Make a key that takes over from the active one.
    Rotate,
    /// Have the active key seal no more, with none in its place.
    Retire(KeyId),
    /// Destroy a retired key.
    Destroy {
        /// The key.
        key: KeyId,
        /// How many secrets the store still has under it. To be counted where no secret that was sealed
        /// under it before it was retired can still be on its way into the store.
        still_wrapped: u64,
        /// Whether those are to be lost with it. Without, none may be left.
        with_secrets: bool,
    },
}

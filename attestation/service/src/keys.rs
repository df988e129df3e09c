//! The verifier's own keys, as they are used while it serves. Their files are in [`DataDir`].

use attestation_ledger::SigningKey;
use zeroize::Zeroizing;

use crate::challenge::ChallengeKey;
use crate::data_dir::{DataDir, DataDirError, names};
use crate::keyring::Ring;
use crate::token::TokenKeys;

/// The keys that requests need. The TLS key is [`Server`](crate::Server)'s, the log's is the store's.
pub struct Keys {
    /// Makes nonces.
    pub challenge: ChallengeKey,
    /// Signs attestation tokens.
    pub token: TokenKeys,
    /// Encrypts secrets at rest.
    pub ring: Ring,
}

impl Keys {
    /// Reads the keys of a data directory, beside the ring of keys that secrets are under.
    pub fn load(dir: &DataDir, ring: Ring) -> Result<Self, DataDirError> {
        Ok(Self {
            challenge: ChallengeKey::new(&*load_hex_key(dir, names::CHALLENGE_KEY)?),
            token: TokenKeys::load(dir)?,
            ring,
        })
    }
}

/// The log's signing key.
pub fn load_log_key(dir: &DataDir) -> Result<SigningKey, DataDirError> {
    const WHAT: &str = "log key (C2SP signed note key)";
    let text = dir.read_private_text(names::LOG_KEY, WHAT)?;
    text.trim_end()
        .parse()
        .map_err(|_| dir.malformed(names::LOG_KEY, WHAT))
}

fn load_hex_key(dir: &DataDir, name: &str) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
    const WHAT: &str = "key of 64 hexadecimal digits";
    let text = dir.read_private_text(name, WHAT)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_end(), key.as_mut_slice())
        .map_err(|_| dir.malformed(name, WHAT))?;
    Ok(key)
}

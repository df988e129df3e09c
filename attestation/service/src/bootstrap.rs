//! The first administrators' tokens: made by whoever can read the data directory, and short-lived.

use attestation_access::{BootstrapToken, Grant, Identity, TenantName, TenantRole};
use attestation_evidence::encoding::{FormatVersion, hex_array};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::{self, NoEntropy};

/// The file of the tokens that are good: their digests, never they themselves.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: FormatVersion<1>,
    tokens: Vec<Kept>,
}

/// One of them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    #[serde(with = "hex_array")]
    sha256: [u8; 32],
    /// Seconds since 1970.
    made_at: u64,
    /// The first second at which it is over.
    expires_at: u64,
    grants: Vec<Grant>,
}

/// A token for a while.
pub struct NewToken {
    /// 64 hexadecimal digits.
    pub token: Zeroizing<String>,
    /// The first second at which it is over: seconds since 1970.
    pub expires_at: u64,
}

/// Why there is no new token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The data directory.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// It is to be good for no time, or too long.
    #[error("a bootstrap token lives for 1 to {} days", BootstrapToken::LONGEST / DAY)]
    Days,
}

const DAY: u64 = 86_400;

/// What the first administrator may: run the verifier, and everything within one tenant.
pub fn grants_in(tenant: &TenantName) -> Vec<Grant> {
    let of = |role| Grant::of(tenant.clone(), role);
    std::iter::once(Grant::Operator)
        .chain(TenantRole::ALL.map(of))
        .collect()
}

/// Makes a token that is good for `days` from `now` on, beside those that still are.
///
/// # Errors
/// [`BootstrapError`]; then no token was made.
pub fn add(
    dir: &DataDir,
    grants: Vec<Grant>,
    now: u64,
    days: u64,
) -> Result<NewToken, BootstrapError> {
    let lives = days.saturating_mul(DAY);
    if !(1..=BootstrapToken::LONGEST).contains(&lives) {
        return Err(BootstrapError::Days);
    }
    let bytes = entropy::random_secret::<32>()?;
    let token = Zeroizing::new(hex::encode(bytes.as_slice()));
    let expires_at = now.saturating_add(lives);
    let mut tokens = read(dir)?;
    tokens.retain(|kept| now < kept.expires_at);
    tokens.push(Kept {
        sha256: BootstrapToken::digest(&token),
        made_at: now,
        expires_at,
        grants,
    });
    let file = File {
        version: FormatVersion,
        tokens,
    };
    let text = serde_json::to_vec_pretty(&file).expect("digests, times and names are plain data");
    match dir.file(names::BOOTSTRAP).exists() {
        true => dir.replace_private(names::BOOTSTRAP, &text)?,
        false => dir.write_private(names::BOOTSTRAP, &text)?,
    }
    Ok(NewToken { token, expires_at })
}

/// Whose token `shown` is, at `now`. The file is read each time: a token that was made, or taken out of it, counts at once.
pub fn prove(dir: &DataDir, shown: &str, now: u64) -> Result<Option<Identity>, DataDirError> {
    let tokens = read(dir)?.into_iter();
    let mut tokens = tokens.filter_map(|kept| {
        BootstrapToken::new(kept.sha256, kept.made_at, kept.expires_at, kept.grants).ok()
    });
    Ok(tokens.find_map(|token| token.prove(shown, now).ok()))
}

fn read(dir: &DataDir) -> Result<Vec<Kept>, DataDirError> {
    const WHAT: &str = "list of bootstrap tokens";
    if !dir.file(names::BOOTSTRAP).exists() {
        return Ok(Vec::new());
    }
    let text = dir.read_private(names::BOOTSTRAP)?;
    let file: File =
        serde_json::from_slice(&text).map_err(|_| dir.malformed(names::BOOTSTRAP, WHAT))?;
    Ok(file.tokens)
}

#[cfg(test)]
mod tests {
    use attestation_access::{Action, check};

    use super::*;

    fn directory() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("verifier");
        DataDir::create(&path, |dir| dir.write_private(names::LOG_KEY, b"")).unwrap();
        let dir = DataDir::open(&path).unwrap();
        (parent, dir)
    }

    fn acme() -> TenantName {
        "acme".parse().unwrap()
    }

    #[test]
    fn token_is_good_for_its_days_and_its_tenant() {
        let (_parent, dir) = directory();
        let made = add(&dir, grants_in(&acme()), 1000, 2).unwrap();

        let identity = prove(&dir, &made.token, 1000 + 2 * DAY - 1)
            .unwrap()
            .unwrap();

        assert!(check(&identity, Action::WritePolicy, Some(&acme())).is_ok());
        let other = "beta".parse().unwrap();
        assert!(check(&identity, Action::WritePolicy, Some(&other)).is_err());
        assert!(prove(&dir, &made.token, 1000 + 2 * DAY).unwrap().is_none());
        assert!(prove(&dir, "no token", 1000).unwrap().is_none());
    }

    #[test]
    fn token_is_made_beside_others_and_those_that_are_over_are_forgotten() {
        let (_parent, dir) = directory();
        let first = add(&dir, grants_in(&acme()), 1000, 1).unwrap();
        let second = add(&dir, vec![Grant::Operator], 1000, 7).unwrap();
        assert!(prove(&dir, &first.token, 1001).unwrap().is_some());
        assert!(prove(&dir, &second.token, 1001).unwrap().is_some());

        add(&dir, vec![], 1000 + DAY, 1).unwrap();

        assert_eq!(read(&dir).unwrap().len(), 2);
        for days in [0, 8, u64::MAX] {
            assert!(add(&dir, vec![], 1000, days).is_err(), "{days}");
        }
    }

    #[test]
    fn file_has_no_token() {
        let (_parent, dir) = directory();
        let made = add(&dir, vec![], 1000, 1).unwrap();
        let text = dir.read_private(names::BOOTSTRAP).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(made.token.as_str()));
    }
}

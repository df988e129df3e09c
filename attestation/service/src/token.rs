//! Attestation tokens: EARs (docs/tokens.md) that tell others of a verdict, and this verifier where its log has it.

use attestation_appraisal::{EarKey, VerifierId};
use attestation_ear::{
    EarClaims, Expected, Issue, IssueError, JwkSet, KeyPlan, PlannedKey, TokenError, issue, verify,
};

use crate::data_dir::{DataDir, DataDirError, names};

/// How long a token is good, in seconds: as long as a secret may be released on its verdict.
pub const TOKEN_SECONDS: u64 = attestation_audit::VERDICT_SECONDS;

/// The keys of tokens, and when each signs.
pub struct TokenKeys {
    plan: KeyPlan,
    key: EarKey,
    verifier: VerifierId,
}

impl TokenKeys {
    /// Reads the key of a data directory.
    pub fn load(dir: &DataDir) -> Result<Self, DataDirError> {
        const WHAT: &str = "PEM private key (ECDSA P-256)";
        let malformed = || dir.malformed(names::TOKEN_KEY, WHAT);
        let text = dir.read_private_text(names::TOKEN_KEY, WHAT)?;
        let key = EarKey::from_pkcs8_pem(&text).map_err(|_| malformed())?;
        let only = PlannedKey {
            key: key.public().clone(),
            not_before: 0,
            retires_at: u64::MAX,
        };
        Ok(Self {
            plan: KeyPlan::new(vec![only]).map_err(|_| malformed())?,
            key,
            verifier: VerifierId {
                developer: "cloister".to_owned(),
                build: env!("CARGO_PKG_VERSION").to_owned(),
            },
        })
    }

    /// The token of an accepted verdict.
    pub fn issue(&self, of: &Issue<'_>) -> Result<String, IssueError> {
        issue(of, &self.key).map(|token| token.to_string())
    }

    /// Which software appraises.
    pub fn verifier(&self) -> &VerifierId {
        &self.verifier
    }

    /// What a token of ours says, if it is good now and for this tenant.
    pub fn read(
        &self,
        token: &str,
        now: u64,
        expected: &Expected<'_>,
    ) -> Result<EarClaims, TokenError> {
        verify(token, &self.plan.published(now), now, expected)
    }

    /// The public keys under which tokens are to be believed.
    pub fn published(&self, now: u64) -> JwkSet {
        self.plan.published(now)
    }
}

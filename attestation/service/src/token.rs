//! Attestation tokens: a JWT (RFC 7519, ES256) that tells a third party of a verdict.
//!
//! A token opens nothing here. Secrets are released to the session that was attested, wrapped to
//! the key that the evidence binds; nobody who copies a token gets one.

use attestation_evidence::encoding::base64url_encode;
use attestation_verify::VerdictRecord;
use rcgen::{KeyPair as PemKeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::Serialize;
use serde_json::json;

use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::NoEntropy;

/// How long a token is good, in seconds.
const TOKEN_SECONDS: u64 = 300;
/// An uncompressed point: 0x04, x, y (SEC 1 section 2.3.3).
const COORDINATE: usize = 32;

/// Signs tokens; ECDSA P-256 with SHA-256.
pub struct TokenKey(EcdsaKeyPair);

/// Claims of a token.
#[derive(Serialize)]
struct Claims<'a> {
    iat: u64,
    exp: u64,
    session: &'a str,
    /// Index of the verdict in the transparency log.
    verdict_index: u64,
    tee: &'a str,
    simulated: bool,
    policy: &'a str,
    reference: Option<&'a str>,
    launch_digest: Option<&'a str>,
    /// Thumbprint (RFC 7638) of the guest's key.
    recipient: &'a str,
}

impl TokenKey {
    /// Reads the key of a data directory.
    pub fn load(dir: &DataDir) -> Result<Self, DataDirError> {
        const WHAT: &str = "PEM private key (ECDSA P-256)";
        let text = dir.read_private_text(names::TOKEN_KEY, WHAT)?;
        PemKeyPair::from_pem(&text)
            .ok()
            .filter(|key| key.is_compatible(&PKCS_ECDSA_P256_SHA256))
            .and_then(|key| Self::from_pkcs8(key.serialized_der()))
            .ok_or_else(|| dir.malformed(names::TOKEN_KEY, WHAT))
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new())
            .ok()
            .map(Self)
    }

    /// A token that says what `verdict` says.
    pub fn issue(
        &self,
        verdict: &VerdictRecord,
        session: &str,
        verdict_index: u64,
        now: u64,
    ) -> Result<String, NoEntropy> {
        let claims = Claims {
            iat: now,
            exp: now.saturating_add(TOKEN_SECONDS),
            session,
            verdict_index,
            tee: verdict.tee.as_str(),
            simulated: verdict.simulated,
            policy: &verdict.policy,
            reference: verdict.reference.as_deref(),
            launch_digest: verdict.launch_digest.as_deref(),
            recipient: &verdict.recipient,
        };
        let claims = serde_json::to_vec(&claims).expect("claims are plain data");
        let header = br#"{"alg":"ES256","typ":"JWT"}"#;
        let signed = format!("{}.{}", base64url_encode(header), base64url_encode(&claims));
        let signature = self
            .0
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| NoEntropy)?;
        Ok(format!("{signed}.{}", base64url_encode(signature.as_ref())))
    }

    /// The public key as a JSON Web Key (RFC 7517).
    pub fn public_jwk(&self) -> serde_json::Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(COORDINATE);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "x": base64url_encode(x), "y": base64url_encode(y),
        })
    }
}

//! Attestation tokens: a JWT (RFC 7519, ES256) that tells a third party of a verdict.
//!
//! A token opens nothing here. Secrets are released to the session that was attested, wrapped to
//! the key that the evidence binds; nobody who copies a token gets one.

use attestation_evidence::TeePublicKey;
use attestation_evidence::encoding::base64url_encode;
use attestation_judge::Verdict;
use rcgen::{KeyPair as PemKeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::Serialize;
use serde_json::json;

use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::NoEntropy;
use crate::service::launch_digest;

/// How long a token is good, in seconds.
const TOKEN_SECONDS: u64 = 300;
/// An uncompressed point: 0x04, x, y (SEC 1 section 2.3.3).
const COORDINATE: usize = 32;

/// Signs tokens; ECDSA P-256 with SHA-256.
pub struct TokenKey {
    pair: EcdsaKeyPair,
    /// Thumbprint (RFC 7638) of the public half.
    id: String,
}

/// Claims of a token.
#[derive(Serialize)]
struct Claims<'a> {
    /// The log's name, which is the verifier's.
    iss: &'a str,
    iat: u64,
    exp: u64,
    session: &'a str,
    /// Index of the verdict in the transparency log.
    verdict_index: u64,
    tee: &'a str,
    simulated: bool,
    policy: &'a str,
    reference: Option<&'a str>,
    launch_digest: Option<String>,
    /// Thumbprint (RFC 7638) of the guest's key.
    recipient: Option<String>,
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
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new()).ok()?;
        let (x, y) = coordinates(&pair);
        let id = TeePublicKey::from_coordinates(x.try_into().ok()?, y.try_into().ok()?);
        Some(Self {
            id: id.thumbprint(),
            pair,
        })
    }

    /// A token that says what `verdict` says. It names no audience: the verifier does not know who
    /// will be shown it, and nothing is opened by it.
    pub fn issue(
        &self,
        issuer: &str,
        verdict: &Verdict,
        session: &str,
        verdict_index: u64,
        now: u64,
    ) -> Result<String, NoEntropy> {
        let claims = Claims {
            iss: issuer,
            iat: now,
            exp: now.saturating_add(TOKEN_SECONDS),
            session,
            verdict_index,
            tee: verdict.tee().as_str(),
            simulated: verdict.tee().is_simulated(),
            policy: verdict.policy(),
            reference: verdict.reference(),
            launch_digest: launch_digest(verdict),
            recipient: verdict.recipient().map(TeePublicKey::thumbprint),
        };
        let claims = serde_json::to_vec(&claims).expect("claims are plain data");
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id }).to_string();
        let header = base64url_encode(header.as_bytes());
        let signed = format!("{header}.{}", base64url_encode(&claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| NoEntropy)?;
        Ok(format!("{signed}.{}", base64url_encode(signature.as_ref())))
    }

    /// The public key as a JSON Web Key (RFC 7517).
    pub fn public_jwk(&self) -> serde_json::Value {
        let (x, y) = coordinates(&self.pair);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.id,
            "x": base64url_encode(x), "y": base64url_encode(y),
        })
    }
}

/// The affine coordinates of the public half, big-endian.
fn coordinates(pair: &EcdsaKeyPair) -> (&[u8], &[u8]) {
    let point = pair.public_key().as_ref();
    point.get(1..).unwrap_or_default().split_at(COORDINATE)
}

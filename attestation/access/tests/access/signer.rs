//! An issuer that signs what it is told to, also what no issuer would.

use attestation_access::{Grant, Identity, Issuer, IssuerSettings, KeySet};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

/// 2026-06-01T00:00:00Z.
pub const NOW: u64 = 1_780_272_000;
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "cloister-verifier";

/// A key that protects nothing.
const RSA_KEY: &[u8] = include_bytes!("../../../certificates/tests/forge/rsa-2048.pk8");

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub enum Signer {
    Rs256(RsaKeyPair),
    Ps256(RsaKeyPair),
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    pub fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::from_pkcs8(RSA_KEY).unwrap())
    }

    pub fn ps256() -> Self {
        Self::Ps256(RsaKeyPair::from_pkcs8(RSA_KEY).unwrap())
    }

    pub fn es256() -> Self {
        Self::Es256(ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    pub fn es384() -> Self {
        Self::Es384(ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING))
    }

    pub fn ed_dsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap())
    }

    pub fn all() -> [Self; 5] {
        [
            Self::rs256(),
            Self::ps256(),
            Self::es256(),
            Self::es384(),
            Self::ed_dsa(),
        ]
    }

    pub fn alg(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
            Self::Es256(_) => "ES256",
            Self::Es384(_) => "ES384",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The public half as a JSON Web Key, of the kid "k1".
    pub fn jwk(&self) -> Value {
        let mut jwk = match self {
            Self::Rs256(pair) | Self::Ps256(pair) => {
                let key = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": base64url(key.n), "e": base64url(key.e) })
            }
            Self::Es256(pair) => point("P-256", pair),
            Self::Es384(pair) => point("P-384", pair),
            Self::EdDsa(pair) => {
                let x = base64url(pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        };
        jwk["kid"] = "k1".into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.alg().into();
        jwk
    }

    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |pair: &RsaKeyPair, how| {
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(how, &random, text, &mut signature).unwrap();
            signature
        };
        match self {
            Self::Rs256(pair) => rsa(pair, &RSA_PKCS1_SHA256),
            Self::Ps256(pair) => rsa(pair, &RSA_PSS_SHA256),
            Self::Es256(pair) | Self::Es384(pair) => {
                pair.sign(&random, text).unwrap().as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(text).as_ref().to_vec(),
        }
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.alg(), "kid": "k1", "typ": "JWT" })
    }

    /// A token of any header and claims, as text, truly signed.
    pub fn token_of(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = base64url(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// With these claims, and the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_of(self.header().to_string(), claims.to_string())
    }

    /// Its key alone.
    pub fn keys(&self) -> KeySet {
        key_set(&[self.jwk()]).unwrap()
    }
}

fn ecdsa(how: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(how, key.as_ref(), &random).unwrap()
}

fn point(curve: &str, pair: &EcdsaKeyPair) -> Value {
    let both = &pair.public_key().as_ref()[1..];
    let (x, y) = both.split_at(both.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
}

pub fn key_set(keys: &[Value]) -> Result<KeySet, attestation_access::InvalidKeys> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes())
}

/// Claims of a token that is good now.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW, "exp": NOW + 300,
        "groups": ["alpha-authors"],
    })
}

pub fn settings() -> Value {
    json!({
        "name": "corp", "issuer": ISSUER, "audience": AUDIENCE,
        "rules": [{ "grants": { "claim": ["groups"], "values": {
            "alpha-authors": [{ "tenant": { "name": "alpha", "role": "policy-author" } }],
        }}}],
    })
}

pub fn issuer_of(settings: Value) -> Issuer {
    let settings: IssuerSettings = serde_json::from_value(settings).unwrap();
    Issuer::new(settings).unwrap()
}

pub fn issuer() -> Issuer {
    issuer_of(settings())
}

/// Somebody with these grants, proven by the issuer that is called `authority`.
pub fn person(authority: &str, sub: &str, grants: &[Grant]) -> Identity {
    let mut settings = settings();
    settings["name"] = authority.into();
    settings["rules"][0]["grants"]["values"] = json!({ "all": grants });
    let mut claims = claims();
    claims["sub"] = sub.into();
    claims["groups"] = "all".into();
    let signer = Signer::ed_dsa();
    let token = signer.token(&claims);
    issuer_of(settings)
        .prove(&token, &signer.keys(), NOW)
        .unwrap()
}

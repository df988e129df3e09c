//! Keys that sign.

use super::write::{bits, bytes, constructed, number, oid, tlv};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _, RSA_PSS_SHA384, RsaKeyPair,
};

/// A key of one of the three kinds.
pub enum Key {
    /// P-256, signing with SHA-256.
    P256(EcdsaKeyPair),
    /// P-384, signing with SHA-384.
    P384(EcdsaKeyPair),
    /// RSA, signing as AMD does.
    Rsa(RsaKeyPair),
}

impl Key {
    /// A new one.
    pub fn p256() -> Self {
        Self::P256(ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING))
    }

    /// A new one.
    pub fn p384() -> Self {
        Self::P384(ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING))
    }

    /// Always the same one, of 2048 bits: making one takes long.
    pub fn rsa() -> Self {
        let key = include_bytes!("rsa-2048.pk8");
        Self::Rsa(RsaKeyPair::from_pkcs8(key).expect("openssl made it"))
    }

    /// The public key as in `subjectPublicKey`.
    pub fn public(&self) -> &[u8] {
        match self {
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// `SubjectPublicKeyInfo`.
    pub fn info(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::P256(_) => [
                oid(&[1, 2, 840, 10045, 2, 1]),
                oid(&[1, 2, 840, 10045, 3, 1, 7]),
            ],
            Self::P384(_) => [oid(&[1, 2, 840, 10045, 2, 1]), oid(&[1, 3, 132, 0, 34])],
            Self::Rsa(_) => [oid(&[1, 2, 840, 113_549, 1, 1, 1]), tlv(0x05, &[])],
        };
        constructed(0x30, &[constructed(0x30, &algorithm), bits(self.public())])
    }

    /// `AlgorithmIdentifier` of its signatures.
    pub fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => constructed(0x30, &[oid(&[1, 2, 840, 10045, 4, 3, 2])]),
            Self::P384(_) => constructed(0x30, &[oid(&[1, 2, 840, 10045, 4, 3, 3])]),
            Self::Rsa(_) => Self::pss(&sha384(), &sha384(), &number(48)),
        }
    }

    /// RSASSA-PSS with these parameters.
    pub fn pss(hash: &[u8], mask_hash: &[u8], salt: &[u8]) -> Vec<u8> {
        let mgf1 = oid(&[1, 2, 840, 113_549, 1, 1, 8]);
        let mask = constructed(0x30, &[mgf1, mask_hash.to_vec()]);
        let parameters = [tlv(0xA0, hash), tlv(0xA1, &mask), tlv(0xA2, salt)];
        let pss = oid(&[1, 2, 840, 113_549, 1, 1, 10]);
        constructed(0x30, &[pss, constructed(0x30, &parameters)])
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(pair) | Self::P384(pair) => {
                let signature = pair.sign(&random, message).expect("it signs");
                signature.as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PSS_SHA384, &random, message, &mut signature)
                    .expect("it signs");
                signature
            }
        }
    }
}

/// SHA-384 as PSS parameters name it.
pub fn sha384() -> Vec<u8> {
    bytes("300d06096086480165030402020500")
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("it makes keys");
    EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("it made the key")
}

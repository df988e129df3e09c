//! Attestation keys.

mod public_area;
mod spki;

use crate::{Scheme, Signature};
use attestation_certificates::Certificate;
use measured_boot_event_log::Algorithm;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

/// A public key that signs quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationKey {
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Both without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The uncompressed point.
    P256([u8; 65]),
    P384([u8; 97]),
}

/// 2^16 + 1: the one exponent that TPMs use where no other is asked for (Part 2 §12.2.3.5), and the only one here.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// Bits of the smallest and the largest modulus that signs a quote.
const MODULUS_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

impl AttestationKey {
    /// An RSA key of these two numbers, the most significant byte first.
    ///
    /// # Errors
    /// The modulus has other than 2048 to 4096 bits or is even, or the exponent is not 65537.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let modulus = without_zeros(modulus);
        let bits = bit_length(modulus);
        if !MODULUS_BITS.contains(&bits) {
            return Err(KeyError::ModulusBits(bits));
        }
        if modulus.last().is_none_or(|byte| byte & 1 == 0) {
            return Err(KeyError::EvenModulus);
        }
        if without_zeros(exponent) != EXPONENT {
            return Err(KeyError::Exponent);
        }
        let (modulus, exponent) = (modulus.to_vec(), EXPONENT.to_vec());
        Ok(Self {
            form: Form::Rsa { modulus, exponent },
        })
    }

    /// A key on P-256 or P-384 by its uncompressed point: 0x04, X, Y.
    ///
    /// # Errors
    /// It has another form or length. Whether it is on the curve shows when a signature is verified.
    pub fn point(point: &[u8]) -> Result<Self, KeyError> {
        if point.first() != Some(&4) {
            return Err(KeyError::Point);
        }
        let p256 = || Some(Form::P256(point.try_into().ok()?));
        let p384 = || Some(Form::P384(point.try_into().ok()?));
        let form = p256().or_else(p384).ok_or(KeyError::Point)?;
        Ok(Self { form })
    }

    /// A key in a file: SubjectPublicKeyInfo in PEM or DER, a certificate of it in PEM or DER, or a TPM2B_PUBLIC or
    /// TPMT_PUBLIC of a restricted signing key. Of a certificate only the key is taken: who names it trusts the key.
    ///
    /// # Errors
    /// It is none of these, or the key cannot be an attestation key.
    pub fn read(file: &[u8]) -> Result<Self, KeyError> {
        if file.starts_with(b"-----BEGIN PUBLIC") {
            return spki::read_pem(file);
        }
        if let Ok(certificate) = Certificate::read(file) {
            return spki::read(certificate.public_key_info());
        }
        match file.first() {
            // A SEQUENCE. No TPM2B_PUBLIC has 0x30?? bytes, and no TPMT_PUBLIC is of such a type.
            Some(0x30) => spki::read(file),
            _ => public_area::read(file),
        }
    }

    /// From a SubjectPublicKeyInfo in DER (RFC 5280 §4.1).
    ///
    /// # Errors
    /// It is not one of a key that can sign quotes, encoded the one way.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        spki::read(der)
    }

    /// As a SubjectPublicKeyInfo in DER.
    pub fn to_spki(&self) -> Vec<u8> {
        spki::write(&self.form)
    }

    /// `rsa` or `ecdsa`.
    pub const fn kind(&self) -> &'static str {
        match self.form {
            Form::Rsa { .. } => "rsa",
            Form::P256(_) | Form::P384(_) => "ecdsa",
        }
    }

    /// Bits of the modulus, or of the curve's field.
    pub fn bits(&self) -> u32 {
        match &self.form {
            Form::Rsa { modulus, .. } => bit_length(modulus),
            Form::P256(_) => 256,
            Form::P384(_) => 384,
        }
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.to_spki());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Whether this signature over the message is this key's, by a scheme that it can use.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let Some(algorithm) = self.algorithm(signature) else {
            return false;
        };
        match &self.form {
            Form::Rsa { modulus, exponent } => {
                let key = ring::rsa::PublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                let Algorithms::Rsa(parameters) = algorithm else {
                    return false;
                };
                key.verify(parameters, message, &signature.value).is_ok()
            }
            Form::P256(point) => verifies_point(point, algorithm, message, &signature.value),
            Form::P384(point) => verifies_point(point, algorithm, message, &signature.value),
        }
    }

    fn algorithm(&self, signature: &Signature) -> Option<Algorithms> {
        use Scheme::{Ecdsa, RsaPss, RsaSsa};
        const SHA256: Algorithm = Algorithm::SHA256;
        const SHA384: Algorithm = Algorithm::SHA384;
        const SHA512: Algorithm = Algorithm::SHA512;
        let kind = (&self.form, signature.scheme, signature.hash);
        Some(match kind {
            (Form::Rsa { .. }, RsaSsa, SHA256) => Algorithms::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            (Form::Rsa { .. }, RsaSsa, SHA384) => Algorithms::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            (Form::Rsa { .. }, RsaSsa, SHA512) => Algorithms::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            (Form::Rsa { .. }, RsaPss, SHA256) => Algorithms::Rsa(&RSA_PSS_2048_8192_SHA256),
            (Form::Rsa { .. }, RsaPss, SHA384) => Algorithms::Rsa(&RSA_PSS_2048_8192_SHA384),
            (Form::Rsa { .. }, RsaPss, SHA512) => Algorithms::Rsa(&RSA_PSS_2048_8192_SHA512),
            (Form::P256(_), Ecdsa, SHA256) => Algorithms::Curve(&ECDSA_P256_SHA256_ASN1),
            (Form::P256(_), Ecdsa, SHA384) => Algorithms::Curve(&ECDSA_P256_SHA384_ASN1),
            (Form::P384(_), Ecdsa, SHA256) => Algorithms::Curve(&ECDSA_P384_SHA256_ASN1),
            (Form::P384(_), Ecdsa, SHA384) => Algorithms::Curve(&ECDSA_P384_SHA384_ASN1),
            _ => return None,
        })
    }
}

enum Algorithms {
    Rsa(&'static ring::signature::RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

fn verifies_point(point: &[u8], algorithm: Algorithms, message: &[u8], signature: &[u8]) -> bool {
    let Algorithms::Curve(algorithm) = algorithm else {
        return false;
    };
    let key = UnparsedPublicKey::new(algorithm, point);
    key.verify(message, signature).is_ok()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Of a number without leading zeros.
fn bit_length(number: &[u8]) -> u32 {
    let first = number.first().map_or(0, |byte| byte.leading_zeros());
    let bits = u32::try_from(number.len()).unwrap_or(u32::MAX / 8);
    bits.saturating_mul(8).saturating_sub(first)
}

/// Bytes are no key that signs quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another form.
    #[error(
        "not a public key: SubjectPublicKeyInfo in PEM or DER, a certificate, TPM2B_PUBLIC or TPMT_PUBLIC"
    )]
    Form,
    /// Encoded another way than the one.
    #[error("the key is not encoded the one way that DER has")]
    Encoding,
    /// Another kind of key.
    #[error("a key of another kind: RSA, P-256 and P-384 are known")]
    Kind,
    /// Too small or too large.
    #[error("an RSA modulus of {0} bits; 2048 to 4096 can be")]
    ModulusBits(u32),
    /// No product of two primes.
    #[error("an RSA modulus that is even")]
    EvenModulus,
    /// Another exponent.
    #[error("an RSA exponent other than 65537")]
    Exponent,
    /// Not an uncompressed point.
    #[error("not an uncompressed point of P-256 or P-384")]
    Point,
    /// Attributes that let somebody else hold it, or sign what looks like a quote.
    #[error(
        "object attributes {0:#010x}: an attestation key is fixed to its TPM, made there, restricted and signs only"
    )]
    Attributes(u32),
}

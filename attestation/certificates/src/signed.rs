//! What certificates and lists have in common: something signed, how, and the signature (RFC 5280, 4.1.1, 5.1.1).

use std::ops::Range;

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PSS_2048_8192_SHA384, UnparsedPublicKey, VerificationAlgorithm,
};
use thiserror::Error;

use crate::der::{Der, DerError, SEQUENCE, Value};
use crate::{Certificate, PublicKey, SignatureAlgorithm, p384};

/// Why a certificate or a list is not from this issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IssueProblem {
    /// The issuer's subject is another name.
    #[error("it names another issuer")]
    Name,
    /// RFC 5280, 4.1.1.2: the algorithm is written twice, and both have to be the same bytes.
    #[error("the algorithm in its signed part is not the one beside its signature")]
    AlgorithmsDiffer,
    /// Not among [`SignatureAlgorithm`], or with other parameters.
    #[error("its signature algorithm, or the parameters of it, are none that are accepted")]
    Algorithm,
    /// The issuer's key is of another kind than the signature, or of a kind that is not accepted.
    #[error("the issuer's key is not of the kind that the signature needs")]
    Key,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
}

/// The three parts, the first of them yet to be read.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) content: Value<'a>,
    algorithm: Value<'a>,
    signature: Value<'a>,
}

impl<'a> Frame<'a> {
    /// All of the bytes.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, DerError> {
        let mut file = Der::new(bytes);
        let mut parts = file.inside(SEQUENCE)?;
        file.end()?;
        let content = parts.value(SEQUENCE)?;
        let algorithm = parts.value(SEQUENCE)?;
        let signature = parts.bytes_of_bits()?;
        parts.end()?;
        Ok(Self {
            content,
            algorithm,
            signature,
        })
    }

    /// With the algorithm that the signed part says.
    pub(crate) fn signed(&self, inner_algorithm: Value<'_>) -> Result<Signed, DerError> {
        Ok(Signed {
            content: self.content.raw_range(),
            algorithm: SignatureAlgorithm::of(self.algorithm)?,
            algorithms_agree: self.algorithm.raw == inner_algorithm.raw,
            signature: self.signature.content_range(),
        })
    }
}

/// Where in the file the parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    content: Range<usize>,
    algorithm: SignatureAlgorithm,
    algorithms_agree: bool,
    signature: Range<usize>,
}

impl Signed {
    pub(crate) const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Whether the issuer's key signed what is in this file.
    pub(crate) fn verify(&self, file: &[u8], issuer: &Certificate) -> Result<(), IssueProblem> {
        if !self.algorithms_agree {
            return Err(IssueProblem::AlgorithmsDiffer);
        }
        let content = &file[self.content.clone()];
        let signature = &file[self.signature.clone()];
        let by_ring = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key)
                .verify(content, signature)
                .map_err(|_| IssueProblem::Signature)
        };
        match (self.algorithm, issuer.public_key()) {
            (SignatureAlgorithm::Unsupported, _) => Err(IssueProblem::Algorithm),
            (SignatureAlgorithm::RsaPssSha384, PublicKey::Rsa(key)) => {
                by_ring(&RSA_PSS_2048_8192_SHA384, key.der())
            }
            (SignatureAlgorithm::EcdsaSha256, PublicKey::P256(point)) => {
                by_ring(&ECDSA_P256_SHA256_ASN1, point)
            }
            (SignatureAlgorithm::EcdsaSha384, PublicKey::P384(point)) => {
                p384::verify_der(point, content, signature).map_err(|_| IssueProblem::Signature)
            }
            _ => Err(IssueProblem::Key),
        }
    }
}

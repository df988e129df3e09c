//! Whom the chains have to lead to.

use attestation_certificates::{Certificate, FormatError};

/// Intel SGX Root CA, the root of every genuine PCK certificate, from
/// `https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer`; SHA-256
/// `44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3`, valid until the end of 2049.
const INTEL_SGX_ROOT_CA: &[u8] = include_bytes!("intel_sgx_root_ca.der");

/// The one root that a chain may end in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRoot {
    pub(crate) certificate: Certificate,
    named: bool,
}

impl TrustedRoot {
    /// Intel's, which is built in.
    pub fn intel() -> Self {
        let certificate = Certificate::from_der(INTEL_SGX_ROOT_CA);
        Self {
            certificate: certificate.expect("a test reads the built-in certificate"),
            named: false,
        }
    }

    /// Another one, which somebody named: evidence made for tests has its own.
    ///
    /// # Errors
    /// The bytes are not exactly one certificate, PEM or DER.
    pub fn named(bytes: &[u8]) -> Result<Self, FormatError> {
        let certificate = Certificate::read(bytes)?;
        let named = certificate.der() != INTEL_SGX_ROOT_CA;
        Ok(Self { certificate, named })
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether it is another one than Intel's.
    pub const fn is_named(&self) -> bool {
        self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intels_root_is_built_in_and_signed_itself() {
        let root = TrustedRoot::intel().certificate;
        assert_eq!(root.subject_common_name(), Some("Intel SGX Root CA"));
        assert_eq!(root.verify_issued_by(&root), Ok(()));
    }
}

//! Reads the simulated root that the operator names.

use std::io;
use std::path::{Path, PathBuf};

use attestation_judge::SimulatedTrust;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;

/// Why the simulated root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The file cannot be read.
    #[error("cannot read the simulated root {path} (--simulated-root)")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not one certificate.
    #[error(
        "{path} (--simulated-root) is not one PEM certificate: give the ark.pem that \
         `cloister-simulated-tee init` made"
    )]
    NotACertificate {
        /// The file.
        path: PathBuf,
    },
}

/// Trust in simulated evidence under the root in the PEM file `path`.
pub fn simulated_trust(path: &Path) -> Result<SimulatedTrust, RootError> {
    let pem = std::fs::read(path).map_err(|source| RootError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut certificates = CertificateDer::pem_slice_iter(&pem);
    match (certificates.next(), certificates.next()) {
        (Some(Ok(root)), None) if ParsedCertificate::try_from(&root).is_ok() => {
            Ok(SimulatedTrust::Allowed { ark: root.to_vec() })
        }
        _ => Err(RootError::NotACertificate {
            path: path.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust_in(pem: &str) -> Result<SimulatedTrust, RootError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        simulated_trust(file.path())
    }

    fn certificate() -> rcgen::Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default()
            .self_signed(&key)
            .unwrap()
    }

    #[test]
    fn root_of_one_certificate_is_its_der() {
        let root = certificate();
        let trust = trust_in(&root.pem()).unwrap();
        assert_eq!(
            trust,
            SimulatedTrust::Allowed {
                ark: root.der().to_vec()
            }
        );
    }

    #[test]
    fn root_of_none_two_or_damaged_certificates_is_refused() {
        let pem = certificate().pem();
        for text in [
            "",
            "no certificate",
            &format!("{pem}{pem}"),
            &pem.replace("MII", "AAA"),
        ] {
            let refused = trust_in(text);
            assert!(
                matches!(refused, Err(RootError::NotACertificate { .. })),
                "{text}"
            );
        }
    }
}

//! The chain VCEK <- ASK <- ARK, and its dates.

use attestation_certificates::p384;
use attestation_evidence::SimulatedEvidence;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AlgorithmIdentifier, X509Version};

use super::{CertificateName, CertificateProblem, SimulatedRejection as Rejection};

/// What the common name of every simulated certificate begins with.
const SIMULATED_PREFIX: &str = "simulated";

const ECDSA_WITH_SHA384: Oid = oid!(1.2.840.10045.4.3.3);
const EC_PUBLIC_KEY: Oid = oid!(1.2.840.10045.2.1);
const SECP384R1: Oid = oid!(1.3.132.0.34);

/// What an uncompressed point begins with: 0x04, x, y (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The signing key's chain ends in the root that the verifier was given.
pub(super) fn verify_chain(evidence: &SimulatedEvidence, root: &[u8]) -> Result<String, Rejection> {
    let [vcek, ask, ark] = read_chain(evidence)?;
    for link in [&vcek, &ask, &ark] {
        link.profile().map_err(|problem| link.rejected(problem))?;
    }
    for (link, issuer) in [(&vcek, &ask), (&ask, &ark), (&ark, &ark)] {
        link.issued_by(issuer)
            .map_err(|problem| link.rejected(problem))?;
    }
    if ark.der != root {
        return Err(Rejection::RootNotTrusted);
    }
    Ok("the VCEK's chain leads to the simulated root that this verifier was given".to_owned())
}

/// The certificates, where every one of them can be read.
pub(super) fn readable(evidence: &SimulatedEvidence) -> Option<[Link<'_>; 3]> {
    read_chain(evidence).ok()
}

/// Every certificate is in its time at `now`.
pub(super) fn verify_dates(chain: &[Link; 3], now: u64) -> Result<String, Rejection> {
    for link in chain {
        let validity = link.parsed.validity();
        let certificate = link.name;
        let not_before = validity.not_before.timestamp();
        if i128::from(now) < i128::from(not_before) {
            return Err(Rejection::CertificateNotYetValid {
                certificate,
                not_before,
                now,
            });
        }
        let not_after = validity.not_after.timestamp();
        if i128::from(now) > i128::from(not_after) {
            return Err(Rejection::CertificateExpired {
                certificate,
                not_after,
                now,
            });
        }
    }
    Ok(format!(
        "every certificate of the chain is valid at {now} (unix seconds)"
    ))
}

/// The public key of a certificate that holds a P-384 key, as an uncompressed point.
pub(super) fn public_point(der: &[u8]) -> Result<Vec<u8>, CertificateProblem> {
    point(&parse(der)?)
}

/// One certificate in its place.
pub(super) struct Link<'a> {
    name: CertificateName,
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

fn read_chain(evidence: &SimulatedEvidence) -> Result<[Link<'_>; 3], Rejection> {
    let chain = &evidence.cert_chain;
    Ok([
        Link::read(CertificateName::Vcek, &chain.vcek)?,
        Link::read(CertificateName::Ask, &chain.ask)?,
        Link::read(CertificateName::Ark, &chain.ark)?,
    ])
}

impl<'a> Link<'a> {
    fn read(name: CertificateName, der: &'a [u8]) -> Result<Self, Rejection> {
        let rejected = |problem| Rejection::Certificate {
            certificate: name,
            problem,
        };
        Ok(Self {
            name,
            der,
            parsed: parse(der).map_err(rejected)?,
        })
    }

    fn rejected(&self, problem: CertificateProblem) -> Rejection {
        Rejection::Certificate {
            certificate: self.name,
            problem,
        }
    }

    /// What the certificate says of itself fits its place.
    fn profile(&self) -> Result<(), CertificateProblem> {
        self.simulated_subject()?;
        self.algorithms()?;
        self.extensions()?;
        self.authority()
    }

    /// Hardware's certificates have other names: neither can be taken for the other.
    fn simulated_subject(&self) -> Result<(), CertificateProblem> {
        let names: Vec<_> = self.parsed.subject().iter_common_name().collect();
        match names[..] {
            [name]
                if name
                    .as_str()
                    .is_ok_and(|name| name.starts_with(SIMULATED_PREFIX)) =>
            {
                Ok(())
            }
            _ => Err(CertificateProblem::NotSimulated),
        }
    }

    fn algorithms(&self) -> Result<(), CertificateProblem> {
        let expected = |algorithm: &AlgorithmIdentifier| {
            algorithm.algorithm == ECDSA_WITH_SHA384 && algorithm.parameters.is_none()
        };
        // RFC 5280, 4.1.1.2: the algorithm inside the signed part is the one outside.
        if !expected(&self.parsed.signature_algorithm)
            || !expected(&self.parsed.tbs_certificate.signature)
        {
            return Err(CertificateProblem::SignatureAlgorithm);
        }
        point(&self.parsed).map(|_| ())
    }

    /// RFC 5280, 4.2: a critical extension that is not processed refuses the certificate.
    fn extensions(&self) -> Result<(), CertificateProblem> {
        let processed = |extension: &ParsedExtension| {
            matches!(
                extension,
                ParsedExtension::BasicConstraints(_) | ParsedExtension::KeyUsage(_)
            )
        };
        let unique = self.parsed.extensions_map().is_ok();
        let understood = self
            .parsed
            .extensions()
            .iter()
            .all(|extension| !extension.critical || processed(extension.parsed_extension()));
        if unique && understood {
            Ok(())
        } else {
            Err(CertificateProblem::Extension)
        }
    }

    /// RFC 5280, 4.2.1.3 and 4.2.1.9: who may sign certificates, and who may not.
    fn authority(&self) -> Result<(), CertificateProblem> {
        let constraints = self.parsed.basic_constraints().ok().flatten();
        let is_authority = constraints.as_ref().is_some_and(|found| found.value.ca);
        let path_length = constraints
            .as_ref()
            .and_then(|found| found.value.path_len_constraint);
        let signs_certificates = match self.parsed.key_usage() {
            Ok(usage) => usage.is_none_or(|usage| usage.value.key_cert_sign()),
            Err(_) => false,
        };
        let authorities_below = match self.name {
            CertificateName::Vcek if is_authority => return Err(CertificateProblem::Authority),
            CertificateName::Vcek => return Ok(()),
            CertificateName::Ask => 0,
            CertificateName::Ark => 1,
        };
        let long_enough = path_length.is_none_or(|length| length >= authorities_below);
        if is_authority && signs_certificates && long_enough {
            Ok(())
        } else {
            Err(CertificateProblem::NotAuthority)
        }
    }

    fn issued_by(&self, issuer: &Link) -> Result<(), CertificateProblem> {
        if self.parsed.issuer().as_raw() != issuer.parsed.subject().as_raw() {
            return Err(CertificateProblem::Issuer);
        }
        let signed = self.parsed.tbs_certificate.as_ref();
        let signature = &self.parsed.signature_value;
        if signature.unused_bits != 0 {
            return Err(CertificateProblem::Signature);
        }
        p384::verify_der(&point(&issuer.parsed)?, signed, &signature.data)
            .map_err(|_| CertificateProblem::Signature)
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateProblem> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) if parsed.version() == X509Version::V3 => Ok(parsed),
        _ => Err(CertificateProblem::Unreadable),
    }
}

fn point(certificate: &X509Certificate) -> Result<Vec<u8>, CertificateProblem> {
    let key = certificate.public_key();
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|curve| curve.as_oid().ok());
    let on_p384 = key.algorithm.algorithm == EC_PUBLIC_KEY && curve == Some(SECP384R1);
    let point = &key.subject_public_key;
    let uncompressed =
        point.data.len() == p384::POINT_LENGTH && point.data.first() == Some(&UNCOMPRESSED);
    if on_p384 && uncompressed && point.unused_bits == 0 {
        Ok(point.data.to_vec())
    } else {
        Err(CertificateProblem::KeyKind)
    }
}

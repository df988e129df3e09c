//! Chains of certificates and revocation lists, by their bytes alone: dates are kept and judged later.

use crate::{Piece, TdxRejection, TrustedRoot};
use attestation_certificates::{Certificate, Crl, CrlProblem, prove_chain};

/// A piece and the time within which it is valid, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    pub(crate) piece: Piece,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Dated {
    pub(crate) fn certificate(piece: Piece, certificate: &Certificate) -> Self {
        let validity = certificate.validity();
        Self {
            piece,
            from: validity.not_before,
            until: validity.not_after,
        }
    }

    /// At the second of nextUpdate another list has to be there.
    fn list(piece: Piece, list: &Crl) -> Self {
        Self {
            piece,
            from: list.this_update(),
            until: list.next_update().unwrap_or(0).saturating_sub(1),
        }
    }

    pub(crate) fn problem(&self, now: u64) -> Option<TdxRejection> {
        let Self { piece, from, until } = *self;
        if now < from {
            Some(TdxRejection::NotYetValid { piece, from })
        } else if now > until {
            Some(TdxRejection::Expired { piece, until })
        } else {
            None
        }
    }
}

/// What bytes proved, and why they did not prove more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proof {
    pub(crate) reasons: Vec<TdxRejection>,
    pub(crate) dated: Vec<Dated>,
}

impl Proof {
    pub(crate) fn refuse(&mut self, reason: TdxRejection) {
        self.reasons.push(reason);
    }

    /// Reads a chain of exactly `N` certificates, the leaf first and the root last, as Intel's service writes them.
    pub(crate) fn read_chain<const N: usize>(
        &mut self,
        chain: Piece,
        pem: &[u8],
    ) -> Option<[Certificate; N]> {
        // Nothing of a format error's text is repeated but its own words: it has offsets and no bytes.
        let problem = match Certificate::bundle(pem).map(<[Certificate; N]>::try_from) {
            Ok(Ok(certificates)) if !is_root_first(&certificates) => return Some(certificates),
            Ok(Ok(_)) => "the root comes first, where the leaf belongs",
            Ok(Err(_)) => "another number of certificates than belongs there",
            Err(_) => "not PEM or DER certificates one after another, and nothing else",
        };
        self.refuse(TdxRejection::Unreadable { chain, problem });
        None
    }

    /// Whether a chain leads to the root, whatever its dates.
    pub(crate) fn lead_to_root(
        &mut self,
        chain: Piece,
        certificates: &[Certificate],
        root: &TrustedRoot,
    ) {
        let path: Vec<_> = certificates.iter().collect();
        let Err(problems) = prove_chain(&path, &[&root.certificate], 0) else {
            return;
        };
        for problem in problems.iter().filter(|problem| !problem.is_about_dates()) {
            self.refuse(match problem {
                attestation_certificates::ChainProblem::Root => {
                    TdxRejection::RootNotTrusted { chain }
                }
                other => TdxRejection::Chain {
                    chain,
                    problem: other.to_string(),
                },
            });
        }
    }

    pub(crate) fn name(&mut self, piece: Piece, certificate: &Certificate, names: &[&str]) {
        let name = certificate.subject_common_name();
        if !name.is_some_and(|name| names.contains(&name)) {
            self.refuse(TdxRejection::CertificateName { certificate: piece });
        }
    }

    pub(crate) fn date(&mut self, piece: Piece, certificate: &Certificate) {
        self.dated.push(Dated::certificate(piece, certificate));
    }

    /// Reads a list and proves that `issuer` made it.
    pub(crate) fn read_list(
        &mut self,
        list: Piece,
        der: &[u8],
        issuer: &Certificate,
    ) -> Option<Crl> {
        let Ok(crl) = Crl::from_der(der) else {
            self.refuse(TdxRejection::RevocationList {
                list,
                problem: "not a revocation list in DER".to_owned(),
            });
            return None;
        };
        self.dated.push(Dated::list(list, &crl));
        let problems = crl.prove(issuer, 0).err().unwrap_or_default();
        for problem in problems.iter().filter(|problem| !problem.is_about_dates()) {
            self.refuse(match problem {
                CrlProblem::Issue(_) => TdxRejection::CollateralSignature { piece: list },
                other => TdxRejection::RevocationList {
                    list,
                    problem: other.to_string(),
                },
            });
        }
        Some(crl)
    }

    /// Whether a certificate is among those that its issuer's list may revoke, and is not revoked.
    pub(crate) fn not_revoked(
        &mut self,
        piece: Piece,
        certificate: &Certificate,
        list: (Piece, Option<&Crl>),
    ) {
        let (name, Some(crl)) = list else {
            // The list's own reason is there already.
            return;
        };
        if !crl.covers(certificate) {
            self.refuse(TdxRejection::RevocationList {
                list: name,
                problem: format!("of another issuer than that of {piece}"),
            });
        } else if crl.lists(certificate.serial()) {
            self.refuse(TdxRejection::Revoked { certificate: piece });
        }
    }
}

/// In this order dcap-qvl reads no chain.
fn is_root_first(certificates: &[Certificate]) -> bool {
    certificates
        .first()
        .is_some_and(|one| one.issuer() == one.subject())
}

//! Whether certificates lead from a leaf to a root that somebody trusts (RFC 5280, 6.1).

use thiserror::Error;

use crate::{Certificate, IssueProblem, Validity, rfc3339};

/// The most certificates in one chain.
pub const MAX_CHAIN: usize = 8;

/// One thing that is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChainProblem {
    /// There is no certificate.
    #[error("there is no certificate")]
    Empty,
    /// There are more than [`MAX_CHAIN`].
    #[error("{0} certificates, where at most 8 can be")]
    TooLong(usize),
    /// The last one is not, byte for byte, one of those that are trusted.
    #[error("it ends in a root that is not trusted")]
    Root,
    /// Something is wrong with one certificate.
    #[error("certificate {place}, the leaf being 0: {problem}")]
    Certificate {
        /// Which one, the leaf being 0.
        place: usize,
        /// What is wrong.
        problem: CertificateProblem,
    },
}

/// One thing that is wrong with a certificate in its place in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateProblem {
    /// The next one did not issue it.
    #[error(transparent)]
    Issue(IssueProblem),
    /// Its first second is later.
    #[error("it is valid from {} on", rfc3339(*not_before))]
    NotYetValid {
        /// Its first second.
        not_before: u64,
    },
    /// Its last second is over.
    #[error("it expired at {}", rfc3339(*not_after))]
    Expired {
        /// Its last second.
        not_after: u64,
    },
    /// A critical extension that nothing here looks at.
    #[error("it has a critical extension that is not known here")]
    CriticalExtension,
    /// It is used as an authority and does not say that it is one.
    #[error("it is not an authority, and another certificate names it as its issuer")]
    NotAuthority,
    /// It is an authority that may sign something, but not certificates.
    #[error("it may not sign certificates")]
    MayNotSign,
    /// More authorities are below it than it allows.
    #[error("more authorities are below it than it allows")]
    PathLength,
    /// It is used as a leaf and says that it is an authority.
    #[error("it is an authority where a leaf belongs")]
    LeafIsAuthority,
}

impl ChainProblem {
    /// Whether it is one of dates alone: at another time the same chain may be right.
    pub const fn is_about_dates(&self) -> bool {
        matches!(
            self,
            Self::Certificate {
                problem: CertificateProblem::NotYetValid { .. }
                    | CertificateProblem::Expired { .. },
                ..
            }
        )
    }
}

/// Proves that `chain`, the leaf first and the root last, is valid at `now` (unix seconds) and ends in one of
/// `anchors`, byte for byte. The root's own signature is not looked at: that it is trusted is why it is an anchor.
///
/// Returns the time within which every certificate is valid: at any second of it the answer is the same.
///
/// # Errors
/// Everything that is wrong, in order of the chain.
pub fn prove_chain(
    chain: &[&Certificate],
    anchors: &[&Certificate],
    now: u64,
) -> Result<Validity, Vec<ChainProblem>> {
    let Some(root) = chain.last() else {
        return Err(vec![ChainProblem::Empty]);
    };
    if chain.len() > MAX_CHAIN {
        return Err(vec![ChainProblem::TooLong(chain.len())]);
    }
    let mut problems = Vec::new();
    for (place, certificate) in chain.iter().enumerate() {
        let link = Link {
            place,
            certificate,
            issuer: chain.get(place + 1).copied(),
        };
        let found = link.problems(now);
        problems.extend(found.map(|problem| ChainProblem::Certificate { place, problem }));
    }
    if !anchors.iter().any(|anchor| anchor.der() == root.der()) {
        problems.push(ChainProblem::Root);
    }
    if problems.is_empty() {
        let validities = chain.iter().map(|certificate| certificate.validity());
        Ok(validities.fold(root.validity(), Validity::and))
    } else {
        Err(problems)
    }
}

/// A certificate in its place.
struct Link<'a> {
    place: usize,
    certificate: &'a Certificate,
    /// The next one; the root has none.
    issuer: Option<&'a Certificate>,
}

impl Link<'_> {
    fn problems(&self, now: u64) -> impl Iterator<Item = CertificateProblem> {
        let issued = self.issuer.and_then(|issuer| {
            let answer = self.certificate.verify_issued_by(issuer);
            answer.err().map(CertificateProblem::Issue)
        });
        let unknown = self.certificate.has_unknown_critical_extension();
        let critical = unknown.then_some(CertificateProblem::CriticalExtension);
        let place = match self.place.checked_sub(1) {
            None => [self.leaf_problem(), None, None],
            Some(below) => self.authority_problems(below),
        };
        let of_dates = self.date_problem(now);
        [issued, of_dates, critical]
            .into_iter()
            .chain(place)
            .flatten()
    }

    fn date_problem(&self, now: u64) -> Option<CertificateProblem> {
        let Validity {
            not_before,
            not_after,
        } = self.certificate.validity();
        if now < not_before {
            Some(CertificateProblem::NotYetValid { not_before })
        } else if now > not_after {
            Some(CertificateProblem::Expired { not_after })
        } else {
            None
        }
    }

    fn leaf_problem(&self) -> Option<CertificateProblem> {
        let constraints = self.certificate.basic_constraints();
        let authority = constraints.is_some_and(|constraints| constraints.authority);
        authority.then_some(CertificateProblem::LeafIsAuthority)
    }

    /// `below` authorities are between it and the leaf.
    fn authority_problems(&self, below: usize) -> [Option<CertificateProblem>; 3] {
        let constraints = self.certificate.basic_constraints();
        let authority = constraints.is_some_and(|constraints| constraints.authority);
        let allowed = constraints.and_then(|constraints| constraints.path_length);
        // A length that does not fit is longer than any chain.
        let allowed = allowed.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let usage = self.certificate.key_usage();
        let signs = usage.is_none_or(|usage| usage.certificate_signing());
        [
            (!authority).then_some(CertificateProblem::NotAuthority),
            (!signs).then_some(CertificateProblem::MayNotSign),
            allowed
                .is_some_and(|allowed| allowed < below)
                .then_some(CertificateProblem::PathLength),
        ]
    }
}

//! Who asks, and whether they may.

use attestation_access::{AcceptedByTls, Deed, Denial, Identity, Permit, decide};
use serde::Serialize;

use crate::bootstrap;
use crate::problem::Problem;
use crate::service::Service;

/// What came with a request that may prove somebody.
#[derive(Debug, Default)]
pub struct Credentials {
    /// The bearer token.
    pub bearer: Option<String>,
    /// The client's own certificate that TLS accepted: DER.
    pub certificate: Option<Vec<u8>>,
}

impl Service {
    /// Who shows these credentials. Whoever shows one that is refused is nobody, whatever else they show. May ask an issuer
    /// for its keys, and so block.
    pub fn identify(&self, shown: &Credentials) -> Result<Identity, Problem> {
        match (&shown.bearer, &shown.certificate) {
            (Some(token), _) => self.bearer(token),
            (None, Some(certificate)) => {
                let rules = self.settings().authorities.certificates.iter();
                let mut refused = None;
                for rules in rules {
                    match rules.prove(AcceptedByTls::end_entity(certificate)) {
                        Ok(identity) => return Ok(identity),
                        Err(refusal) => refused = Some(refusal),
                    }
                }
                Ok(refused.map_or_else(Identity::nobody, |refusal| self.nobody(&refusal)))
            }
            (None, None) => Ok(Identity::nobody()),
        }
    }

    fn bearer(&self, token: &str) -> Result<Identity, Problem> {
        let now = self.clock().now();
        let mut issuers = self.settings().authorities.issuers.iter();
        if let Some(issuer) = issuers.find(|issuer| issuer.issuer().is_named_by(token)) {
            let proven = issuer.prove(token, now);
            return Ok(proven.unwrap_or_else(|refusal| self.nobody(&refusal)));
        }
        let proven = self.note(bootstrap::prove(self.data_dir(), token, now))?;
        Ok(proven.unwrap_or_else(Identity::nobody))
    }

    /// A reason is for the operator; the client hears that it is nobody.
    fn nobody(&self, refusal: &dyn std::error::Error) -> Identity {
        #[derive(Serialize)]
        struct Line {
            why: String,
        }
        let why = refusal.to_string();
        self.journal().info("credential-refused", &Line { why });
        Identity::nobody()
    }

    /// Whether `who` may do this there.
    pub fn permit<D: Deed>(&self, who: &Identity, place: &D::Place) -> Result<Permit<D>, Problem> {
        decide::<D>(who, place).map_err(|denial| self.denied(who, &denial))
    }

    /// What is answered to a denial, whose reason is for the operator's log.
    pub(crate) fn denied(&self, who: &Identity, denial: &Denial) -> Problem {
        #[derive(Serialize)]
        struct Line {
            why: String,
        }
        let why = denial.reason().to_string();
        self.journal().info("denied", &Line { why });
        match who.subject() {
            Some(_) => Problem::NotPermitted,
            None => Problem::NotProven,
        }
    }
}

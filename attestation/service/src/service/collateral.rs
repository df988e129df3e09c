//! What vendors say of the evidence's hardware: out of what is kept, or from the vendor.

use std::time::Duration;

use attestation_certificates::Seen;
use attestation_collateral::{Brought, CollateralError, SnpCollateral, SnpQuestion, TdxQuestion};
use attestation_evidence::Tee;
use attestation_judge::{Collateral, NeededCollateral};
use attestation_metrics::{CollateralOutcome, Vendor as Counted};
use attestation_snp::AttestationReport;
use serde::Serialize;

use super::Service;
use crate::problem::Problem;

/// How long a vendor is waited for: less than a request may take.
const WITHIN: Duration = Duration::from_secs(20);

/// What a judgement is given, and what is to be confirmed once the evidence turned out to be genuine.
#[derive(Default)]
pub(super) struct Found {
    pub collateral: Collateral,
    pub seen: Option<Seen>,
    confirm: Option<Box<(SnpQuestion, SnpCollateral)>>,
}

impl Service {
    /// What this evidence is to be judged with. Where it is the evidence's own fault that there is nothing, the
    /// judgement says so; where a vendor cannot be asked, there is no judgement.
    pub(super) fn collateral_for(&self, tee: Tee, evidence: &str) -> Result<Found, Problem> {
        match NeededCollateral::of(tee, evidence) {
            NeededCollateral::Nothing => Ok(Found::default()),
            NeededCollateral::Snp { report, vek, chain } => {
                let Some(report) = AttestationReport::from_untrusted(&*report) else {
                    return Ok(Found::default());
                };
                let brought = vek.map(|vek| Brought { vek, chain });
                self.snp(SnpQuestion::of_report(report, brought))
            }
            NeededCollateral::Tdx { quote } => self.tdx(&quote),
        }
    }

    fn snp(&self, question: SnpQuestion) -> Result<Found, Problem> {
        let found = match self.collateral.snp(&question, WITHIN) {
            Ok(found) => found,
            Err(error) => return self.without(Counted::Amd, &error),
        };
        self.metrics
            .collateral(Counted::Amd, CollateralOutcome::Fetched);
        Ok(Found {
            collateral: Collateral {
                vek: Some(found.vek.clone()),
                chain: found.chain.clone(),
                crls: found.crls.clone(),
                tdx: None,
            },
            seen: Some(self.collateral.seen()),
            confirm: Some(Box::new((question, found))),
        })
    }

    fn tdx(&self, quote: &[u8]) -> Result<Found, Problem> {
        let asked = TdxQuestion::of_quote(quote);
        match asked.and_then(|question| self.collateral.tdx(&question, WITHIN)) {
            Ok(found) => {
                self.metrics
                    .collateral(Counted::Intel, CollateralOutcome::Fetched);
                Ok(Found {
                    collateral: Collateral {
                        tdx: Some(found.to_json().into_bytes()),
                        ..Collateral::default()
                    },
                    seen: Some(self.collateral.seen()),
                    confirm: None,
                })
            }
            Err(error) => self.without(Counted::Intel, &error),
        }
    }

    fn without(&self, vendor: Counted, error: &CollateralError) -> Result<Found, Problem> {
        #[derive(Serialize)]
        struct Line {
            why: String,
        }
        let why = super::chain(error);
        self.journal
            .info("no-collateral", &Line { why: why.clone() });
        match is_of_the_evidence(error) {
            true => {
                self.metrics.collateral(vendor, CollateralOutcome::Refused);
                Ok(Found::default())
            }
            false => {
                self.metrics
                    .collateral(vendor, CollateralOutcome::Unreachable);
                Err(Problem::NoCollateral(why))
            }
        }
    }

    /// The certificate verified a report: it is kept longer than those that somebody made up.
    pub(super) fn confirm(&self, found: &Found) {
        if let Some(confirmed) = &found.confirm {
            let (question, found) = &**confirmed;
            self.collateral.confirm(question, found);
        }
    }

    /// Takes up what was put into the directory, and asks for newer ones of what is due. For a thread that has the time.
    pub fn refresh_collateral(&self) {
        #[derive(Serialize)]
        struct Line {
            what: String,
            why: String,
        }
        match self.collateral.refresh(WITHIN) {
            Ok(refreshed) => {
                // Whoever is asked nothing brings nothing newer: the operator knows.
                let asks = !self.settings.collateral.offline;
                for one in refreshed.into_iter().filter(|_| asks) {
                    if let Some(why) = one.stays {
                        let what = one.subject.describe();
                        self.journal
                            .info("collateral-not-refreshed", &Line { what, why });
                    }
                }
            }
            Err(error) => {
                let what = "the directory of collateral".to_owned();
                let why = super::chain(&error);
                self.journal
                    .error("collateral-not-refreshed", &Line { what, why });
            }
        }
    }
}

/// Whether asking again, or somebody else, would change nothing.
fn is_of_the_evidence(error: &CollateralError) -> bool {
    matches!(
        error,
        CollateralError::Missing { .. }
            | CollateralError::Vlek
            | CollateralError::MaskedChip
            | CollateralError::ChipId { .. }
            | CollateralError::NoPck
    )
}

//! The checks, each a function of the case.

use crate::SnpInput;
use crate::judge::report_of;
use crate::vek::Vek;
use attestation_verdict::Finding;
use measured_boot_snp_abi::{AttestationReport, Product};
use std::ops::Deref;

pub mod certificates;
pub mod chip;
pub mod format;
pub mod identity;
pub mod launch;
pub mod platform;
pub mod policy;
pub mod signature;
pub mod tcb;

type Found = Finding<crate::SnpRejection>;

/// The input, with its bytes read as a report.
pub struct Case<'a> {
    input: &'a SnpInput<'a>,
    /// The report, every value of which is still a claim.
    pub report: &'a AttestationReport,
}

impl<'a> Deref for Case<'a> {
    type Target = SnpInput<'a>;

    fn deref(&self) -> &SnpInput<'a> {
        self.input
    }
}

impl<'a> Case<'a> {
    pub fn of(input: &'a SnpInput<'a>) -> Self {
        Self {
            input,
            report: report_of(input.report),
        }
    }

    /// The given VEK, whoever vouches for it.
    fn vek(&self) -> Option<&'a Vek> {
        self.input.proof.vek()
    }

    /// The product by which fields are read: the chain's; where nobody vouches for it, the one that the report claims,
    /// so that the other checks have something to say beside the refusal.
    pub fn layout(&self) -> Product {
        layout(self.report, self.input.proof)
    }
}

/// See [`Case::layout`].
pub fn layout(report: &AttestationReport, proof: &crate::Proof) -> Product {
    let claimed = Product::of_cpu(report.cpuid_family, report.cpuid_model);
    let proven = proof.proven().map(|proven| proven.product);
    proven.or(claimed).unwrap_or(Product::Milan)
}

/// What a check of nothing says, for the reason that `chain` gives.
fn no_vek() -> Found {
    Finding::NotMade("there is no VEK certificate".to_owned())
}

/// The same where the chain is not proven.
fn no_chain() -> Found {
    Finding::NotMade("the chain is not proven".to_owned())
}

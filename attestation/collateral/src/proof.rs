//! Whether an answer is what was asked for, genuine, and in its dates: before that nothing is kept.

use std::sync::Arc;

use attestation_certificates::{Observation, Validity};
use attestation_snp::Anchors;
use attestation_tdx::TrustedRoot;

use crate::error::Unproven;
use crate::{Document, Subject};

pub(crate) mod amd;
pub(crate) mod intel;

/// The roots that are trusted.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    pub amd: Anchors,
    pub intel: TrustedRoot,
}

/// What is kept already that an answer is looked at with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// The list of the root that the answer's chain ends in.
    pub root_list: Option<Arc<Proven>>,
    /// Of AMD's: the certificates above a VCEK, where AMD issues by others than those that are built in.
    pub chain: Option<Arc<Proven>>,
}

/// An answer that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The answer.
    pub document: Document,
    /// From its first second to its last, with its signer's certificates: outside of it, it is not handed out.
    pub validity: Validity,
    /// How new it is; certificates have no such number.
    pub observation: Option<Observation>,
}

impl Roots {
    /// Proves a document at this time.
    pub(crate) fn prove(
        &self,
        document: Document,
        beside: &Beside,
        now: u64,
    ) -> Result<Proven, Unproven> {
        let (validity, observation) = match &document.subject {
            Subject::Vcek(vcek) => (
                amd::prove_vcek(&self.amd, vcek, &document.body, beside)?,
                None,
            ),
            Subject::AmdChain(product, kind) => (
                amd::prove_chain(&self.amd, (*product, *kind), &document.body, beside)?,
                None,
            ),
            Subject::AmdList(product) => {
                let (validity, seen) = amd::prove_list(&self.amd, *product, &document.body)?;
                (validity, Some(seen))
            }
            _ => {
                let (validity, seen) = intel::prove(&self.intel, &document, beside)?;
                (validity, Some(seen))
            }
        };
        in_dates(validity, now)?;
        Ok(Proven {
            document,
            validity,
            observation,
        })
    }
}

fn in_dates(validity: Validity, now: u64) -> Result<(), Unproven> {
    if now < validity.not_before {
        return Err(Unproven::NotYetValid(validity.not_before));
    }
    if now > validity.not_after {
        return Err(Unproven::Expired(validity.not_after));
    }
    Ok(())
}

impl Proven {
    /// The list's bytes, or the certificate's.
    pub(crate) fn body(&self) -> &[u8] {
        &self.document.body
    }
}

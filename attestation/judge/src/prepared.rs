//! What vendors say, proven as far as it can be without a time.

use attestation_evidence::Tee;
use attestation_shapes::{SnpEvidence, TpmEvidence};
use attestation_snp::{Anchors, Endorsement, Proof};
use attestation_tdx::{Collateral as TdxCollateral, ProvenCollateral, TrustedRoot};

use crate::evidence::Evidence;
use crate::{Case, CaseRejection as Reason};

/// The vendor's word on the evidence's signing key.
pub(crate) enum Prepared {
    /// Nobody is asked.
    Nothing,
    Snp(Box<Proof>),
    Tdx(Box<ProvenCollateral>),
}

/// Certificates that the evidence brings.
struct Brought<'a> {
    vek: Option<&'a [u8]>,
    chain: &'a [Vec<u8>],
}

impl Prepared {
    pub fn of(case: &Case, evidence: &Evidence) -> Result<Self, Reason> {
        match evidence {
            Evidence::Simulated(_) | Evidence::Sample(_) => Ok(Self::Nothing),
            Evidence::Snp(SnpEvidence { vek, chain, .. }) => snp(
                case,
                &Brought {
                    vek: vek.as_deref(),
                    chain,
                },
            ),
            Evidence::SnpTpm(tpm, _) => {
                let TpmEvidence { vek, chain, .. } = &tpm.evidence;
                snp(
                    case,
                    &Brought {
                        vek: vek.as_deref(),
                        chain,
                    },
                )
            }
            Evidence::Tdx(found) => tdx(case, &found.quote),
            Evidence::TdxTpm(_, quote) => tdx(case, quote),
        }
    }

    pub fn description(&self) -> &'static str {
        match self {
            Self::Nothing => "none is needed",
            Self::Snp(_) => "the certificates can be read",
            Self::Tdx(_) => "Intel's documents of the platform can be read",
        }
    }
}

/// Whether another root than the vendor's is trusted for evidence of this TEE, or nobody at all vouches for hardware.
pub(crate) fn is_named_root(case: &Case) -> bool {
    match case.tee {
        Tee::Sample | Tee::Simulated => true,
        Tee::Snp | Tee::AzSnpVtpm => case.trust.amd.named().is_some(),
        Tee::Tdx | Tee::AzTdxVtpm => case.trust.intel.named().is_some(),
    }
}

fn snp(case: &Case, brought: &Brought<'_>) -> Result<Prepared, Reason> {
    let anchors = match case.trust.amd.named() {
        None => Anchors::builtin(),
        Some(root) => Anchors::explicit(root).map_err(root_unreadable)?,
    };
    let collateral = &case.collateral;
    let chain = match collateral.chain.as_slice() {
        [] => brought.chain,
        given => given,
    };
    let endorsement = Endorsement::read(
        collateral.vek.as_deref().or(brought.vek),
        &slices(chain),
        &slices(&collateral.crls),
        &anchors,
    );
    let endorsement = endorsement.map_err(unreadable)?;
    Ok(Prepared::Snp(Box::new(endorsement.prove())))
}

fn tdx(case: &Case, quote: &[u8]) -> Result<Prepared, Reason> {
    let root = match case.trust.intel.named() {
        None => TrustedRoot::intel(),
        Some(root) => TrustedRoot::named(root).map_err(root_unreadable)?,
    };
    let document = case.collateral.tdx.as_deref();
    let document = document.ok_or(Reason::CollateralMissing)?;
    let collateral = TdxCollateral::read(document).map_err(unreadable)?;
    let proven = ProvenCollateral::prove(collateral, &root).with_chain_of(quote);
    Ok(Prepared::Tdx(Box::new(proven)))
}

fn slices(files: &[Vec<u8>]) -> Vec<&[u8]> {
    files.iter().map(Vec::as_slice).collect()
}

fn unreadable(error: impl std::fmt::Display) -> Reason {
    Reason::CollateralUnreadable {
        problem: error.to_string(),
    }
}

fn root_unreadable(error: impl std::fmt::Display) -> Reason {
    Reason::RootUnreadable {
        problem: error.to_string(),
    }
}

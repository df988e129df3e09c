//! What is asked of every case, whatever the TEE: before its own checks, and after them.

use attestation_appraisal::Tee as Judged;
use attestation_evidence::Tee;
use attestation_shapes::Shape;
use attestation_verdict::{Check, Rejection};

use crate::InitDataRejection;

/// A question about the session and what came along, asked before the TEE's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseCheck {
    /// Does this verifier take evidence of the claimed TEE at all?
    TeeAllowed,
    /// Is the nonce this session's own, unused and in time?
    Nonce,
    /// Is there additional evidence that nobody here would check?
    AdditionalEvidence,
    /// Is the init data that came along what the evidence binds?
    InitData,
    /// Is it evidence of the claimed TEE?
    Evidence,
    /// Is the collateral there that its judgement needs, and can it be read?
    Collateral,
}

impl Check for CaseCheck {
    const ALL: &'static [Self] = &[
        Self::TeeAllowed,
        Self::Nonce,
        Self::AdditionalEvidence,
        Self::InitData,
        Self::Evidence,
        Self::Collateral,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::TeeAllowed => "tee_allowed",
            Self::Nonce => "nonce",
            Self::AdditionalEvidence => "additional_evidence",
            Self::InitData => "init_data",
            Self::Evidence => "evidence",
            Self::Collateral => "collateral",
        }
    }

    fn may_be_left_out(self) -> bool {
        // Where a relying party asks there is no session; what has to be bound, it has said.
        self == Self::Nonce
    }
}

/// Why a case is refused before its evidence is looked at. The text repeats nothing that a host could write freely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseRejection {
    /// Simulated evidence, and the verifier was started without `--allow-simulated`.
    #[error(
        "the evidence is simulated and this verifier was not started with --allow-simulated: it protects nothing"
    )]
    SimulatedNotAllowed,
    /// A sample, and the verifier was started without `--allow-simulated`.
    #[error(
        "the evidence is a sample, which anybody can write, and this verifier was not started with --allow-simulated"
    )]
    SampleNotAllowed,
    /// No such session.
    #[error("the session is unknown: this verifier issued no nonce for it")]
    SessionUnknown,
    /// An earlier attempt used the nonce up.
    #[error("the session's nonce was already used: evidence is accepted once, this is a replay")]
    NonceBurned,
    /// Too late.
    #[error("the session's nonce expired at {expired_at} and it is {now} (unix seconds)")]
    NonceExpired {
        /// The first second at which it was too late.
        expired_at: u64,
        /// The time of judgement.
        now: u64,
    },
    /// The runtime data's nonce is not the session's.
    #[error("the nonce in the runtime data is not this session's: it belongs to another session")]
    NonceOfAnotherSession,
    /// There is additional evidence.
    #[error("additional evidence was sent and nothing in this build would check it")]
    AdditionalEvidenceUnsupported,
    /// Init data that is not what the evidence binds.
    #[error(transparent)]
    InitData(#[from] InitDataRejection),
    /// No form of the claimed TEE's evidence.
    #[error("the evidence cannot be read: {problem}")]
    EvidenceUnreadable {
        /// Where and what, without quoting the evidence.
        problem: String,
    },
    /// Evidence of something else than what was claimed.
    #[error("the evidence is {shape}, and `{tee}` was claimed")]
    EvidenceOfOtherTee {
        /// What it is.
        shape: Shape,
        /// What was claimed.
        tee: Tee,
    },
    /// No collateral.
    #[error(
        "there is no collateral for this evidence: Intel's documents of the platform are needed"
    )]
    CollateralMissing,
    /// Collateral that cannot be read.
    #[error("the collateral cannot be read: {problem}")]
    CollateralUnreadable {
        /// What.
        problem: String,
    },
    /// The root that was named in a vendor's place cannot be read.
    #[error("the root that was named in the vendor's place cannot be read: {problem}")]
    RootUnreadable {
        /// Why.
        problem: String,
    },
}

impl Rejection for CaseRejection {
    type Check = CaseCheck;

    fn check(&self) -> CaseCheck {
        match self {
            Self::SimulatedNotAllowed | Self::SampleNotAllowed => CaseCheck::TeeAllowed,
            Self::SessionUnknown
            | Self::NonceBurned
            | Self::NonceExpired { .. }
            | Self::NonceOfAnotherSession => CaseCheck::Nonce,
            Self::AdditionalEvidenceUnsupported => CaseCheck::AdditionalEvidence,
            Self::InitData(_) => CaseCheck::InitData,
            Self::EvidenceUnreadable { .. } | Self::EvidenceOfOtherTee { .. } => {
                CaseCheck::Evidence
            }
            Self::CollateralMissing
            | Self::CollateralUnreadable { .. }
            | Self::RootUnreadable { .. } => CaseCheck::Collateral,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::SimulatedNotAllowed => "simulated_not_allowed",
            Self::SampleNotAllowed => "sample_not_allowed",
            Self::SessionUnknown => "session_unknown",
            Self::NonceBurned => "nonce_burned",
            Self::NonceExpired { .. } => "nonce_expired",
            Self::NonceOfAnotherSession => "nonce_of_another_session",
            Self::AdditionalEvidenceUnsupported => "additional_evidence_unsupported",
            Self::InitData(rejection) => rejection.code(),
            Self::EvidenceUnreadable { .. } => "evidence_unreadable",
            Self::EvidenceOfOtherTee { .. } => "evidence_of_other_tee",
            Self::CollateralMissing => "collateral_missing",
            Self::CollateralUnreadable { .. } => "collateral_unreadable",
            Self::RootUnreadable { .. } => "root_unreadable",
        }
    }
}

/// As policies and verdicts call what a claimed TEE's evidence is of.
pub(crate) fn judged_as(tee: Tee) -> Judged {
    match tee {
        Tee::Sample => Judged::Sample,
        Tee::Simulated => Judged::Simulated,
        Tee::Snp | Tee::AzSnpVtpm => Judged::Snp,
        Tee::Tdx | Tee::AzTdxVtpm => Judged::Tdx,
    }
}

//! What a quote and its collateral say, as data for policies and people.

use crate::facts::Facts;
use crate::{EnclaveReport, Platform, ProvenCollateral, TdAttribute, TdBody};
use dcap_qvl::TcbStatus;
use serde::Serialize;

/// Everything that is said. Nothing of it is proven: believe it only beside an accepted judgement. What cannot be
/// read is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TdxClaims {
    /// What the quote says.
    pub quote: Option<QuoteClaims>,
    /// What the PCK certificate says.
    pub platform: Option<Platform>,
    /// What the TCB info makes of the platform.
    pub tcb: Option<TcbClaims>,
    /// What the collateral says of itself.
    pub collateral: CollateralClaims,
}

/// What the quote says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuoteClaims {
    /// The format's version.
    pub version: u16,
    /// The TD report.
    pub td: TdBody,
    /// Whether the TD is in debug mode.
    pub debug: bool,
    /// The attributes that are set, DEBUG and profiling apart.
    pub attributes: Vec<TdAttribute>,
    /// The quoting enclave's report.
    pub qe: EnclaveReport,
}

/// What the TCB info makes of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TcbClaims {
    /// The state of platform, module and quoting enclave together.
    pub status: TcbStatus,
    /// The platform's own state.
    pub platform_status: TcbStatus,
    /// The TDX module's, where its version has an identity.
    pub module_status: Option<TcbStatus>,
    /// The quoting enclave's.
    pub qe_status: TcbStatus,
    /// The advisories that apply.
    pub advisories: Vec<String>,
    /// The date of the oldest level that is out of date, or of all where none is: RFC 3339.
    pub date: String,
}

/// What the collateral says of itself. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CollateralClaims {
    /// Whether it was proven under another root than Intel's.
    pub named_root: bool,
    /// The model that the TCB info is for: 12 hexadecimal digits.
    pub fmspc: Option<String>,
    /// tcbEvaluationDataNumber of the TCB info.
    pub tcb_evaluation_data_number: Option<u32>,
    /// tcbEvaluationDataNumber of the QE identity.
    pub qe_evaluation_data_number: Option<u32>,
    /// When the TCB info was issued.
    pub tcb_info_issued: Option<u64>,
    /// When the QE identity was issued.
    pub qe_identity_issued: Option<u64>,
    /// The number of the root's revocation list: hexadecimal digits.
    pub root_crl_number: Option<String>,
    /// The number of the PCK revocation list: hexadecimal digits.
    pub pck_crl_number: Option<String>,
    /// The last second at which every piece is valid.
    pub valid_until: u64,
    /// The first second at which every piece is valid.
    pub valid_from: u64,
}

impl TdxClaims {
    /// What this quote and this collateral say.
    pub fn read(quote: &[u8], collateral: &ProvenCollateral) -> Self {
        Self::of(&Facts::of(quote, collateral), collateral)
    }

    fn of(facts: &Facts<'_>, collateral: &ProvenCollateral) -> Self {
        Self {
            quote: facts.quote.as_ref().ok().map(|(quote, qe)| QuoteClaims {
                version: quote.version,
                td: quote.body,
                debug: quote.body.attribute_bits() & crate::attribute::DEBUG != 0,
                attributes: TdAttribute::ALL
                    .into_iter()
                    .filter(|attribute| quote.body.attribute_bits() & attribute.mask() != 0)
                    .collect(),
                qe: *qe,
            }),
            platform: facts.platform().cloned(),
            tcb: facts.tcb().and_then(Result::ok).map(|tcb| TcbClaims {
                status: tcb.status,
                platform_status: tcb.platform,
                module_status: tcb.module,
                qe_status: tcb.qe,
                advisories: tcb.advisories,
                date: tcb.date,
            }),
            collateral: CollateralClaims::of(collateral),
        }
    }
}

impl CollateralClaims {
    fn of(collateral: &ProvenCollateral) -> Self {
        let tcb_info = collateral.tcb_info.as_ref();
        let qe_identity = collateral.qe_identity.as_ref();
        let number = |crl: &Option<attestation_certificates::Crl>| {
            let number = crl.as_ref().and_then(attestation_certificates::Crl::number);
            number.map(|number| number.to_string())
        };
        let (valid_from, valid_until) = collateral.window();
        Self {
            named_root: collateral.root.is_named(),
            fmspc: tcb_info.map(|document| hex::encode(document.fmspc)),
            tcb_evaluation_data_number: tcb_info
                .map(|document| document.info.tcb_evaluation_data_number),
            qe_evaluation_data_number: qe_identity
                .map(|document| document.identity.tcb_evaluation_data_number),
            tcb_info_issued: tcb_info.map(|document| document.issued),
            qe_identity_issued: qe_identity.map(|document| document.issued),
            root_crl_number: number(&collateral.root_crl),
            pck_crl_number: number(&collateral.pck_crl),
            valid_until,
            valid_from,
        }
    }
}

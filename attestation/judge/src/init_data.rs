//! Init data: what a guest was configured with at its start (Confidential Containers' Initdata specification).
//!
//! It is no part of what REPORT_DATA binds (KBS protocol 0.4.0): the host gave its digest to the TEE at launch. So the
//! digest is compared with bytes that are read from the evidence, and is to be believed beside passed checks of that
//! evidence only, as all of its claims are.

use attestation_appraisal::BoundInitData;
use attestation_kbs_protocol::{InitData, InitDataDigest, InitDataError, ReadInitData};
use attestation_tdx::Quote;
use attestation_tpm::Bank;
use attestation_verdict::Finding;
use measured_boot_snp_abi::AttestationReport;
use serde_json::Value;

use crate::evidence::{Evidence, Tpm};
use crate::{Case, CaseRejection};

/// The PCR that a vTPM's guest extends by the digest, before anything else does.
const PCR: u8 = 8;

/// The most of it that claims show, in bytes of compact JSON. Policies are asked about it, and the verdict is kept.
const LONGEST_CLAIMS: usize = 32 * 1024;
/// The longest text in them: what is longer, no policy is asked about.
const LONGEST_TEXT: usize = 16 * 1024;
/// How deep they may lie, for the same reason.
const DEEPEST: usize = 12;

/// Why init data is refused. Its digest and the evidence's field alone are repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitDataRejection {
    /// Not what a client sends.
    #[error("the init data is not a JSON object of `format` and `body`, both texts")]
    Unreadable,
    /// It cannot be compared.
    #[error(transparent)]
    Document(#[from] InitDataError),
    /// Nothing in this evidence would bind any.
    #[error("init data was sent, and {0}")]
    Unbound(&'static str),
    /// A PCR's bank takes digests of its own length.
    #[error("the init data's digest has {0} bytes, and a vTPM binds one of 32: sha256")]
    DigestLength(usize),
    /// The guest was started with other init data, or with none.
    #[error("{field} is {found}; by the init data's digest it would be {expected}")]
    Mismatch {
        /// Where the evidence has it.
        field: &'static str,
        /// In hexadecimal digits.
        found: String,
        /// In hexadecimal digits.
        expected: String,
    },
}

impl InitDataRejection {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable => "init_data_unreadable",
            Self::Document(InitDataError::Format) => "init_data_format",
            Self::Document(InitDataError::TooLong(_)) => "init_data_too_long",
            Self::Document(InitDataError::Document) => "init_data_document",
            Self::Document(InitDataError::Version) => "init_data_version",
            Self::Document(InitDataError::Algorithm) => "init_data_algorithm",
            Self::Unbound(_) => "init_data_unbound",
            Self::DigestLength(_) => "init_data_digest_length",
            Self::Mismatch { .. } => "init_data_mismatch",
        }
    }
}

use InitDataRejection as Reason;

/// What came of it.
pub(crate) struct Compared {
    pub finding: Finding<CaseRejection>,
    /// Only where it is what the evidence has.
    pub bound: Option<BoundInitData>,
}

/// Compares what came along with what the evidence has. Where there is none, nobody asked: what a guest has to be started
/// with, limits and policies say.
pub(crate) fn compare(case: &Case, evidence: Option<&Evidence>) -> Compared {
    let of = |finding| Compared {
        finding,
        bound: None,
    };
    let Some(text) = &case.exchange.init_data else {
        return of(Finding::Pass("there is none".to_owned()));
    };
    let init_data = match read(text) {
        Ok(init_data) => init_data,
        Err(reason) => return of(Finding::fail(reason.into())),
    };
    let field = match evidence.map(Field::of) {
        Some(Ok(Some(field))) => field,
        Some(Err(reason)) => return of(Finding::fail(reason.into())),
        None | Some(Ok(None)) => {
            let reason = "there is nothing to be read that it could be compared with";
            return of(Finding::NotMade(reason.to_owned()));
        }
    };
    match field.holds(&init_data.digest) {
        Err(reason) => of(Finding::fail(reason.into())),
        Ok(()) => Compared {
            finding: Finding::Pass(format!("its digest is what {} holds", field.name())),
            bound: Some(BoundInitData {
                digest: init_data.digest.to_hex(),
                claims: shown(&init_data),
            }),
        },
    }
}

fn read(text: &str) -> Result<ReadInitData, Reason> {
    let init_data = InitData::from_json(text).map_err(|_| Reason::Unreadable)?;
    Ok(init_data.read()?)
}

/// What the evidence has of the digest.
#[derive(Debug, PartialEq, Eq)]
enum Field {
    /// AMD 56860, table "ATTESTATION_REPORT Structure".
    HostData([u8; 32]),
    /// Intel, TDX Module: TDREPORT's TDINFO.
    MrConfigId([u8; 48]),
    /// Of the SHA-256 bank.
    Pcr([u8; 32]),
}

impl Field {
    /// `None` where it cannot be read, which the TEE's own checks refuse.
    fn of(evidence: &Evidence) -> Result<Option<Self>, Reason> {
        match evidence {
            Evidence::Snp(found) => Ok(host_data(found.report.as_slice())),
            Evidence::Simulated(found) => Ok(host_data(&found.attestation_report)),
            Evidence::Tdx(found) => {
                let quote = Quote::read(&found.quote).ok();
                Ok(quote.map(|it| Self::MrConfigId(it.body.mr_config_id.0)))
            }
            Evidence::SnpTpm(tpm, _) | Evidence::TdxTpm(tpm, _) => pcr(tpm),
            Evidence::Sample(_) => Err(Reason::Unbound("a sample binds none")),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::HostData(_) => "HOST_DATA",
            Self::MrConfigId(_) => "MRCONFIGID",
            Self::Pcr(_) => "PCR 8",
        }
    }

    fn holds(&self, digest: &InitDataDigest) -> Result<(), Reason> {
        match self {
            Self::HostData(found) => self.is(found, &digest.in_field::<32>()),
            Self::MrConfigId(found) => self.is(found, &digest.in_field::<48>()),
            Self::Pcr(found) => {
                let length = digest.as_bytes().len();
                let pcr = digest.in_pcr().ok_or(Reason::DigestLength(length))?;
                self.is(found, &pcr)
            }
        }
    }

    fn is(&self, found: &[u8], expected: &[u8]) -> Result<(), Reason> {
        match found == expected {
            true => Ok(()),
            false => Err(Reason::Mismatch {
                field: self.name(),
                found: hex::encode(found),
                expected: hex::encode(expected),
            }),
        }
    }
}

fn host_data(report: &[u8]) -> Option<Field> {
    let report = AttestationReport::from_untrusted(report)?;
    Some(Field::HostData(report.host_data))
}

/// Only what the quote covers: values of other PCRs are the sender's word, and no check compares them with anything.
fn pcr(tpm: &Tpm) -> Result<Option<Field>, Reason> {
    let Ok(quote) = attestation_tpm::Quote::read(&tpm.evidence.quote.message) else {
        return Ok(None);
    };
    let value = tpm.pcrs.value(Bank::Sha256.algorithm(), PCR);
    let value: Option<[u8; 32]> = value.and_then(|it| it.try_into().ok());
    match value.filter(|_| quote.covers(Bank::Sha256, PCR)) {
        Some(value) => Ok(Some(Field::Pcr(value))),
        None => Err(Reason::Unbound(
            "the vTPM's quote does not cover PCR 8 of the SHA-256 bank",
        )),
    }
}

/// What it says, all of it or nothing: a part would be taken for the whole.
fn shown(init_data: &ReadInitData) -> Option<Value> {
    let claims = Value::Object(init_data.claims());
    let fits = claims.to_string().len() <= LONGEST_CLAIMS && is_shallow(&claims, 0);
    fits.then_some(claims)
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    let short = |text: &str| text.len() <= LONGEST_TEXT;
    depth <= DEEPEST
        && match value {
            Value::String(text) => short(text),
            Value::Array(items) => items.iter().all(|item| is_shallow(item, depth + 1)),
            Value::Object(members) => members
                .iter()
                .all(|(name, item)| short(name) && is_shallow(item, depth + 1)),
            _ => true,
        }
}

//! Sentences that a reader of a verdict must not miss.

use attestation_shapes::Shape;

pub const UNBOUND: &str =
    "nothing ties this evidence to you (--no-binding): whoever has a copy can send it again";
pub const UNKNOWN_LAUNCH: &str =
    "what was launched was not looked at: no --reference says which launches are accepted";
pub const UNKNOWN_PARAVISOR: &str = "the TPM's key was bound by whatever was launched, and no --reference says that this was a paravisor that keeps \
     such keys: the key may be in no TPM, and the quote proves no particular one";

pub const FORGETFUL: &str = "without --state nobody remembers the newest collateral: older collateral that is still in its dates is not refused, \
     though it hides what was revoked or found since";
pub const FORGETFUL_OF_LISTS: &str = "without --state nobody remembers the newest revocation list: an older one that is still in its dates is not refused, \
     though it hides what was revoked since";
pub const NO_LIST_SEEN: &str = "no revocation list was given (--crl), and the state has none of this root: nothing says whether a certificate was revoked";
pub const UNVOUCHED_KEY: &str = "nothing in this evidence vouches for the TPM's key: name the key that you believe, --ak FILE, or its certificates, \
     --ak-certificates FILE --ak-root FILE, and a policy that allows it, such as tpm-alone";

const UNJUDGED_QUOTE: &str = "the TPM's quote and attestation key in this evidence were not judged, the TEE's report alone was: `cloister verify \
     tpm --evidence FILE` judges both";
const UNJUDGED_HCL_REPORT: &str = "the runtime data of this HCL report, with the TPM's attestation key in it, was not judged, the TEE's report alone \
     was: `cloister verify tpm --quote FILE --signature FILE --pcrs FILE --hcl-report FILE` judges both";

/// Which command judges a file of this form.
pub const fn command(shape: Shape) -> &'static str {
    match shape {
        Shape::SnpReport | Shape::SnpExtendedReport | Shape::SnpAttester => {
            "cloister verify snp --report FILE"
        }
        Shape::TdxQuote | Shape::TdxAttester | Shape::Dstack => {
            "cloister verify tdx --quote FILE --collateral FILE"
        }
        Shape::AzSnpVtpm0
        | Shape::AzSnpVtpm1
        | Shape::AzSnpVtpm2
        | Shape::AzTdxVtpm0
        | Shape::AzTdxVtpm1
        | Shape::AzTdxVtpm2
        | Shape::TpmAttester => "cloister verify tpm --evidence FILE",
        Shape::HclReportSnp | Shape::HclReportTdx => {
            "cloister verify tpm --quote FILE --signature FILE --pcrs FILE --hcl-report FILE"
        }
    }
}

/// What a file of this form has in it that a verdict on the TEE's report alone does not look at.
pub const fn unjudged(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::AzSnpVtpm0
        | Shape::AzSnpVtpm1
        | Shape::AzSnpVtpm2
        | Shape::AzTdxVtpm0
        | Shape::AzTdxVtpm1
        | Shape::AzTdxVtpm2
        | Shape::TpmAttester => Some(UNJUDGED_QUOTE),
        Shape::HclReportSnp | Shape::HclReportTdx => Some(UNJUDGED_HCL_REPORT),
        Shape::SnpReport
        | Shape::SnpExtendedReport
        | Shape::SnpAttester
        | Shape::TdxQuote
        | Shape::TdxAttester
        | Shape::Dstack => None,
    }
}

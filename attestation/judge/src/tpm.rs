//! A TPM's quote, and what of a TEE's report its judge compares.

use attestation_appraisal::{Judged, Policy, Tee};
use attestation_shapes::TpmQuote;
use attestation_tdx::Quote;
use attestation_tpm::{
    AkTrust, ExpectedNonce, PcrTable, Reference, TpmCheck, TpmClaims, TpmEvidence, TpmInput,
    TpmLimits, judge,
};
use attestation_verdict::ExpectedData;
use serde_json::json;

/// Header, and in version 5 the body's type and size (Intel, TDX DCAP Quoting Library, "Quote format").
const HEADER: usize = 48;
const DESCRIPTOR: usize = 6;
/// TD_QUOTE_BODY of TDX 1.0.
const BODY: usize = 584;

/// A quote with what makes its key believable, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct TpmSubject<'a> {
    /// What came.
    pub evidence: TpmEvidence<'a>,
    /// What makes its key believable.
    pub trust: AkTrust<'a>,
    /// What the quote has to bind.
    pub expected: &'a ExpectedNonce,
    /// The PCRs that the relying party expects, beside those of the limits.
    pub reference: Option<&'a Reference>,
}

/// What came of it, before the policy is asked what that is worth.
#[derive(Debug)]
pub struct TpmJudged {
    /// The checks, with claims and limits.
    pub judged: Judged,
    /// What the quote says.
    pub claims: TpmClaims,
}

impl TpmSubject<'_> {
    /// Judges it by the limits that the policy gives for its claims.
    #[must_use]
    pub fn judge(&self, policy: &Policy) -> TpmJudged {
        let claims = TpmClaims::of(&self.evidence, self.trust);
        let given = json!(claims);
        let limits = policy.limits_as::<TpmLimits>(Tee::Tpm, &given);
        let judged = match limits {
            Err(error) => Judged::without_limits::<TpmCheck>(Tee::Tpm, given, error),
            Ok((limits, limits_given)) => {
                let judgement = judge(&TpmInput {
                    evidence: self.evidence,
                    trust: self.trust,
                    expected: self.expected,
                    reference: self.reference,
                    limits: &limits,
                });
                Judged::of(Tee::Tpm, &judgement, given, limits_given)
            }
        };
        TpmJudged { judged, claims }
    }
}

/// The body of a quote, empty where the quote cannot be read: then the quote's judge refuses it.
#[must_use]
pub fn td_quote_body(quote: &[u8]) -> &[u8] {
    let signed = Quote::read(quote).map(|quote| quote.signed);
    let signed = signed.unwrap_or_default();
    let start = match signed.len() {
        length if length == HEADER + BODY => HEADER,
        _ => HEADER + DESCRIPTOR,
    };
    signed.get(start..).unwrap_or_default()
}

/// The signature of a quote, as the judge takes it.
#[must_use]
pub fn quote_signature(
    signature: &attestation_shapes::QuoteSignature,
) -> attestation_tpm::QuoteSignature<'_> {
    use attestation_shapes::QuoteSignature::{Bare, Tagged};
    match signature {
        Bare(bytes) => attestation_tpm::QuoteSignature::Bare(bytes),
        Tagged(bytes) => attestation_tpm::QuoteSignature::Tagged(bytes),
    }
}

/// What `extraData` has to be where 64 bytes are expected: these without the zeros that may fill them up. A TPM binds as
/// many bytes as it is given, and attesters give it the digest alone or filled up.
pub(crate) fn expected_nonce(expected: &ExpectedData, quote: &TpmQuote) -> ExpectedNonce {
    let ExpectedData::Exactly(data) = expected else {
        return ExpectedNonce::Unbound;
    };
    let extra_data = attestation_tpm::Quote::read(&quote.message).map(|quote| quote.extra_data);
    let extra_data = extra_data.unwrap_or_default();
    let filled_up = |bytes: &[u8]| {
        data.strip_prefix(bytes)
            .is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
    };
    match !extra_data.is_empty() && filled_up(&extra_data) {
        true => ExpectedNonce::Exactly(extra_data),
        false => ExpectedNonce::Exactly(data.to_vec()),
    }
}

/// The PCRs that came along.
pub(crate) fn pcr_table(quote: &TpmQuote) -> Result<PcrTable, String> {
    PcrTable::sha256_bank(&quote.pcrs).map_err(|error| error.to_string())
}

//! The quote itself.

use super::{Case, Found, not_asked, not_made};
use crate::{ExpectedNonce, Quote, TpmRejection};
use attestation_verdict::Finding;

pub(super) const NO_QUOTE: &str = "there is no quote that could be read";

impl Case<'_> {
    pub(super) fn quote_format(&self) -> Found {
        match &self.reading.quote {
            Ok(_) => Finding::Pass("TPMS_ATTEST of a quote, made by a TPM".to_owned()),
            Err(error) => Finding::fail(TpmRejection::QuoteUnreadable(*error)),
        }
    }

    pub(super) fn signature(&self) -> Found {
        let Some(key) = &self.reading.ak else {
            return not_made("there is no attestation key");
        };
        let signature = match &self.reading.signature {
            Ok(signature) => signature,
            Err(error) => return Finding::fail(TpmRejection::SignatureUnreadable(*error)),
        };
        match key.verifies(self.input.evidence.quote, signature) {
            true => Finding::Pass(format!(
                "the attestation key signed the quote's {} digest",
                signature.hash
            )),
            false => Finding::fail(TpmRejection::SignatureInvalid),
        }
    }

    pub(super) fn nonce(&self) -> Found {
        let expected = self.input.expected;
        let Some(quote) = self.quote() else {
            return not_made(NO_QUOTE);
        };
        match expected {
            ExpectedNonce::Unbound => not_asked(
                "the relying party ties the evidence to nothing: anybody may have sent it again",
            ),
            _ if expected.is_met_by(&quote.extra_data) => {
                Finding::Pass("extraData is the expected nonce".to_owned())
            }
            ExpectedNonce::Exactly(_) => Finding::fail(TpmRejection::NonceOther),
        }
    }

    pub(super) fn clock(&self) -> Found {
        let Some(quote) = self.quote() else {
            return not_made(NO_QUOTE);
        };
        match (quote.clock.safe, self.input.limits.require_safe_clock) {
            (true, _) => Finding::Pass("clockInfo.safe is set".to_owned()),
            (false, true) => Finding::fail(TpmRejection::ClockUnsafe),
            (false, false) => not_asked("clockInfo.safe is not set, and the limits let that be"),
        }
    }

    pub(super) fn quote(&self) -> Option<&Quote> {
        self.reading.quote.as_ref().ok()
    }
}

//! The attestation key.

use super::{Case, Found, not_made};
use crate::{AkTrust, AttestationKey, TpmRejection};
use attestation_verdict::Finding;

impl Case<'_> {
    pub(super) fn ak(&self) -> Found {
        let Some(key) = &self.reading.ak else {
            return match self.input.trust {
                AkTrust::Certified(_) => Finding::fail(TpmRejection::AkCertificate),
                _ => not_made("there is no runtime data that names one"),
            };
        };
        Finding::from_reasons(self.ak_reasons(key), || {
            let why = match self.input.trust {
                AkTrust::Tee(_) => {
                    "bound by the TEE's report: a TPM's, if the launch digest is of what holds one"
                }
                AkTrust::Named(_) => "trusted because the relying party named it: no TEE binds it",
                AkTrust::Certified(_) => {
                    "trusted because its certificates lead to a named root: no TEE binds it"
                }
            };
            format!("{} key of {} bits, {why}", key.kind(), key.bits())
        })
    }

    fn ak_reasons(&self, key: &AttestationKey) -> Vec<TpmRejection> {
        let limits = self.input.limits;
        let mut reasons = Vec::new();
        let bound = matches!(self.input.trust, AkTrust::Tee(_));
        if !bound && !limits.allow_without_tee {
            reasons.push(TpmRejection::AkNotBound);
        }
        if let AkTrust::Certified(certificates) = self.input.trust {
            let problems = certificates.prove().err().unwrap_or_default();
            reasons.extend(problems.into_iter().map(TpmRejection::AkChain));
            if !certificates.is_for_signing() {
                reasons.push(TpmRejection::AkUsage);
            }
        }
        let (found, needed) = (key.bits(), limits.min_rsa_bits);
        if key.kind() == "rsa" && found < needed {
            reasons.push(TpmRejection::AkBits { found, needed });
        }
        match self.input.evidence.sent_ak.map(AttestationKey::from_spki) {
            None => (),
            Some(Ok(sent)) if sent == *key => (),
            Some(Ok(_)) => reasons.push(TpmRejection::AkSentOther),
            Some(Err(error)) => reasons.push(TpmRejection::AkSentUnreadable(error)),
        }
        reasons
    }
}

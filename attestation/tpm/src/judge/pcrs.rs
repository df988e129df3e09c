//! The PCRs: which are quoted, and what they hold.

use super::quote::NO_QUOTE;
use super::{Case, Found, not_asked, not_made};
use crate::{Bank, Reference, TpmRejection, replay};
use attestation_verdict::Finding;

impl Case<'_> {
    pub(super) fn pcr_selection(&self) -> Found {
        let Some(quote) = self.quote() else {
            return not_made(NO_QUOTE);
        };
        let limits = self.input.limits;
        let covers = |index| limits.banks.iter().any(|bank| quote.covers(*bank, index));
        let count = (0..crate::pcr::PCR_COUNT).filter(|index| covers(*index));
        let count = count.count();
        let empty = (count == 0).then_some(TpmRejection::SelectionEmpty);
        let missing = limits.quoted_pcrs.iter().filter(|index| !covers(**index));
        let missing = missing.map(|index| TpmRejection::SelectionMissing(*index));
        Finding::from_reasons(empty.into_iter().chain(missing), || {
            format!("{count} PCRs in banks that the limits accept")
        })
    }

    pub(super) fn pcr_digest(&self) -> Found {
        let Some(quote) = self.quote() else {
            return not_made(NO_QUOTE);
        };
        let Ok(signature) = &self.reading.signature else {
            return not_made("nothing says with which hash the PCRs were hashed");
        };
        let covered = match &self.reading.covered {
            Ok(covered) => covered,
            Err((algorithm, index)) => {
                return Finding::fail(TpmRejection::PcrMissing {
                    algorithm: *algorithm,
                    index: *index,
                });
            }
        };
        let values: Vec<_> = covered
            .iter()
            .map(|(_, _, value)| value.as_slice())
            .collect();
        match replay::digest(signature.hash, &values) {
            Some(digest) if digest == quote.pcr_digest => Finding::Pass(format!(
                "the {} digest of the {} values is the quoted one",
                signature.hash,
                values.len()
            )),
            _ => Finding::fail(TpmRejection::PcrDigestOther),
        }
    }

    pub(super) fn pcrs(&self) -> Found {
        if self.quote().is_none() {
            return not_made(NO_QUOTE);
        }
        let limits = &self.input.limits.pcrs;
        let reference = self
            .input
            .reference
            .filter(|reference| !reference.is_empty());
        if limits.is_empty() && reference.is_none() {
            return not_asked("neither limits nor a reference say what the PCRs may hold");
        }
        let Ok(_) = &self.reading.covered else {
            return not_made("the values of the PCRs did not come along");
        };
        let mut reasons = self.unexpected(limits, "the limits");
        if let Some(reference) = reference {
            reasons.extend(self.unexpected(reference, "the reference"));
        }
        Finding::from_reasons(reasons, || "the PCRs hold what is expected".to_owned())
    }

    fn unexpected(&self, allowed: &Reference, source_name: &'static str) -> Vec<TpmRejection> {
        let reason = |(bank, index, values): (Bank, u8, &[Vec<u8>])| {
            let found = match self.reading.pcr(bank, index) {
                Some(found) if self.input.limits.banks.contains(&bank) => found,
                _ => {
                    return Some(TpmRejection::PcrNotQuoted {
                        bank,
                        index,
                        source_name,
                    });
                }
            };
            let is_allowed = values.iter().any(|value| value == found);
            (!is_allowed).then_some(TpmRejection::PcrOther {
                bank,
                index,
                source_name,
            })
        };
        allowed.iter().filter_map(reason).collect()
    }
}

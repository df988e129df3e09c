//! Who compares what a TEE's report binds.

use attestation_verdict::{Check, ExpectedData, Finding, Judgement, Rejection};

/// A TEE's report binds what the caller expects, or it binds a TPM's key and the TPM binds what the caller expects. What
/// the caller did not ask for is never said to have passed.
#[derive(Debug, Clone, Copy)]
pub enum Bound<'a> {
    /// The report's judge compares it.
    ByReport(&'a ExpectedData),
    /// The TPM's judge does: the report binds the runtime data, and the TPM's quote the nonce.
    ByTpm,
}

impl Bound<'_> {
    /// What the report's judge compares.
    pub(crate) fn expected(&self) -> &ExpectedData {
        match self {
            Self::ByReport(expected) => expected,
            Self::ByTpm => &ExpectedData::Unbound,
        }
    }

    /// What it found, with the check `binding` naming those that are made in its place.
    pub(crate) fn told<R: Rejection + Clone>(
        &self,
        judgement: Judgement<R>,
        binding: R::Check,
        field: &str,
    ) -> Judgement<R> {
        let Self::ByTpm = self else { return judgement };
        Judgement::of(|check| match judgement.finding(check) {
            Some(Finding::NotAsked(_)) if check == binding => Finding::NotAsked(format!(
                "{field} binds the runtime data, see tpm_runtime_data; what the evidence was made for, tpm_nonce says"
            )),
            Some(found) => found.clone(),
            None => Finding::NotMade(format!("{} was not asked", check.name())),
        })
    }
}

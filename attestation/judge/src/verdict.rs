//! What comes of a judgement.

use attestation_appraisal::{EarKey, EarToken, Policy, Verdict as Appraised, VerifierId};
use attestation_certificates::Observation;
use attestation_evidence::{Tee, TeePublicKey};
use attestation_verdict::Record;

use crate::Launch;

/// The result of [`judge`](crate::judge), which alone makes one.
#[derive(Debug, Clone)]
pub struct Verdict {
    subject: Subject,
    appraised: Appraised,
    policy: String,
    policy_digest: String,
}

/// What the verdict is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub tee: Tee,
    /// Nobody, where a relying party asked.
    pub recipient: Option<TeePublicKey>,
    /// As reported, if it could be read.
    pub launch: Option<Launch>,
    /// The name of the reference value that is of this launch.
    pub reference: Option<String>,
    pub manifest_heard: bool,
    pub observations: Vec<Observation>,
}

impl Verdict {
    pub(crate) fn new(subject: Subject, appraised: Appraised, policy: &Policy) -> Self {
        Self {
            subject,
            appraised,
            policy: policy.about().name.clone(),
            policy_digest: policy.digest().to_owned(),
        }
    }

    /// Whether every check passed but those that nobody asked for and that may be left out, and the policy accepts.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.appraised.accepted()
    }

    /// The proof of it, on which a secret may be released; nothing for a refusal, and nothing where a relying party asked
    /// about somebody else's evidence, which binds no key of a session.
    #[must_use]
    pub fn accepted(&self) -> Option<AcceptedVerdict> {
        if !self.is_accepted() {
            return None;
        }
        Some(AcceptedVerdict {
            tee: self.subject.tee,
            policy: self.policy.clone(),
            policy_digest: self.policy_digest.clone(),
            recipient: self.subject.recipient.clone()?,
            launch: self.subject.launch.clone()?,
            reference: self.subject.reference.clone()?,
        })
    }

    /// The claimed TEE.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.subject.tee
    }

    /// The name of the policy that was asked.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `sha256:` and the digest of that policy's text.
    #[must_use]
    pub fn policy_digest(&self) -> &str {
        &self.policy_digest
    }

    /// The key that came with the evidence, in a session.
    #[must_use]
    pub fn recipient(&self) -> Option<&TeePublicKey> {
        self.subject.recipient.as_ref()
    }

    /// The launch as reported. It is true only of an accepted verdict.
    #[must_use]
    pub fn launch(&self) -> Option<&Launch> {
        self.subject.launch.as_ref()
    }

    /// The name of the reference value that is of this launch, whether or not it allows it.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.subject.reference.as_deref()
    }

    /// Every check with its result, in order, and every reason to refuse.
    #[must_use]
    pub fn record(&self) -> Record {
        self.appraised.record()
    }

    /// The verdict's document (docs/appraisal-policy.md): the same bytes for the same verdict.
    #[must_use]
    pub fn document(&self) -> String {
        self.appraised.to_json()
    }

    /// The verdict as an EAR token of this verifier.
    #[must_use]
    pub fn ear(&self, key: &EarKey, verifier: &VerifierId) -> EarToken {
        self.appraised.ear(key, verifier)
    }

    /// What the policy made of what was judged.
    #[must_use]
    pub fn appraised(&self) -> &Appraised {
        &self.appraised
    }

    /// Collateral that was proven, whatever the verdict: to be remembered, so that none older is accepted later.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.subject.observations
    }

    /// Whether a check looked at the host's manifest in the evidence. Where none did, evidence without
    /// it gets the same verdict; where one did, it only sought an explanation of the refusal.
    #[must_use]
    pub fn heard_manifest(&self) -> bool {
        self.subject.manifest_heard
    }
}

/// Proof that evidence passed every check. [`Verdict::accepted`] makes one, and the log key's word for such a verdict
/// ([`LoggedVerdict`](crate::LoggedVerdict)); nothing else does. A secret may be released to [`recipient`](Self::recipient)
/// and to no other key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedVerdict {
    pub(crate) tee: Tee,
    pub(crate) policy: String,
    pub(crate) policy_digest: String,
    pub(crate) recipient: TeePublicKey,
    pub(crate) launch: Launch,
    pub(crate) reference: String,
}

impl AcceptedVerdict {
    /// The TEE that the evidence is from.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The name of the policy that accepted it.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `sha256:` and the digest of that policy's text.
    #[must_use]
    pub fn policy_digest(&self) -> &str {
        &self.policy_digest
    }

    /// The key that the evidence binds.
    #[must_use]
    pub fn recipient(&self) -> &TeePublicKey {
        &self.recipient
    }

    /// What was launched.
    #[must_use]
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// The name of the reference value that allowed it.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

//! A secret leaves: wrapped to the attested key, and in the log before it is sent.

use std::sync::PoisonError;

use attestation_envelope::Entropy;
use attestation_evidence::{ResourcePath, Tee};
use attestation_ledger::{Entry, LogProof};
use attestation_release::Release;
use attestation_verify::AcceptedVerdict;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Failure, Service, UNKNOWN_SESSION};
use crate::entropy;
use crate::problem::Problem;
use crate::store::{SealedSecret, Writing};

/// What the operator's log says of a release, given or refused.
#[derive(Serialize)]
struct ReleaseLine<'a> {
    session: &'a str,
    tee: Tee,
    simulated: bool,
    outcome: &'static str,
    reasons: Vec<String>,
    resource: &'a ResourcePath,
    verdict_index: u64,
    log_index: Option<u64>,
}

impl Service {
    /// The answer that carries `resource`, for the session's accepted verdict.
    pub fn release(&self, session: &str, resource: &ResourcePath) -> Result<String, Problem> {
        let (verdict, verdict_index) = self
            .accepted_verdict(session)
            .map_err(|problem| self.refuse("release", session, problem))?;
        let released = self
            .commit(|writing| self.log_release(writing, session, &verdict, verdict_index, resource))
            .and_then(|(release, proof)| self.note(release.commit(&proof, &self.log_key())));
        let (outcome, reasons, log_index) = match &released {
            Ok(committed) => ("released", vec![], Some(committed.log_index())),
            Err(problem) => ("refused", vec![problem.to_string()], None),
        };
        let tee = verdict.tee();
        let simulated = tee.is_simulated();
        self.journal.info(
            "release",
            &ReleaseLine {
                session,
                tee,
                simulated,
                outcome,
                reasons,
                resource,
                verdict_index,
                log_index,
            },
        );
        released.map(|committed| committed.to_json())
    }

    fn accepted_verdict(&self, session: &str) -> Result<(AcceptedVerdict, u64), Problem> {
        let now = self.clock.now();
        let sessions = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(accepted) = sessions
            .get(session)
            .filter(|accepted| now < accepted.until)
        {
            return Ok((accepted.verdict.clone(), accepted.index));
        }
        drop(sessions);
        match self.note(self.store.read(|reading| reading.has_session(session)))? {
            true => Err(Problem::Denied(
                "this session has no accepted verdict (any more): POST /kbs/v0/auth and attest",
            )),
            false => Err(UNKNOWN_SESSION),
        }
    }

    fn log_release(
        &self,
        writing: &Writing<'_>,
        session: &str,
        verdict: &AcceptedVerdict,
        verdict_index: u64,
        resource: &ResourcePath,
    ) -> Result<(Release, LogProof), Failure> {
        let sealed = writing
            .reading()
            .secret(resource.as_str())?
            .ok_or_else(|| Problem::NotFound(format!("no secret `{resource}` is registered")))?;
        refuse_unbound(&sealed, verdict)?;
        let secret = self
            .keys
            .seal
            .unseal(resource, sealed.version, &sealed.sealed)?;
        let entropy = Entropy::from_bytes(&Zeroizing::new(entropy::random()?));
        let release = Release::wrap(verdict, resource.clone(), &secret, entropy)?;
        let record = release.record(self.clock.now(), session, verdict_index, sealed.version);
        let proof = writing.append(&Entry::new(record)?, &self.keys.log)?;
        Ok((release, proof))
    }
}

/// An accepted guest is not entitled to every secret: only to those bound to the policy and the
/// launch that its verdict names.
fn refuse_unbound(secret: &SealedSecret, verdict: &AcceptedVerdict) -> Result<(), Problem> {
    if secret.policy != verdict.policy() {
        return Err(Problem::Denied("the secret is bound to another policy"));
    }
    if !secret
        .references
        .iter()
        .any(|name| name == verdict.reference())
    {
        return Err(Problem::Denied(
            "the secret is bound to another launch's reference value",
        ));
    }
    Ok(())
}

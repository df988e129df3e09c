//! A secret leaves: wrapped to the attested key, and in the log before it is sent.

use std::sync::PoisonError;

use attestation_envelope::Entropy;
use attestation_evidence::{ResourcePath, Tee};
use attestation_ledger::Entry;
use attestation_release::Release;
use attestation_store::{Logged, Writing};
use attestation_verify::AcceptedVerdict;
use serde::Serialize;

use super::rules::Rules;
use super::{Accepted, Failure, Service, TENANT};
use crate::challenge::SessionCookie;
use crate::entropy;
use crate::problem::Problem;
use crate::terms::Terms;

const EXPIRED: Problem = Problem::Denied(
    "this session has no accepted verdict (any more): POST /kbs/v0/auth and attest",
);

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
    pub fn release(
        &self,
        cookie: &SessionCookie,
        resource: &ResourcePath,
    ) -> Result<String, Problem> {
        let session = &cookie.session_name();
        self.opened(cookie)
            .map_err(|problem| self.refuse("release", session, problem))?;
        let accepted = self
            .accepted_verdict(session)
            .map_err(|problem| self.refuse("release", session, problem))?;
        let released = self
            .commit_and_prove(|writing| self.log_release(writing, session, &accepted, resource))
            .and_then(|(release, proof)| self.note(release.commit(&proof, &self.log_key())));
        let (outcome, reasons, log_index) = match &released {
            Ok(committed) => ("released", vec![], Some(committed.log_index())),
            Err(problem) => ("refused", vec![problem.to_string()], None),
        };
        let tee = accepted.verdict.tee();
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
                verdict_index: accepted.index,
                log_index,
            },
        );
        released.map(|committed| committed.to_json())
    }

    fn accepted_verdict(&self, session: &str) -> Result<Accepted, Problem> {
        let now = self.clock.now();
        let sessions = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(accepted) = sessions.get(session).filter(|one| now < one.until) {
            return Ok(accepted.clone());
        }
        drop(sessions);
        Err(EXPIRED)
    }

    fn log_release(
        &self,
        writing: &Writing<'_>,
        session: &str,
        accepted: &Accepted,
        resource: &ResourcePath,
    ) -> Result<(Release, Logged), Failure> {
        // Read inside of the transaction, as a verdict's time is: the wait for it may have been long.
        let now = self.moment(&writing.reading())?;
        if now >= accepted.until {
            return Err(EXPIRED.into());
        }
        let verdict = &accepted.verdict;
        let sealed = writing
            .reading()
            .secret(TENANT, resource.as_str())?
            .ok_or_else(|| Problem::NotFound(format!("no secret `{resource}` is registered")))?;
        let terms = Terms::from_bytes(&sealed.terms)
            .ok_or_else(|| writing.reading().torn("the terms of a secret are damaged"))?;
        let rules = self.rules_in_turn(&writing.reading())?;
        refuse_other_policy(&rules, &terms, accepted)?;
        refuse_other_launch(&rules, &terms, verdict, now)?;
        let keys = &self.keys.seal;
        let secret = keys.unseal(resource, sealed.version, &terms, &sealed.sealed)?;
        let entropy = Entropy::from_bytes(&entropy::random_secret()?);
        let release = Release::wrap(verdict, resource.clone(), &secret, entropy)?;
        let record = release.record(now, session, accepted.index, sealed.version);
        let logged = writing.append(TENANT, &Entry::new(record)?)?;
        Ok((release, logged))
    }
}

/// An accepted guest is not entitled to every secret. The policy has to be the secret's, and still
/// the very document that the verdict was given under: what an administrator withdraws is withdrawn
/// at once, not when the last verdict over it expires.
fn refuse_other_policy(rules: &Rules, terms: &Terms, accepted: &Accepted) -> Result<(), Problem> {
    if terms.policy != accepted.verdict.policy() {
        return Err(Problem::Denied("the secret is bound to another policy"));
    }
    if rules.policy != accepted.policy {
        let why = "the policy was replaced since the verdict: attest again";
        return Err(Problem::Denied(why));
    }
    Ok(())
}

/// One of the reference values that the secret is bound to has to allow this launch, now. Which one
/// the verdict happened to match does not matter: two names may share a digest.
fn refuse_other_launch(
    rules: &Rules,
    terms: &Terms,
    verdict: &AcceptedVerdict,
    now: u64,
) -> Result<(), Problem> {
    let allowed = rules.references.iter().any(|reference| {
        terms.references.contains(&reference.name)
            && reference.tee == verdict.tee()
            && reference.launch_digest == *verdict.launch_digest()
            && reference.is_valid_at(now)
    });
    if allowed {
        return Ok(());
    }
    let why = "no reference value that the secret is bound to allows this launch now: each is \
               another launch's, was replaced, or is out of its time";
    Err(Problem::Denied(why))
}

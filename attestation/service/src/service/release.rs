//! A secret leaves: wrapped to the attested key, and in the log before it is sent.

use attestation_access::TenantName;
use attestation_ear::Expected;
use attestation_envelope::Entropy;
use attestation_evidence::{ResourcePath, Tee};
use attestation_judge::LoggedVerdict;
use attestation_ledger::{AuditRecord, Digest, Entry};
use attestation_metrics::Label;
use attestation_release::{Circumstances, Release};
use attestation_store::{Attempt, Logged, Reading, StoreError, Writing};
use serde::Serialize;

use super::rules::Rules;
use super::{Failure, Service, VERDICT_SECONDS};
use crate::challenge::SessionCookie;
use crate::entropy;
use crate::keyring::{Place, key_of};
use crate::problem::Problem;
use crate::terms::Terms;

const EXPIRED: Problem =
    Problem::Denied("this session has no accepted verdict (any more): POST auth and attest");

/// What the operator's log says of a release, given or refused.
#[derive(Serialize)]
struct ReleaseLine<'a> {
    tenant: &'a TenantName,
    session: &'a str,
    tee: Tee,
    simulated: bool,
    outcome: &'static str,
    reasons: Vec<String>,
    resource: &'a ResourcePath,
    verdict_index: u64,
    log_index: Option<u64>,
}

/// What a guest shows when it asks for a secret.
pub enum Shown {
    /// The cookie of the session in which it attested.
    Cookie(SessionCookie),
    /// The token that it got for that, as its data hub does, which has no cookie.
    Token(String),
}

/// A secret that a guest asks for, and by what right.
struct Asked<'a> {
    tenant: &'a TenantName,
    verdict: &'a LoggedVerdict,
    resource: &'a ResourcePath,
}

impl Service {
    /// The answer that carries `resource`, for the accepted verdict of whoever shows this.
    pub fn release(
        &self,
        tenant: &TenantName,
        shown: &Shown,
        resource: &ResourcePath,
    ) -> Result<String, Problem> {
        self.metrics.resource_requested();
        let released = self.release_counted(tenant, shown, resource);
        match &released {
            Ok(_) => self.metrics.released(
                Label::Known(tenant.as_str()),
                Label::Known(resource.as_str()),
            ),
            Err(_) => self.metrics.resource_refused(),
        }
        released
    }

    fn release_counted(
        &self,
        tenant: &TenantName,
        shown: &Shown,
        resource: &ResourcePath,
    ) -> Result<String, Problem> {
        let verdict = match shown {
            Shown::Cookie(cookie) => self.verdict_of_session(tenant, cookie),
            Shown::Token(token) => self.verdict_of_token(tenant, token),
        }?;
        let asked = Asked {
            tenant,
            verdict: &verdict,
            resource,
        };
        let released = self
            .have_the_key(&asked)
            .and_then(|()| self.commit_and_prove(|writing| self.log_release(writing, &asked)))
            .and_then(|(release, proof)| self.note(release.commit(&proof, &self.log_key())));
        let (outcome, reasons, log_index) = match &released {
            Ok(committed) => ("released", vec![], Some(committed.log_index())),
            Err(problem) => ("refused", vec![problem.to_string()], None),
        };
        let tee = verdict.verdict().tee();
        self.journal.info(
            "release",
            &ReleaseLine {
                tenant,
                session: verdict.session(),
                tee,
                simulated: tee.is_simulated(),
                outcome,
                reasons,
                resource,
                verdict_index: verdict.index(),
                log_index,
            },
        );
        released.map(|committed| committed.to_json())
    }

    /// The session's accepted verdict, as this verifier's own log proves it: whichever replica gave it, before whichever
    /// restart. Of the row that says where it stands nothing is believed.
    fn verdict_of_session(
        &self,
        tenant: &TenantName,
        cookie: &SessionCookie,
    ) -> Result<LoggedVerdict, Problem> {
        let session = &cookie.session_name();
        let found = self.refuse_failed().and_then(|()| {
            self.opened(tenant, cookie)?;
            self.consult(|reading| match reading.attempt(session)? {
                Some(Attempt { verdict: Some(at) }) => Ok(self.logged_verdict(reading, at)?),
                _ => Ok(None),
            })
        });
        found
            .and_then(|found| self.in_time(found, tenant, session).ok_or(EXPIRED))
            .map_err(|problem| self.refuse("release", session, problem))
    }

    /// The verdict that a token stands for. The token says where to look, and the log what is there.
    fn verdict_of_token(&self, tenant: &TenantName, token: &str) -> Result<LoggedVerdict, Problem> {
        let log_key = self.log_key();
        let expected = Expected {
            issuer: log_key.name(),
            tenant: tenant.as_str(),
        };
        let read = self.keys.token.read(token, self.clock.now(), &expected);
        let claims = read
            .map_err(|error| Problem::InvalidToken(error.to_string()))
            .map_err(|problem| self.refuse("release", "", problem))?;
        let found = self.refuse_failed().and_then(|()| {
            self.consult(|reading| Ok(self.logged_verdict(reading, claims.log_index())?))
        });
        let over = || Problem::InvalidToken("its verdict is over: attest again".to_owned());
        found
            .and_then(|found| {
                self.in_time(found, tenant, claims.session())
                    .ok_or_else(over)
            })
            .map_err(|problem| self.refuse("release", claims.session(), problem))
    }

    /// The verdict, if it is this session's and secrets may still be released on it.
    fn in_time(
        &self,
        found: Option<LoggedVerdict>,
        tenant: &TenantName,
        session: &str,
    ) -> Option<LoggedVerdict> {
        found
            .filter(|logged| logged.tenant() == tenant.as_str() && logged.session() == session)
            .filter(|logged| self.clock.now() < end(logged))
    }

    /// The accepted verdict at this place of the log, by rules of this build; nothing where there is another thing.
    fn logged_verdict(
        &self,
        reading: &Reading<'_>,
        index: u64,
    ) -> Result<Option<LoggedVerdict>, StoreError> {
        let key = self.log_key();
        let Some(proof) = reading.proof(index, &key)? else {
            return Ok(None);
        };
        let entry = proof.extra.as_deref().unwrap_or_default();
        let exchange = match exchange_of(entry) {
            Some(digest) => reading.blob(&digest)?,
            None => None,
        };
        let Some(exchange) = exchange else {
            return Ok(None);
        };
        Ok(LoggedVerdict::from_log(&proof, &exchange, &key).ok())
    }

    /// A secret may be under a key that came since the ring was read.
    fn have_the_key(&self, asked: &Asked<'_>) -> Result<(), Problem> {
        let (tenant, name) = (asked.tenant.as_str(), asked.resource.as_str());
        let sealed = self.consult(|reading| Ok(reading.secret(tenant, name)?))?;
        let key = sealed.and_then(|secret| key_of(&secret.sealed));
        match key {
            Some(key) if !self.keys.ring.has(key) => self.follow_ring(),
            _ => Ok(()),
        }
    }

    fn log_release(
        &self,
        writing: &Writing<'_>,
        asked: &Asked<'_>,
    ) -> Result<(Release, Logged), Failure> {
        let Asked {
            tenant,
            verdict,
            resource,
        } = asked;
        let reading = writing.reading();
        // Read inside of the transaction, as a verdict's time is: the wait for it may have been long.
        let now = self.moment(&reading)?;
        if now >= end(verdict) {
            return Err(EXPIRED.into());
        }
        let sealed = reading
            .secret(tenant.as_str(), resource.as_str())?
            .ok_or_else(|| Problem::NotFound(format!("no secret `{resource}` is registered")))?;
        let terms = Terms::from_bytes(&sealed.terms)
            .ok_or_else(|| reading.torn("the terms of a secret are damaged"))?;
        let rules = self.rules_in_turn(tenant, &reading)?;
        refuse_other_policy(&rules, &terms, verdict)?;
        refuse_other_launch(&rules, &terms, verdict, now)?;
        let place = Place {
            tenant,
            resource,
            version: sealed.version,
            terms: &terms,
        };
        let secret = self.keys.ring.unseal(place, &sealed.sealed)?;
        let entropy = Entropy::from_bytes(&entropy::random_secret()?);
        let release = Release::wrap(verdict.verdict(), (*resource).clone(), &secret, entropy)?;
        let record = release.record(&Circumstances {
            time: now,
            tenant: tenant.as_str(),
            session: verdict.session(),
            verdict_index: verdict.index(),
            secret_version: sealed.version,
        });
        let logged = writing.append(&Entry::new(record)?)?;
        Ok((release, logged))
    }
}

/// The first second at which nothing is released on it any more.
fn end(verdict: &LoggedVerdict) -> u64 {
    verdict.time().saturating_add(VERDICT_SECONDS)
}

/// The blob that a verdict's entry names as its exchange.
fn exchange_of(entry: &[u8]) -> Option<Digest> {
    match Entry::from_bytes(entry).ok()?.record() {
        AuditRecord::Verdict(verdict) => Some(verdict.input.exchange),
        _ => None,
    }
}

/// An accepted guest is not entitled to every secret. The policy has to be the secret's, and still
/// the very document that the verdict was given under: what an administrator withdraws is withdrawn
/// at once, not when the last verdict over it expires.
fn refuse_other_policy(
    rules: &Rules,
    terms: &Terms,
    verdict: &LoggedVerdict,
) -> Result<(), Problem> {
    if terms.policy != verdict.verdict().policy() {
        return Err(Problem::Denied("the secret is bound to another policy"));
    }
    if rules.policy.digest() != verdict.verdict().policy_digest() {
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
    verdict: &LoggedVerdict,
    now: u64,
) -> Result<(), Problem> {
    let launch = verdict.verdict().launch();
    let allowed = rules.references.values().iter().any(|reference| {
        terms.references.contains(&reference.name) && reference.allows(launch, now)
    });
    if allowed {
        return Ok(());
    }
    let why = "no reference value that the secret is bound to allows this launch now: each is \
               another launch's, was replaced or revoked, or is out of its time";
    Err(Problem::Denied(why))
}

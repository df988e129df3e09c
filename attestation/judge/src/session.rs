//! What can be judged before the evidence is opened: the claim, the session, the wrapping.

use attestation_evidence::Tee;
use attestation_verdict::Finding;

use crate::{
    Attempt, Case, CaseRejection as Reason, Freshness, NonceState, SampleTrust, Session,
    SimulatedTrust,
};

type Found = Finding<Reason>;

/// The verifier's own word; the policy's is its limits.
pub(crate) fn tee_allowed(case: &Case) -> Found {
    match case.tee {
        Tee::Simulated if case.trust.simulated == SimulatedTrust::Refused => {
            Finding::fail(Reason::SimulatedNotAllowed)
        }
        Tee::Sample if case.trust.sample == SampleTrust::Refused => {
            Finding::fail(Reason::SampleNotAllowed)
        }
        tee @ (Tee::Simulated | Tee::Sample) => Finding::Pass(format!(
            "tee `{tee}` is accepted by this verifier; it proves nothing and protects nothing"
        )),
        tee => Finding::Pass(format!("tee `{tee}`")),
    }
}

/// The nonce is the verifier's own, for this session, unused, in time.
pub(crate) fn nonce(case: &Case) -> Found {
    match &case.exchange.freshness {
        Freshness::Session(attempt) => of_attempt(attempt, case.now).into(),
        Freshness::Caller(_) => Finding::NotAsked(
            "a relying party asks: there is no session, and what has to be bound it has said"
                .to_owned(),
        ),
    }
}

fn of_attempt(attempt: &Attempt, now: u64) -> Result<String, Reason> {
    let Session::Issued(session) = &attempt.session else {
        return Err(Reason::SessionUnknown);
    };
    if session.state != NonceState::Fresh {
        return Err(Reason::NonceBurned);
    }
    if now >= session.expires_at {
        let expired_at = session.expires_at;
        return Err(Reason::NonceExpired { expired_at, now });
    }
    if attempt.runtime_data.nonce != session.nonce {
        return Err(Reason::NonceOfAnotherSession);
    }
    Ok("the nonce is this session's, used for the first time and in time".to_owned())
}

/// What nobody checks is refused, not ignored. KBS clients write an empty text or an empty object where there is none.
pub(crate) fn additional_evidence(case: &Case) -> Found {
    if matches!(case.exchange.additional_evidence.trim(), "" | "{}") {
        Finding::Pass("there is none".to_owned())
    } else {
        Finding::fail(Reason::AdditionalEvidenceUnsupported)
    }
}

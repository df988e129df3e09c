//! What can be judged before the report is opened: the claim, the session, the wrapping.

use attestation_evidence::Tee;

use super::Finding;
use crate::{AppraisalInput, NonceState, Rejection, Session, SimulatedTrust};

/// The verifier's start option, this build's abilities and the policy all have to allow the TEE.
pub(crate) fn tee_allowed(input: &AppraisalInput) -> Finding {
    let (tee, policy) = (input.tee, &input.policy);
    match (tee, &input.simulated) {
        (Tee::Simulated, SimulatedTrust::Refused) => Finding::Fail(Rejection::SimulatedNotAllowed),
        (Tee::Simulated, SimulatedTrust::Allowed { .. }) if !policy.accept_tee.contains(&tee) => {
            Finding::Fail(Rejection::TeeNotInPolicy {
                tee,
                policy: policy.name.clone(),
            })
        }
        (Tee::Simulated, SimulatedTrust::Allowed { .. }) => Finding::Pass(format!(
            "tee `simulated` is accepted by this verifier and by policy `{}`; it protects nothing",
            policy.name
        )),
        _ => Finding::Fail(Rejection::TeeNotSupported { tee }),
    }
}

/// The nonce is the verifier's own, for this session, unused, in time.
pub(crate) fn nonce(input: &AppraisalInput) -> Finding {
    let Session::Issued(session) = &input.session else {
        return Finding::Fail(Rejection::SessionUnknown);
    };
    if session.state != NonceState::Fresh {
        return Finding::Fail(Rejection::NonceBurned);
    }
    if input.now >= session.expires_at {
        let expired_at = session.expires_at;
        return Finding::Fail(Rejection::NonceExpired {
            expired_at,
            now: input.now,
        });
    }
    if input.runtime_data.nonce != session.nonce {
        return Finding::Fail(Rejection::NonceOfAnotherSession);
    }
    Finding::Pass("the nonce is this session's, used for the first time and in time".to_owned())
}

/// What nobody checks is refused, not ignored.
pub(crate) fn additional_evidence(input: &AppraisalInput) -> Finding {
    if input.additional_evidence.is_empty() {
        Finding::Pass("there is none".to_owned())
    } else {
        Finding::Fail(Rejection::AdditionalEvidenceUnsupported)
    }
}

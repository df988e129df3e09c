//! Asks every check.

mod key;
mod log;
mod pcrs;
mod quote;
mod tee;

use crate::reading::Reading;
use crate::{TpmCheck, TpmInput, TpmRejection};
use attestation_verdict::{Finding, Judgement};

/// Judges a quote, its key and what binds it. With [`crate::AkTrust::Tee`] it says nothing of the TEE's own report:
/// evidence is accepted only if the judgement about that report accepts it too.
pub fn judge(input: &TpmInput<'_>) -> Judgement<TpmRejection> {
    let reading = Reading::of(&input.evidence, input.trust);
    let case = Case {
        input,
        reading: &reading,
    };
    Judgement::of(|check| case.ask(check))
}

type Found = Finding<TpmRejection>;

/// What was given, and what was read of it.
struct Case<'a> {
    input: &'a TpmInput<'a>,
    reading: &'a Reading,
}

impl Case<'_> {
    fn ask(&self, check: TpmCheck) -> Found {
        match check {
            TpmCheck::HclFormat => self.hcl_format(),
            TpmCheck::TeeReport => self.tee_report(),
            TpmCheck::RuntimeData => self.runtime_data(),
            TpmCheck::VmConfiguration => self.vm_configuration(),
            TpmCheck::Ak => self.ak(),
            TpmCheck::QuoteFormat => self.quote_format(),
            TpmCheck::Signature => self.signature(),
            TpmCheck::Nonce => self.nonce(),
            TpmCheck::Clock => self.clock(),
            TpmCheck::PcrSelection => self.pcr_selection(),
            TpmCheck::PcrDigest => self.pcr_digest(),
            TpmCheck::Pcrs => self.pcrs(),
            TpmCheck::EventLog => self.event_log(),
        }
    }
}

fn not_made(reason: &str) -> Found {
    Finding::NotMade(reason.to_owned())
}

fn not_asked(reason: &str) -> Found {
    Finding::NotAsked(reason.to_owned())
}

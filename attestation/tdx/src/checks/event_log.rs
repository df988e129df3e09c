//! Whether the event log explains the RTMRs.

use super::{Found, quote};
use crate::TdxRejection;
use crate::judge::Case;
use attestation_verdict::Finding;
use measured_boot_event_log::{Algorithm, Log, ReadOptions, Register, Registers};

pub(crate) fn replay(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let Some(bytes) = case.input.event_log else {
        return Finding::NotAsked("there is no event log".to_owned());
    };
    let options = ReadOptions {
        registers: Some(Registers::Rtmr),
        ..ReadOptions::default()
    };
    let log = match Log::read(bytes, &options) {
        Ok(log) => log,
        Err(error) => return Finding::fail(TdxRejection::EventLogUnreadable(error.offset)),
    };
    let mut reasons = Vec::new();
    let findings = log.findings();
    if let Some(first) = findings.list().first() {
        reasons.push(TdxRejection::EventLogAmbiguous {
            offset: first.offset,
            more: findings.total().saturating_sub(1),
        });
    }
    let replay = log.replay();
    if replay
        .bank(Algorithm::SHA384)
        .is_none_or(|bank| bank.missing > 0)
    {
        reasons.push(TdxRejection::EventLogKind(
            "does not have a SHA-384 digest of every event",
        ));
    }
    for (number, register) in (0..).zip(&quote.body.rtmrs) {
        let value = replay.value(Algorithm::SHA384, Register::Rtmr(number));
        if value.is_none_or(|value| value.as_bytes() != register.0) {
            reasons.push(TdxRejection::EventLogReplay(number));
        }
    }
    Finding::from_reasons(reasons, || {
        format!("{} events replay to all four RTMRs", log.events.len())
    })
}

//! The event log.

use super::{Case, Found, not_asked, not_made};
use crate::replay::{ReplayedLog, is_initial};
use crate::{Bank, TpmRejection};
use attestation_verdict::Finding;
use measured_boot_event_log::Registers;

/// A PCR and what is quoted of it.
type Quoted<'a> = (u8, &'a [u8]);

impl Case<'_> {
    pub(super) fn event_log(&self) -> Found {
        let log = match &self.reading.log {
            None if self.input.limits.require_event_log => {
                return Finding::fail(TpmRejection::LogMissing);
            }
            None => return not_asked("no event log came along, and the limits need none"),
            Some(Err(error)) => return Finding::fail(TpmRejection::LogUnreadable(*error)),
            Some(Ok(log)) => log,
        };
        if log.registers != Registers::Pcr {
            return Finding::fail(TpmRejection::LogOfRtmrs);
        }
        if self.quote().is_none() || self.reading.covered.is_err() {
            return not_made("there are no quoted values that it could explain");
        }
        self.explains(log)
    }

    /// Nobody signs a log: it is believed as far as it makes the quoted values. A bank that is not in it may have been
    /// left out, so it has to have every bank of which it has to explain a PCR. Banks that the limits do not accept
    /// are quoted and neither explained nor believed: no other check looks at them.
    fn explains(&self, log: &ReplayedLog) -> Found {
        let accepted = |bank: &Bank| self.input.limits.banks.contains(bank);
        let mut banks = self.reading.banks();
        banks.retain(|bank, _| accepted(bank));
        if banks.is_empty() {
            return not_made("the quote covers no PCR of a bank that the limits accept");
        }
        let ambiguous = log.findings.list().iter();
        let mut reasons: Vec<_> = ambiguous
            .map(|found| TpmRejection::LogAmbiguous(*found))
            .collect();
        let mut explained = 0;
        for (bank, mut pcrs) in banks {
            pcrs.retain(|(index, _)| !self.input.limits.unlogged_pcrs.contains(index));
            explained += pcrs.len();
            reasons.extend(unexplained(log, bank, &pcrs));
        }
        if reasons.is_empty() && explained == 0 {
            return not_asked("the limits let every quoted PCR hold more than a log explains");
        }
        Finding::from_reasons(reasons, || {
            format!("{} events explain {explained} quoted PCRs", log.events)
        })
    }
}

/// Why quoted values of one bank do not follow from the log.
fn unexplained(log: &ReplayedLog, bank: Bank, pcrs: &[Quoted<'_>]) -> Vec<TpmRejection> {
    if !pcrs.is_empty() && !log.has(bank) {
        return vec![TpmRejection::LogBank(bank)];
    }
    let reason = |(index, value): &Quoted<'_>| match log.value(bank, *index) {
        Some(replayed) if replayed == *value => None,
        Some(_) => Some(TpmRejection::LogOther {
            bank,
            index: *index,
        }),
        None if is_initial(*index, value) => None,
        None => Some(TpmRejection::LogSilent {
            bank,
            index: *index,
        }),
    };
    pcrs.iter().filter_map(reason).collect()
}

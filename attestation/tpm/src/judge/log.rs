//! The event log.

use super::{Case, Found, not_asked, not_made};
use crate::replay::{ReplayedLog, is_initial};
use crate::{Bank, TpmRejection};
use attestation_verdict::Finding;
use measured_boot_event_log::Registers;

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

    fn explains(&self, log: &ReplayedLog) -> Found {
        let quoted = self.reading.banks();
        let accepted = |bank: &Bank| self.input.limits.banks.contains(bank) && log.has(*bank);
        let banks: Vec<_> = quoted.iter().filter(|(bank, _)| accepted(bank)).collect();
        if banks.is_empty() {
            return Finding::fail(TpmRejection::LogBank);
        }
        let ambiguous = log
            .findings
            .list()
            .iter()
            .map(|found| TpmRejection::LogAmbiguous(*found));
        let unexplained = banks.iter().flat_map(|(bank, pcrs)| {
            let reason =
                |(index, value): &(u8, &[u8])| self.unexplained(log, **bank, *index, value);
            pcrs.iter().filter_map(reason)
        });
        Finding::from_reasons(ambiguous.chain(unexplained), || {
            format!("{} events explain the quoted PCRs", log.events)
        })
    }

    /// Why a quoted value does not follow from the log.
    fn unexplained(
        &self,
        log: &ReplayedLog,
        bank: Bank,
        index: u8,
        value: &[u8],
    ) -> Option<TpmRejection> {
        if self.input.limits.unlogged_pcrs.contains(&index) {
            return None;
        }
        match log.value(bank, index) {
            Some(replayed) if replayed == value => None,
            Some(_) => Some(TpmRejection::LogOther { bank, index }),
            None if is_initial(index, value) => None,
            None => Some(TpmRejection::LogSilent { bank, index }),
        }
    }
}

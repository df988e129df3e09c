//! What an event log explains of quoted PCRs.

use crate::Bank;
use measured_boot_event_log::{
    Algorithm, Capped, Finding, Log, LogError, ReadOptions, Register, Registers, Replay,
};

/// A log that was read and replayed.
#[derive(Debug)]
pub(crate) struct ReplayedLog {
    pub(crate) events: usize,
    pub(crate) registers: Registers,
    pub(crate) findings: Capped<Finding>,
    replay: Replay,
}

impl ReplayedLog {
    pub(crate) fn read(log: &[u8]) -> Result<Self, LogError> {
        let log = Log::read(log, &ReadOptions::default())?;
        Ok(Self {
            events: log.events.len(),
            registers: log.registers,
            findings: log.findings(),
            replay: log.replay(),
        })
    }

    /// Whether every measured event has a digest of this bank.
    pub(crate) fn has(&self, bank: Bank) -> bool {
        let found = self.replay.bank(bank.algorithm());
        found.is_some_and(|found| found.missing == 0)
    }

    /// What it makes of a PCR; `None` if no event went into it.
    pub(crate) fn value(&self, bank: Bank, index: u8) -> Option<Vec<u8>> {
        let value = self.replay.value(bank.algorithm(), Register::Pcr(index))?;
        Some(value.as_bytes().to_vec())
    }
}

/// What a PCR holds before anything is extended into it: zeros, and ones in those of a dynamic launch that did not
/// happen (TCG *PC Client Platform TPM Profile*, §4.6.2). PCR 0 begins with the locality of startup, which only a log
/// can tell.
pub(crate) fn is_initial(index: u8, value: &[u8]) -> bool {
    let first = match index {
        17..=22 => u8::MAX,
        _ => 0,
    };
    value.iter().all(|byte| *byte == first)
}

/// The digest of PCR values in a quote's order.
pub(crate) fn digest(hash: Algorithm, values: &[&[u8]]) -> Option<Vec<u8>> {
    hash.hash(values).map(|digest| digest.as_bytes().to_vec())
}

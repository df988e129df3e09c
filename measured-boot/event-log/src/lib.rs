//! Reads TPM and CC event logs strictly, replays them into every bank, and says what no digest covers.
//!
//! A log is untrusted: it is believed only as far as its replay equals registers that a TPM or a TD has
//! signed, and even then no digest covers all of it. So reading refuses what two readers could take
//! differently ([`LogError`]), [`Log::replay`] computes the registers, [`Log::findings`] names what makes
//! a log that replays ambiguous all the same, and [`Log::coverage`] says what each digest covers.
//!
//! Sources: TCG *PC Client Platform Firmware Profile* 1.06 revision 52 (§10), TCG *EFI Protocol*
//! revision 13 (§5), UEFI 2.11 (§38, confidential computing), ACPI 6.5 (§5.2.35, CCEL), Intel *GHCI* 1.5
//! (§4.3, which register a PCR becomes in a TD).

#![forbid(unsafe_code)]

mod algorithm;
mod candidates;
mod capped;
mod ccel_table;
mod coverage;
mod error;
mod event;
mod event_type;
mod finding;
mod finding_rules;
mod log;
mod note;
mod payload;
mod printable;
mod record;
mod register;
mod replay;
mod spec_id;

pub use algorithm::{Algorithm, Digest};
pub use capped::Capped;
pub use ccel_table::{CcKind, CcelTable};
pub use coverage::{Coverage, Covered, UNCOVERED, Uncovered};
pub use error::{LogError, LogRule};
pub use event::{Digests, Event};
pub use event_type::EventType;
pub use finding::{Finding, FindingRule, Start};
pub use log::{Format, Log, MAX_LOG_BYTES, Padding, ReadOptions};
pub use note::{Note, NoteKind};
pub use payload::{DevicePath, TaggedEvent, Variable};
pub use printable::printable;
pub use register::{Register, Registers};
pub use replay::{Bank, Replay};
pub use spec_id::SpecId;

//! A whole log.

use crate::record::Records;
use crate::{CcelTable, Event, LogError, LogRule, Registers, SpecId};

/// Larger files are refused: real logs have at most 1 MiB.
pub const MAX_LOG_BYTES: usize = 16 << 20;

/// A log, read strictly. Refers to the file's bytes.
#[derive(Clone, Debug)]
pub struct Log<'a> {
    /// The form of its records.
    pub format: Format,
    /// How it names registers.
    pub registers: Registers,
    /// What a crypto-agile log declares.
    pub spec_id: Option<SpecId<'a>>,
    /// All events in the log's order, the spec ID event too.
    pub events: Vec<Event<'a>>,
    /// What fills the file after the last event.
    pub padding: Option<Padding>,
}

/// The form of a log's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TCG_PCR_EVENT: one SHA-1 digest each (EFI Protocol revision 13 §5.1).
    Legacy,
    /// TCG_PCR_EVENT2: a digest for each algorithm that the first event declares (§5.2).
    Agile,
}

/// Fill after the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Where in the file it begins.
    pub offset: usize,
    /// How many bytes.
    pub length: usize,
    /// Which: 0x00 or 0xFF.
    pub byte: u8,
}

/// How to read a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// How it names registers; if not given, what it begins with decides.
    pub registers: Option<Registers>,
    /// The ACPI table that names the area which the log lies in: it is then a CC log, and no longer.
    pub table: Option<CcelTable>,
}

impl<'a> Log<'a> {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// The place and the rule of the first thing that no log has, or that two readers could take differently.
    /// What only makes a log ambiguous is among its [findings](Log::findings).
    pub fn read(file: &'a [u8], options: &ReadOptions) -> Result<Self, LogError> {
        if file.is_empty() {
            return Err(LogRule::Empty.at(0));
        }
        if file.len() > MAX_LOG_BYTES {
            return Err(LogRule::TooLarge(file.len()).at(MAX_LOG_BYTES));
        }
        if let Some(table) = &options.table {
            table.check_log(file.len())?;
        }
        Records::new(file, options)?.read()
    }

    /// The algorithms that its events may have digests of.
    pub fn algorithms(&self) -> impl Iterator<Item = crate::Algorithm> + use<'a> {
        let agile = self.spec_id.map(|spec_id| spec_id.algorithms());
        let legacy = agile.is_none().then_some(crate::Algorithm::SHA1);
        let agile = agile.into_iter().flatten().map(|(algorithm, _)| algorithm);
        agile.chain(legacy)
    }
}

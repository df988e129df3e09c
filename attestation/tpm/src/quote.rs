//! What a TPM signs when it quotes its PCRs: TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (Part 2 §10.12.12).

use crate::pcr::Selection;
use crate::{Bank, big_endian};
use measured_boot_event_log::Algorithm;
use measured_boot_reader::{CutShort, Reader, Trailing};

/// TPM_GENERATED_VALUE: a restricted key signs nothing that begins so unless the TPM made it (Part 2 §6.2).
const MAGIC: u32 = 0xFF54_4347;
/// TPM_ST_ATTEST_QUOTE (Part 2 §6.9).
const TYPE_QUOTE: u16 = 0x8018;
/// Bytes of the largest TPMU_HA, SHA-512's, and of the TPMT_HA around it (Part 2 §10.3): no name, nonce or digest has
/// more.
const LARGEST_DIGEST: usize = 64;
const LARGEST_HASHED: usize = 2 + LARGEST_DIGEST;
/// The implementations' HASH_COUNT, generously: a selection names each bank once.
const MOST_BANKS: u32 = 16;
/// Bytes of a bitmap of 24 PCRs (Part 2 §10.6.1, PCR_SELECT_MIN and PCR_SELECT_MAX of a PC).
const SELECT_BYTES: u8 = 3;

/// What a TPM signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The qualified name of the key that signed, as the TPM knows it.
    pub qualified_signer: Vec<u8>,
    /// What the caller gave to be bound.
    pub extra_data: Vec<u8>,
    /// The TPM's clock.
    pub clock: ClockInfo,
    /// The vendor's version of the TPM's firmware.
    pub firmware_version: u64,
    /// The banks and PCRs that the digest covers, in its order.
    pub selections: Vec<Selection>,
    /// The digest of their values.
    pub pcr_digest: Vec<u8>,
}

/// A TPM's clock (TPMS_CLOCK_INFO, Part 2 §10.11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockInfo {
    /// Milliseconds that the TPM was powered.
    pub clock: u64,
    /// How often the TPM was reset.
    pub reset_count: u32,
    /// How often it was restarted or resumed since the last reset.
    pub restart_count: u32,
    /// Whether no later value of the clock was ever reported.
    pub safe: bool,
}

impl Quote {
    /// Reads a quote to its end.
    ///
    /// # Errors
    /// The place and the rule of the first thing that no quote has.
    pub fn read(bytes: &[u8]) -> Result<Self, QuoteError> {
        let mut reader = Reader::new(bytes);
        header(&mut reader)?;
        let qualified_signer = buffer(&mut reader, LARGEST_HASHED, QuoteRule::Signer)?;
        let extra_data = buffer(&mut reader, LARGEST_HASHED, QuoteRule::ExtraData)?;
        let clock = clock(&mut reader)?;
        let firmware_version = big_endian::u64(&mut reader)?;
        let selections = selections(&mut reader)?;
        let pcr_digest = buffer(&mut reader, LARGEST_DIGEST, QuoteRule::Digest)?;
        reader.end()?;
        Ok(Self {
            qualified_signer,
            extra_data,
            clock,
            firmware_version,
            selections,
            pcr_digest,
        })
    }

    /// Whether it covers a PCR of a bank.
    pub fn covers(&self, bank: Bank, index: u8) -> bool {
        let selection = |selection: &&Selection| selection.algorithm == bank.algorithm();
        let found = self.selections.iter().find(selection);
        found.is_some_and(|selection| selection.covers(index))
    }

    /// Every bank and PCR that the digest covers, in its order.
    pub fn covered(&self) -> impl Iterator<Item = (Algorithm, u8)> {
        self.selections.iter().flat_map(|selection| {
            let algorithm = selection.algorithm;
            selection.iter().map(move |index| (algorithm, index))
        })
    }
}

fn header(reader: &mut Reader<'_>) -> Result<(), QuoteError> {
    let magic = big_endian::u32(reader)?;
    if magic != MAGIC {
        return Err(QuoteRule::Magic(magic).at(0));
    }
    let offset = reader.offset();
    match big_endian::u16(reader)? {
        TYPE_QUOTE => Ok(()),
        kind => Err(QuoteRule::Kind(kind).at(offset)),
    }
}

fn buffer(
    reader: &mut Reader<'_>,
    most: usize,
    rule: fn(usize) -> QuoteRule,
) -> Result<Vec<u8>, QuoteError> {
    let offset = reader.offset();
    let bytes = big_endian::sized(reader)?;
    if bytes.len() > most {
        return Err(rule(bytes.len()).at(offset));
    }
    Ok(bytes.to_vec())
}

fn clock(reader: &mut Reader<'_>) -> Result<ClockInfo, QuoteError> {
    let clock = big_endian::u64(reader)?;
    let reset_count = big_endian::u32(reader)?;
    let restart_count = big_endian::u32(reader)?;
    let offset = reader.offset();
    let safe = match reader.u8()? {
        0 => false,
        1 => true,
        found => return Err(QuoteRule::Safe(found).at(offset)),
    };
    Ok(ClockInfo {
        clock,
        reset_count,
        restart_count,
        safe,
    })
}

fn selections(reader: &mut Reader<'_>) -> Result<Vec<Selection>, QuoteError> {
    let offset = reader.offset();
    let count = big_endian::u32(reader)?;
    if count > MOST_BANKS {
        return Err(QuoteRule::BankCount(count).at(offset));
    }
    let mut selections: Vec<Selection> = Vec::new();
    for _ in 0..count {
        let offset = reader.offset();
        let selection = selection(reader)?;
        let same = |other: &Selection| other.algorithm == selection.algorithm;
        if selections.iter().any(same) {
            return Err(QuoteRule::BankTwice(selection.algorithm).at(offset));
        }
        selections.push(selection);
    }
    Ok(selections)
}

fn selection(reader: &mut Reader<'_>) -> Result<Selection, QuoteError> {
    let algorithm = Algorithm(big_endian::u16(reader)?);
    let offset = reader.offset();
    match reader.u8()? {
        SELECT_BYTES => (),
        found => return Err(QuoteRule::SelectBytes(found).at(offset)),
    }
    let [low, middle, high] = reader.array()?;
    let pcrs = u32::from_le_bytes([low, middle, high, 0]);
    Ok(Selection { algorithm, pcrs })
}

/// Bytes are no quote that all readers take alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("offset {offset:#x}: {rule}")]
pub struct QuoteError {
    /// Where, in bytes from the quote's start.
    pub offset: usize,
    /// What it breaks there.
    pub rule: QuoteRule,
}

/// What a quote has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteRule {
    /// It ends too early.
    #[error("{wanted} bytes were to follow and {left} are left")]
    CutShort {
        /// What was to be read.
        wanted: usize,
        /// What there is.
        left: usize,
    },
    /// It goes on.
    #[error("{0} bytes follow the quote's end")]
    Trailing(usize),
    /// Not made by a TPM of its own.
    #[error("the magic is {0:#010x} and not 0xff544347: no TPM made this")]
    Magic(u32),
    /// Another attestation.
    #[error("an attestation of type {0:#06x}; a quote is 0x8018")]
    Kind(u16),
    /// The name is too long.
    #[error("a signer's name of {0} bytes; at most 66 can be")]
    Signer(usize),
    /// The nonce is too long.
    #[error("extraData of {0} bytes; at most 66 can be")]
    ExtraData(usize),
    /// Neither yes nor no.
    #[error("clockInfo.safe is {0}, neither 0 nor 1")]
    Safe(u8),
    /// More banks than there are algorithms.
    #[error("a selection of {0} banks; at most 16 can be")]
    BankCount(u32),
    /// Readers differ in which of the two they take.
    #[error("the bank of {0} is selected twice")]
    BankTwice(Algorithm),
    /// Another number of PCRs.
    #[error("a selection bitmap of {0} bytes; a PC's 24 PCRs take 3")]
    SelectBytes(u8),
    /// The digest is too long.
    #[error("a PCR digest of {0} bytes; at most 64 can be")]
    Digest(usize),
}

impl QuoteRule {
    const fn at(self, offset: usize) -> QuoteError {
        QuoteError { offset, rule: self }
    }
}

impl From<CutShort> for QuoteError {
    fn from(short: CutShort) -> Self {
        let CutShort {
            offset,
            wanted,
            left,
        } = short;
        QuoteRule::CutShort { wanted, left }.at(offset)
    }
}

impl From<Trailing> for QuoteError {
    fn from(trailing: Trailing) -> Self {
        QuoteRule::Trailing(trailing.left).at(trailing.offset)
    }
}

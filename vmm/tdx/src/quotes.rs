//! GetQuote: from the guest's report in shared memory to the quote in the same place.
//!
//! Source: Intel GHCI for TDX 1.5 (348552), section 3.3, `TDG.VP.VMCALL<GetQuote>`: the buffer begins with
//! version, status, input length and output length, of 24 bytes in all, and the data follows.
//!
//! The buffer stays the guest's: it changes its numbers while they are read and makes its pages private
//! while the quote is on its way. So the header is copied once and never read again, and every access asks
//! anew whether the memory is shared. No I/O and no clock here: whoever asks says what time it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vmm_kernel_abi::tdx::{
    QUOTE_ERROR, QUOTE_IN_FLIGHT, QUOTE_SERVICE_UNAVAILABLE, QUOTE_SUCCESS, QUOTE_VERSION,
    QuoteHeader,
};
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::VmCallStatus;
use crate::qgs::REPORT_BYTES;

/// The most quotes of a guest that are on their way at once.
pub const IN_FLIGHT: usize = 16;
/// How long a quote may take.
pub const WITHIN: Duration = Duration::from_secs(30);
/// The largest buffer.
pub const LARGEST_BUFFER: u64 = 128 * 1024;

const PAGE_BYTES: u64 = 4096;
const HEADER_BYTES: u64 = 24;
const STATUS: u64 = 8;
const OUT_LENGTH: u64 = 20;

/// What the guest finds in its buffer's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteStatus {
    /// The quote follows.
    Success,
    /// It is on its way.
    InFlight,
    /// It cannot be made.
    Error,
    /// There is nobody to make it.
    ServiceUnavailable,
}

impl QuoteStatus {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Success => QUOTE_SUCCESS,
            Self::InFlight => QUOTE_IN_FLIGHT,
            Self::Error => QUOTE_ERROR,
            Self::ServiceUnavailable => QUOTE_SERVICE_UNAVAILABLE,
        }
    }
}

/// Some of it is not memory, or not shared with the host (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotShared;

/// The guest's memory, as far as it is shared at the moment of each call; all of a range or nothing of it.
pub trait SharedMemory {
    /// Copies from guest-physical `address`.
    ///
    /// # Errors
    /// Some of it is not shared.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotShared>;

    /// Copies to guest-physical `address`.
    ///
    /// # Errors
    /// Some of it is not shared.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), NotShared>;

    /// Stores 8 bytes at guest-physical `address`, a multiple of 8, all at once. A processor that sees
    /// them sees everything that was written before.
    ///
    /// # Errors
    /// They are not shared.
    fn publish(&self, address: u64, value: u64) -> Result<(), NotShared>;

    /// Whether `bytes` from guest-physical `address` are all shared memory.
    fn is_shared(&self, address: u64, bytes: u64) -> bool;
}

/// Names one request for a quote; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuoteId(u64);

/// A quote to have made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub id: QuoteId,
    /// The guest's TDREPORT.
    pub report: Box<[u8; REPORT_BYTES]>,
    /// Bytes of the longest quote that fits.
    pub longest_quote: usize,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing is to be done but to answer this.
    Answer(VmCallStatus),
    /// The guest is answered [`VmCallStatus::Success`], and waits.
    Wanted(Wanted),
}

/// What became of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The guest finds this in its buffer.
    Told(QuoteStatus),
    /// The buffer is not shared any more: nothing was written.
    Withdrawn,
    /// It was answered before, most likely since it took too long.
    Unknown,
}

/// The requests of one guest.
#[derive(Debug)]
pub struct Quotes {
    has_service: bool,
    waiting: BTreeMap<QuoteId, Waiting>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    start: u64,
    bytes: u64,
    until: Instant,
}

impl Quotes {
    /// None yet. Without a service every request is told so.
    #[must_use]
    pub fn new(has_service: bool) -> Self {
        Self {
            has_service,
            waiting: BTreeMap::new(),
            next: 0,
        }
    }

    /// The guest's call. Both numbers are the guest's.
    pub fn ask(
        &mut self,
        now: Instant,
        start: u64,
        bytes: u64,
        memory: &impl SharedMemory,
    ) -> Asked {
        match self.judge(now, start, bytes, memory) {
            Ok(Some(wanted)) => Asked::Wanted(wanted),
            Ok(None) => Asked::Answer(VmCallStatus::Success),
            Err(status) => Asked::Answer(status),
        }
    }

    fn judge(
        &mut self,
        now: Instant,
        start: u64,
        bytes: u64,
        memory: &impl SharedMemory,
    ) -> Result<Option<Wanted>, VmCallStatus> {
        judge_range(start, bytes)?;
        if !memory.is_shared(start, bytes) {
            return Err(VmCallStatus::InvalidOperand);
        }
        judge_header(start, memory)?;
        if !self.has_service {
            publish(memory, start, QuoteStatus::ServiceUnavailable)?;
            return Ok(None);
        }
        if self.waiting.values().any(|one| one.overlaps(start, bytes)) {
            return Err(VmCallStatus::GpaInUse);
        }
        if self.waiting.len() >= IN_FLIGHT {
            return Err(VmCallStatus::Retry);
        }
        let mut report = Box::new([0; REPORT_BYTES]);
        let read = memory.read(start + HEADER_BYTES, &mut *report);
        read.map_err(|_| VmCallStatus::InvalidOperand)?;
        publish(memory, start, QuoteStatus::InFlight)?;
        let id = self.keep(Waiting {
            start,
            bytes,
            until: now + WITHIN,
        });
        let longest_quote = usize::try_from(bytes - HEADER_BYTES).unwrap_or(0);
        Ok(Some(Wanted {
            id,
            report,
            longest_quote,
        }))
    }

    fn keep(&mut self, waiting: Waiting) -> QuoteId {
        let id = QuoteId(self.next);
        self.next += 1;
        self.waiting.insert(id, waiting);
        id
    }

    /// The quote is there, or will not come: tells the guest.
    pub fn finish(
        &mut self,
        id: QuoteId,
        quote: Result<&[u8], QuoteStatus>,
        memory: &impl SharedMemory,
    ) -> Finished {
        match self.waiting.remove(&id) {
            Some(waiting) => waiting.tell(quote, memory),
            None => Finished::Unknown,
        }
    }

    /// Tells the guest of every quote that took too long, and names them.
    pub fn expire(&mut self, now: Instant, memory: &impl SharedMemory) -> Vec<(QuoteId, Finished)> {
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, one)| one.until <= now);
        self.waiting = waiting;
        let told = |one: Waiting| one.tell(Err(QuoteStatus::Error), memory);
        late.into_iter().map(|(id, one)| (id, told(one))).collect()
    }

    /// When [`Self::expire`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|one| one.until).min()
    }

    /// How many are on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }
}

impl Waiting {
    fn overlaps(self, start: u64, bytes: u64) -> bool {
        // Neither end wraps: both were judged.
        start < self.start + self.bytes && self.start < start + bytes
    }

    fn tell(self, quote: Result<&[u8], QuoteStatus>, memory: &impl SharedMemory) -> Finished {
        match self.try_tell(quote, memory) {
            Ok(status) => Finished::Told(status),
            Err(NotShared) => Finished::Withdrawn,
        }
    }

    /// The data, then its length, then, behind a barrier, the status that the guest waits for.
    fn try_tell(
        self,
        quote: Result<&[u8], QuoteStatus>,
        memory: &impl SharedMemory,
    ) -> Result<QuoteStatus, NotShared> {
        let (status, quote) = match quote {
            Ok(quote) if self.has_room_for(quote) => (QuoteStatus::Success, quote),
            Ok(_) => (QuoteStatus::Error, &[][..]),
            Err(status) => (status, &[][..]),
        };
        if !memory.is_shared(self.start, self.bytes) {
            return Err(NotShared);
        }
        let length = u32::try_from(quote.len()).map_err(|_| NotShared)?;
        if !quote.is_empty() {
            memory.write(self.start + HEADER_BYTES, quote)?;
        }
        memory.write(self.start + OUT_LENGTH, &length.to_le_bytes())?;
        memory.publish(self.start + STATUS, status.number())?;
        Ok(status)
    }

    fn has_room_for(self, quote: &[u8]) -> bool {
        u64::try_from(quote.len()).is_ok_and(|length| length <= self.bytes - HEADER_BYTES)
    }
}

/// Whole pages, at least one, not too many, that do not wrap.
fn judge_range(start: u64, bytes: u64) -> Result<(), VmCallStatus> {
    if bytes == 0 {
        return Err(VmCallStatus::InvalidOperand);
    }
    if !start.is_multiple_of(PAGE_BYTES) || !bytes.is_multiple_of(PAGE_BYTES) {
        return Err(VmCallStatus::AlignError);
    }
    if bytes > LARGEST_BUFFER || start.checked_add(bytes).is_none() {
        return Err(VmCallStatus::InvalidOperand);
    }
    Ok(())
}

fn publish(
    memory: &impl SharedMemory,
    start: u64,
    status: QuoteStatus,
) -> Result<(), VmCallStatus> {
    let published = memory.publish(start + STATUS, status.number());
    published.map_err(|_| VmCallStatus::InvalidOperand)
}

/// Version 1, and one TDREPORT: there is nothing else to quote.
fn judge_header(start: u64, memory: &impl SharedMemory) -> Result<(), VmCallStatus> {
    let mut header = QuoteHeader::new_zeroed();
    let read = memory.read(start, header.as_mut_bytes());
    let input_bytes = usize::try_from(header.in_len.get());
    let is_report = input_bytes.is_ok_and(|bytes| bytes == REPORT_BYTES);
    match read.is_ok() && header.version.get() == QUOTE_VERSION && is_report {
        true => Ok(()),
        false => Err(VmCallStatus::InvalidOperand),
    }
}

#[cfg(test)]
#[path = "quotes_tests.rs"]
mod tests;

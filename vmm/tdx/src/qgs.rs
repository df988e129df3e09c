//! The quote generation service's messages.
//!
//! Source: Intel DCAP 1.22, `QuoteGeneration/quote_wrapper/qgs_msg_lib` and `qgs/se_trace` of its server: a
//! frame is a big-endian length and a packed little-endian message, whose header names version, type, size
//! and error code. One request goes over one connection.
//!
//! The service is a program of the host and its answers are untrusted bytes: [`Reply`] takes exactly one
//! answer and refuses everything that is not written down, before it keeps a byte more than was asked for.
//! Whether a quote is one is for the guest and its verifier to judge; here it is opaque.

use thiserror::Error;

/// Bytes of a TDREPORT (Intel TDX module ABI 1.5, 348551, "TDREPORT_STRUCT").
pub const REPORT_BYTES: usize = 1024;

const LENGTH_BYTES: usize = 4;
const HEADER_BYTES: usize = 16;
/// Header, `selected_id_size`, `quote_size`.
const RESPONSE_BYTES: usize = HEADER_BYTES + 8;

const MAJOR_VERSION: u16 = 1;
const MINOR_VERSION: u16 = 1;
const GET_QUOTE_REQUEST: u32 = 0;
const GET_QUOTE_RESPONSE: u32 = 1;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QgsFault {
    /// The frame's length is none that an answer to this request has.
    #[error(
        "the quote generation service announces an answer of {length} bytes, not of {HEADER_BYTES} to {most}"
    )]
    Length {
        /// What it announces.
        length: u32,
        /// The most that fits into the guest's buffer.
        most: usize,
    },
    /// More than one frame.
    #[error("the quote generation service sends more than the answer that it announced")]
    Trailing,
    /// The connection ended too soon.
    #[error(
        "the quote generation service closed the connection after {bytes} bytes, before its answer was complete"
    )]
    Closed {
        /// What came.
        bytes: usize,
    },
    /// A field of the header is not what an answer has.
    #[error(
        "the quote generation service's answer has {field} {found}, not {expected}; is it of another version?"
    )]
    Field {
        /// Which.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it must hold.
        expected: u64,
    },
    /// It makes no quote.
    #[error("the quote generation service makes no quote: error {code:#x} ({})", meaning(*code))]
    Refused {
        /// Its `error_code`.
        code: u32,
    },
    /// A quote without bytes.
    #[error("the quote generation service's quote is empty")]
    Empty,
}

/// `qgs_msg_error_t` (`qgs_msg_lib.h`), in words.
fn meaning(code: u32) -> &'static str {
    match code {
        0x12001 => "unexpected: look into its log, `journalctl -u qgsd`",
        0x12002 => "it is out of memory",
        0x12003 => "invalid parameter: it does not take the guest's report",
        0x12004 => "another version of its messages",
        0x12005 => "another type of message",
        0x12006 => "another size of message",
        0x12007 => "another error code",
        _ => "unknown: look into its log, `journalctl -u qgsd`",
    }
}

/// The frame that asks for the quote of a report.
#[must_use]
pub fn request(report: &[u8; REPORT_BYTES]) -> Vec<u8> {
    const MESSAGE_BYTES: u32 = 24 + 1024;
    const NO_ID_LIST: u32 = 0;
    let mut frame = MESSAGE_BYTES.to_be_bytes().to_vec();
    frame.extend(MAJOR_VERSION.to_le_bytes());
    frame.extend(MINOR_VERSION.to_le_bytes());
    for word in [GET_QUOTE_REQUEST, MESSAGE_BYTES, 0, 1024, NO_ID_LIST] {
        frame.extend(word.to_le_bytes());
    }
    frame.extend(report);
    frame
}

/// One answer, collected as it comes.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    longest_quote: usize,
}

impl Reply {
    /// One that is to bring a quote of at most `longest_quote` bytes.
    #[must_use]
    pub fn new(longest_quote: usize) -> Self {
        Self {
            bytes: Vec::new(),
            longest_quote,
        }
    }

    /// Takes what came, and gives the quote when it is complete.
    ///
    /// # Errors
    /// This is no answer, or one without a quote. Nothing more is to be taken then.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, QgsFault> {
        let room = LENGTH_BYTES + RESPONSE_BYTES + self.longest_quote - self.bytes.len();
        let fitting = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..fitting]);
        let Some(length) = self.announced()? else {
            return Ok(None);
        };
        let message = &self.bytes[LENGTH_BYTES..];
        if fitting < bytes.len() || message.len() > length {
            return Err(QgsFault::Trailing);
        }
        if message.len() < length {
            return Ok(None);
        }
        quote(message).map(|quote| Some(quote.to_vec()))
    }

    /// The connection ended.
    #[must_use]
    pub fn closed(&self) -> QgsFault {
        QgsFault::Closed {
            bytes: self.bytes.len(),
        }
    }

    /// The length in front, once it is there and can be.
    fn announced(&self) -> Result<Option<usize>, QgsFault> {
        let Some(length) = self.bytes.first_chunk().copied().map(u32::from_be_bytes) else {
            return Ok(None);
        };
        let most = RESPONSE_BYTES + self.longest_quote;
        let fits = |length: &usize| (HEADER_BYTES..=most).contains(length);
        let found = usize::try_from(length).ok().filter(fits);
        found.map(Some).ok_or(QgsFault::Length { length, most })
    }
}

/// The quote in a whole message.
fn quote(message: &[u8]) -> Result<&[u8], QgsFault> {
    let size = message.len() as u64;
    expect("major version", half(message, 0)?, MAJOR_VERSION.into())?;
    expect("minor version", half(message, 2)?, MINOR_VERSION.into())?;
    expect("type", word(message, 4)?, GET_QUOTE_RESPONSE.into())?;
    expect("size", word(message, 8)?, size)?;
    match u32_at(message, 12) {
        Some(0) => {}
        Some(code) => return Err(QgsFault::Refused { code }),
        None => return Err(short(message)),
    }
    // No list of ids was sent, so none can have been selected.
    expect("size of the selected id", word(message, HEADER_BYTES)?, 0)?;
    let quote_size = size.saturating_sub(RESPONSE_BYTES as u64);
    expect(
        "size of the quote",
        word(message, HEADER_BYTES + 4)?,
        quote_size,
    )?;
    match message.get(RESPONSE_BYTES..) {
        Some([]) | None => Err(QgsFault::Empty),
        Some(quote) => Ok(quote),
    }
}

fn expect(field: &'static str, found: u64, expected: u64) -> Result<(), QgsFault> {
    match found == expected {
        true => Ok(()),
        false => Err(QgsFault::Field {
            field,
            found,
            expected,
        }),
    }
}

fn half(message: &[u8], offset: usize) -> Result<u64, QgsFault> {
    let bytes = message.get(offset..).and_then(|rest| rest.first_chunk());
    let found = bytes.copied().map(u16::from_le_bytes);
    found.map(u64::from).ok_or_else(|| short(message))
}

fn word(message: &[u8], offset: usize) -> Result<u64, QgsFault> {
    let found = u32_at(message, offset);
    found.map(u64::from).ok_or_else(|| short(message))
}

fn u32_at(message: &[u8], offset: usize) -> Option<u32> {
    let bytes = message.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// A message that ends before a field that it must have.
fn short(message: &[u8]) -> QgsFault {
    QgsFault::Field {
        field: "size",
        found: message.len() as u64,
        expected: RESPONSE_BYTES as u64,
    }
}

#[cfg(test)]
#[path = "qgs_tests.rs"]
mod tests;

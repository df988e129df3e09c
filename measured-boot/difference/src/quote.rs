//! TDX quotes: their fields, and what differs between two, or between one and an event log.

use crate::{Difference, Shown};
use measured_boot_event_log::{Algorithm, Log, Register};
use thiserror::Error;

/// Header of a quote (Intel, *TDX DCAP Quoting Library API*, A.3).
const HEADER: usize = 48;
/// Type and size before the body, in version 5.
const DESCRIPTOR: usize = 6;
/// The body of TDX 1.0; that of 1.5 goes on after it.
const BODY: usize = 584;

/// What a quote says of a trust domain. Nothing of it is verified.
#[derive(Clone, Copy, Debug)]
pub struct QuoteFields<'a> {
    /// 4 or 5.
    pub version: u16,
    body: &'a [u8],
}

/// The bytes are no quote of a trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuoteFault {
    /// They end before the body does.
    #[error("at offset {at:#x}: a quote's body of {BODY} bytes does not fit in {length} bytes")]
    Truncated {
        /// Where the body begins.
        at: usize,
        /// How many bytes there are.
        length: usize,
    },
    /// Another kind of quote.
    #[error("at offset 0: no quote of version 4 or 5 of a trust domain (TEE type 0x81)")]
    Kind,
}

/// Name, offset in the body, length, what follows from a difference.
#[rustfmt::skip] // a table
const FIELDS: [(&str, usize, usize, Option<&str>); 10] = [
    ("TEE_TCB_SVN", 0, 16, Some("the TDX module and its loader: another version")),
    ("MRSEAM", 16, 48, Some("another build of the TDX module")),
    ("MRSIGNERSEAM", 64, 48, None),
    ("SEAMATTRIBUTES", 112, 8, None),
    ("TDATTRIBUTES", 120, 8, Some("bit 0 is DEBUG: the host reads such a guest")),
    ("XFAM", 128, 8, Some("which CPU state the guest may use")),
    ("MRCONFIGID", 184, 48, Some("chosen by the host at launch")),
    ("MROWNER", 232, 48, Some("chosen by the host at launch")),
    ("MROWNERCONFIG", 280, 48, Some("chosen by the host at launch")),
    ("REPORTDATA", 520, 64, Some("what the guest asked to have signed: new for each quote")),
];
const MRTD: usize = 136;
const RTMR0: usize = 328;

impl<'a> QuoteFields<'a> {
    /// Reads the header and body of a quote; what follows is its signature.
    ///
    /// # Errors
    /// It is cut off, or another kind of quote.
    pub fn read(quote: &'a [u8]) -> Result<Self, QuoteFault> {
        let version = match (quote.get(..2), quote.get(4..8)) {
            (Some([version @ (4 | 5), 0]), Some([0x81, 0, 0, 0])) => u16::from(*version),
            _ => return Err(QuoteFault::Kind),
        };
        let at = if version == 5 {
            HEADER + DESCRIPTOR
        } else {
            HEADER
        };
        let length = quote.len();
        let body = quote
            .get(at..at + BODY)
            .ok_or(QuoteFault::Truncated { at, length })?;
        Ok(Self { version, body })
    }

    fn digest(&self, offset: usize) -> [u8; 48] {
        let mut digest = [0; 48];
        digest.copy_from_slice(&self.body[offset..offset + 48]);
        digest
    }

    /// MRTD: what was launched.
    pub fn mrtd(&self) -> [u8; 48] {
        self.digest(MRTD)
    }

    /// A runtime measurement register, 0 to 3; zeros for others.
    pub fn rtmr(&self, number: u8) -> [u8; 48] {
        match usize::from(number) {
            number @ 0..=3 => self.digest(RTMR0 + 48 * number),
            _ => [0; 48],
        }
    }

    /// The fields beside the registers, in hexadecimal.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        FIELDS.iter().map(|(name, offset, length, _)| {
            (*name, hex::encode(&self.body[*offset..offset + length]))
        })
    }

    /// Whether TDATTRIBUTES let the host debug the guest.
    pub fn debug_allowed(&self) -> bool {
        self.body[120] & 1 == 1
    }
}

/// The registers and fields in which two quotes differ.
pub fn quotes(a: &QuoteFields<'_>, b: &QuoteFields<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let registers = [("MRTD".to_owned(), a.mrtd(), b.mrtd())]
        .into_iter()
        .chain((0..4).map(|number| (format!("RTMR{number}"), a.rtmr(number), b.rtmr(number))));
    for (register, a, b) in registers.filter(|(_, a, b)| a != b) {
        differences.push(Difference::Digest {
            register,
            a: hex::encode(a),
            b: hex::encode(b),
        });
    }
    let fields = a.fields().zip(b.fields()).zip(&FIELDS);
    let fields = fields.filter(|(((_, a), (_, b)), _)| a != b);
    differences.extend(fields.map(|(((field, a), (_, b)), row)| Difference::Field {
        field,
        shown: Shown::Reported,
        a,
        b,
        advice: row.3,
    }));
    differences
}

/// The registers that the replay of a log does not give as a quote has them: `a` is the quote's.
pub fn quote_and_log(quote: &QuoteFields<'_>, log: &Log<'_>) -> Vec<Difference> {
    let replay = log.replay();
    let value = |number| {
        let value = replay.value(Algorithm::SHA384, Register::Rtmr(number));
        value.map_or_else(|| "not in the log".to_owned(), |value| value.to_string())
    };
    let registers = (0..4).map(|number| (number, hex::encode(quote.rtmr(number)), value(number)));
    registers
        .filter(|(_, a, b)| a != b)
        .map(|(number, a, b)| Difference::Digest {
            register: format!("RTMR{number}"),
            a,
            b,
        })
        .collect()
}

/// What a log lacks of a register, so that with it the replay gives the quote's value.
///
/// Firmware and kernel measure on after the log was taken: the end of boot services, and the separator of
/// systemd 261 and later.
pub fn missing_at_the_end(
    quote: &QuoteFields<'_>,
    log: &Log<'_>,
    number: u8,
) -> Option<&'static [&'static str]> {
    const INVOCATION: &str = "Exit Boot Services Invocation";
    const SUCCESS: &str = "Exit Boot Services Returned with Success";
    const FAILURE: &str = "Exit Boot Services Returned with Failure";
    const SUFFIXES: [&[&str]; 7] = [
        &[INVOCATION],
        &[SUCCESS],
        &[INVOCATION, SUCCESS],
        &[INVOCATION, FAILURE],
        &["os-separator"],
        &[INVOCATION, SUCCESS, "os-separator"],
        &[SUCCESS, "os-separator"],
    ];
    let replayed = log
        .replay()
        .value(Algorithm::SHA384, Register::Rtmr(number))?;
    SUFFIXES.into_iter().find(|suffix| {
        let extend = |value: measured_boot_event_log::Digest, text: &&str| {
            let digest = Algorithm::SHA384.hash(&[text.as_bytes()])?;
            Algorithm::SHA384.hash(&[value.as_bytes(), digest.as_bytes()])
        };
        let end = suffix.iter().try_fold(replayed, extend);
        end.is_some_and(|end| end.as_bytes() == quote.rtmr(number))
    })
}

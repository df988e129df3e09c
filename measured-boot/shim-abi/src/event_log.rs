//! The event log that a TD's kernel shows as /sys/firmware/acpi/tables/data/CCEL.
//!
//! Source: TCG PC Client Platform Firmware Profile rev 1.06, sections 10.2 and 10.4.5; UEFI 2.11, section
//! 38.4.1 (which register an index is).

use crate::{PieceKind, Refusal};

const EV_NO_ACTION: u32 = 3;
const EV_IPL: u32 = 13;
const SHA384: u16 = 0xC;
const SHA384_BYTES: u16 = 48;

/// Writes a log into a zeroed area, event by event.
pub struct EventLog<'a> {
    rest: &'a mut [u8],
}

/// What is extended for a piece: into which register, as which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceEvent {
    /// The RTMR, 0 to 2.
    pub rtmr: u32,
    /// The event's type.
    pub kind: u32,
    /// The event's data.
    pub data: &'static str,
}

impl PieceKind {
    /// The event of a piece of this kind. What is extended is the SHA-384 in the load table.
    #[must_use]
    pub const fn event(self) -> PieceEvent {
        let (rtmr, data) = match self {
            Self::Acpi => (0, "cloister acpi"),
            Self::Kernel => (1, "cloister kernel"),
            Self::Cmdline => (2, "cloister cmdline"),
            Self::Initrd => (2, "cloister initrd"),
        };
        PieceEvent {
            rtmr,
            kind: EV_IPL,
            data,
        }
    }
}

/// TCG_PCR_EVENT of the specification event: index, type, a zero SHA-1, size; then the event.
const SPECIFICATION: &[&[u8]] = &[
    &0_u32.to_le_bytes(),
    &EV_NO_ACTION.to_le_bytes(),
    &[0; 20],
    &33_u32.to_le_bytes(),
    b"Spec ID Event03\0",
    &0_u32.to_le_bytes(), // platform class: client
    &[0, 2, 105, 2],      // family 2.0, errata 105, 64-bit UINTN
    &1_u32.to_le_bytes(),
    &SHA384.to_le_bytes(),
    &SHA384_BYTES.to_le_bytes(),
    &[0],
];

impl<'a> EventLog<'a> {
    /// Begins a log with the event that says how the others are to be read.
    ///
    /// # Errors
    /// [`Refusal::EventLog`].
    pub fn new(area: &'a mut [u8]) -> Result<Self, Refusal> {
        let mut log = Self { rest: area };
        log.write(SPECIFICATION)?;
        Ok(log)
    }

    /// Appends an event with its digest.
    ///
    /// # Errors
    /// [`Refusal::EventLog`] where the area is full.
    pub fn append(&mut self, event: &PieceEvent, sha384: &[u8; 48]) -> Result<(), Refusal> {
        let length = u32::try_from(event.data.len()).map_err(|_| Refusal::EventLog)?;
        // Index 0 is MRTD, 1 to 4 are RTMR0 to RTMR3.
        self.write(&[
            &(event.rtmr + 1).to_le_bytes(),
            &event.kind.to_le_bytes(),
            &1_u32.to_le_bytes(),
            &SHA384.to_le_bytes(),
            sha384,
            &length.to_le_bytes(),
            event.data.as_bytes(),
        ])
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), Refusal> {
        for part in parts {
            let rest = core::mem::take(&mut self.rest);
            let (place, rest) = rest
                .split_at_mut_checked(part.len())
                .ok_or(Refusal::EventLog)?;
            place.copy_from_slice(part);
            self.rest = rest;
        }
        Ok(())
    }
}

//! What the shim tells the kernel: in boot_params, in the MADT, in the event log.
//!
//! Source: Linux 6.12, Documentation/arch/x86/{boot,zero-page}.rst.

use measured_boot_shim_abi::layout::{CC_BLOB, EVENT_LOG, EVENT_LOG_BYTES};
use measured_boot_shim_abi::{
    E820Entry, EventLog, Loads, Ram, Refusal, Span, enable_processors, madt_length,
};
use zerocopy::IntoBytes;

use crate::memory;
use crate::tdx;

const E820_COUNT: usize = 0x1E8;
const SETUP_DATA: usize = 0x250;
const E820_TABLE: usize = 0x2D0;
const E820_ROOM: usize = 128;

/// Tells of memory.
pub fn tell_memory(ram: &Ram, loads: &Loads<'_>) -> Result<(), Refusal> {
    memory::change_boot_params(|params| {
        let table = &mut params[E820_TABLE..][..E820_ROOM * size_of::<E820Entry>()];
        let mut places = table.chunks_exact_mut(size_of::<E820Entry>());
        let mut count = 0;
        for entry in ram.e820(loads.ranges()) {
            let place = places.next().ok_or(Refusal::Internal)?;
            place.copy_from_slice(entry.as_bytes());
            count += 1;
        }
        params[E820_COUNT] = count;
        Ok(())
    })
}

/// Tells of SNP's secrets and CPUID pages: the measured SETUP_CC_BLOB becomes the head of setup_data.
pub fn tell_cc_blob() {
    memory::change_boot_params(|params| {
        params[SETUP_DATA..][..8].copy_from_slice(&CC_BLOB.to_le_bytes());
    });
}

/// Enables the TD's processors in the MADT.
pub fn tell_processors(loads: &Loads<'_>) -> Result<(), Refusal> {
    let Some(start) = loads.madt() else {
        return Ok(());
    };
    let header = Span::new(start, 8).ok_or(Refusal::Madt)?;
    let length = memory::read(header, madt_length)?.ok_or(Refusal::Madt)?;
    let table = loads.madt_of(length)?;
    let count = tdx::processors()?;
    memory::change(table, |table| enable_processors(table, count))?
}

/// Writes the TD's event log: one event a piece, in the order in which the registers were extended.
pub fn tell_events(loads: &Loads<'_>) -> Result<(), Refusal> {
    let area = Span::new(EVENT_LOG, EVENT_LOG_BYTES).ok_or(Refusal::EventLog)?;
    memory::change(area, |area| {
        let mut log = EventLog::new(area)?;
        let mut pieces = loads.pieces();
        pieces.try_for_each(|piece| log.append(&piece.kind.event(), piece.sha384))
    })?
}

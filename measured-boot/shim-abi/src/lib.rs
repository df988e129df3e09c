//! The boot shim's formats and judgements: load table, memory map, CPUID page, refusals; no allocation, no std.
//!
//! The plan writes these bytes, the shim reads them. What the shim *decides* (which memory to validate,
//! whether a CPUID page lies) is here too, so that ordinary tests and fuzz targets reach it.

#![no_std]
#![forbid(unsafe_code)]

mod cpuid;
mod event_log;
pub mod layout;
mod load_table;
mod loads;
mod madt;
mod memory_map;
mod ram;
mod refusal;
mod reset_page;
mod secrets;
mod span;

pub use cpuid::{CpuidFunction, CpuidPage, MAX_CPUID_FUNCTIONS};
pub use event_log::{EventLog, PieceEvent};
pub use load_table::{
    LOAD_TABLE_MAGIC, LoadTable, MAX_PIECES, MAX_RANGES, Piece, PieceKind, RangeUse, SpecialRange,
};
pub use loads::{Load, Loads};
pub use madt::{enable_processors, madt_length};
pub use memory_map::{MemoryMap, MemoryMapEntry};
pub use ram::{E820_ACPI, E820_NVS, E820_RAM, E820_RESERVED, E820Entry, MAX_RAM_RANGES, Page, Ram};
pub use refusal::{REASON_SET, Refusal, SENTENCE_BYTES};
pub use reset_page::{TDX_MAGIC, tdx_reset_page};
pub use secrets::SecretsPage;
pub use span::{LARGE_PAGE, PAGE, Span};

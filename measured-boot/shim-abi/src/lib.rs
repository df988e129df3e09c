//! The boot shim's formats and judgements: load table, memory map, CPUID page, refusals; no allocation, no std.
//!
//! The plan writes these bytes, the shim reads them. What the shim *decides* (which memory to validate,
//! whether a CPUID page lies) is here too, so that ordinary tests and fuzz targets reach it.

#![no_std]
#![forbid(unsafe_code)]

pub mod layout;
mod load_table;
mod memory_map;
mod refusal;

pub use load_table::{
    LOAD_TABLE_MAGIC, LoadTable, MAX_PIECES, MAX_RANGES, Piece, PieceKind, RangeUse, SpecialRange,
};
pub use memory_map::{MemoryMap, MemoryMapEntry};
pub use refusal::{REASON_SET, Refusal};

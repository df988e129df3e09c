//! What the shim judges, and every reason for which it refuses.

mod cpuid;
mod event_log;
mod load_table;
mod madt;
mod memory_map;
mod places;
mod ram;
mod refusal;
mod secrets;

//! Evidence in every accepted form, and what is refused in each.

mod builders;
mod documents;
mod dstack;
mod memory;
mod plain;
mod properties;
mod sev;
mod table;
mod vectors;

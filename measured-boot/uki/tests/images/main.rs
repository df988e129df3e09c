//! Images that others made, that are made here, and that are spoilt.

mod chosen;
mod covered;
mod hostile_pe;
mod loaded;
mod measuring;
mod peers;
mod spoilt;
mod stubs;
mod support;
mod vectors;

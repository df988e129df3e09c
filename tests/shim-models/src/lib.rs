//! Runs the boot shim's measured bytes in an instruction emulator, with models of RMP, GHCB and TD.
//!
//! A [`Launch`] is what a launch plan hands to the secure processor and what the host adds; a test changes
//! it as a hostile host would. [`Launch::run`] lets the models in `models/` (Python, around Unicorn) carry
//! it out and says how it [`Ended`].

#![forbid(unsafe_code)]

mod launch;
mod run;

pub use launch::{Kind, Launch, Placed, Wake};
pub use run::{Ended, KernelEnded, Outcome, Parked, Woken, python};

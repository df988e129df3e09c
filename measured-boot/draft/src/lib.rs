//! What appears under its name whole or not at all: signals that wait for it, and the place that it is
//! made in.
//!
//! Programs that make such things differ in how they tell an abandoned draft from one that is being
//! made. What they share is here.

mod interrupt;
mod place;

pub use interrupt::{Deferral, Interrupted, catch_signals, check, end_if_interrupted, pause_while};
pub use place::{directory_of, gone_is_fine, name_of, open_own};

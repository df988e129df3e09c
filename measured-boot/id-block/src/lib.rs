//! The ID block: made, signed and checked.
//!
//! A guest's owner signs the launch digest that may bear the owner's identity; the secure processor
//! refuses any other launch at LAUNCH_FINISH and shows the keys' digests in its reports. Source: AMD
//! 56860 rev 1.58, SNP_LAUNCH_FINISH.

#![forbid(unsafe_code)]

mod check;
mod keys;

pub use check::{IdFault, Identity, authenticate, key_digest};
pub use keys::{IdKey, KeyError};

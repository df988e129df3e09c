//! IGVM files, right ones and wrong ones.

mod read;
mod refusals;
#[allow(dead_code, reason = "others make files by it too")]
mod support;

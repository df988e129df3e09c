//! IGVM files, right ones and wrong ones.

mod read;
mod refusals;
mod support;

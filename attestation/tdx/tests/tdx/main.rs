//! TDX quotes, real and made, and what is said of them.

mod real_quotes;
mod vectors;

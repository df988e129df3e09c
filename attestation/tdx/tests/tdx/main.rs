//! TDX quotes, real and made, and what is said of them.

mod accepted;
mod event_log;
mod flips;
mod platform;
mod readers;
mod real_quotes;
mod refused_chain;
mod refused_collateral;
mod refused_quote;
mod refused_td;
mod seen;
mod support;

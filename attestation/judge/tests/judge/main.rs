//! Whole cases: what the service judges, and what an auditor replays.

mod corim;
mod init_data;
mod reference;
mod sample;
mod session;
mod simulated;
mod snp;
mod support;
mod tdx;
mod vectors;

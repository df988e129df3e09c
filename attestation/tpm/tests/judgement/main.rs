//! Judges quotes: real ones, a TPM's recorded ones, and ones made by hand so that each part can be spoilt.

mod forge;
mod hcl_refused;
mod hostile;
mod key_refused;
mod log_edit;
mod log_refused;
mod pcrs_refused;
mod quote_refused;
mod real;
mod recorded;
mod support;

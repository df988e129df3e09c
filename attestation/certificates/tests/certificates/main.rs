//! What certificates and lists are taken, which are refused, and why.

mod chains;
#[path = "../forge/mod.rs"]
mod forge;
mod format;
mod intel;
mod issuing;
mod lists;
mod pem;
mod real;
mod seen;
mod vectors;

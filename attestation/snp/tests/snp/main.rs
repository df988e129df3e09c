//! What is accepted, and what is refused for which reason.

mod accepted;
mod claims;
mod hostile;
mod limits;
mod real;
mod refused_certificates;
mod refused_guest;
mod refused_key;
mod refused_launch;
mod refused_report;
mod refused_tcb;
mod vectors;

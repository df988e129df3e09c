//! The rules of an appraisal, as a relying party can read them: what is accepted, and for each
//! check the evidence that it alone refuses.

mod accepted;
mod formats;
mod real_reports;
mod refused_certificates;
mod refused_claims;
mod refused_launch;
mod refused_report;

//! Evidence made here, and a table of what can be wrong with it.
//!
//! A [`Scene`] is evidence that is accepted, as data before it is signed. A [`Case`] changes one thing; keys of the
//! scene sign what results, so that nothing else is wrong, and the case says which check refuses it, and why.

#![forbid(unsafe_code)]

mod case;
#[expect(
    unused_imports,
    reason = "scenes need a part of what certificates can be made of"
)]
#[path = "../../../attestation/certificates/tests/forge/mod.rs"]
#[allow(missing_docs, reason = "it is written for tests")]
mod forge;
pub mod snp;
pub mod tpm;

pub use case::{Case, Fault, Reason, Scene};

/// Every case of every kind of evidence, to be tried.
pub fn all() -> Vec<Tried> {
    let mut all = tried(snp::cases());
    all.extend(tried(tpm::cases()));
    all
}

/// A case that was tried.
#[derive(Debug)]
pub struct Tried {
    /// Kind of evidence and name of the case.
    pub name: String,
    /// The check that has to refuse it.
    pub check: &'static str,
    /// For which reason.
    pub code: &'static str,
    /// What is not as the table says.
    pub fault: Option<Fault>,
}

fn tried<S: Scene>(cases: Vec<Case<S>>) -> Vec<Tried> {
    let tried = cases.into_iter().map(|case| Tried {
        fault: case.try_it().err(),
        name: format!("{}: {}", S::KIND, case.name),
        check: case.check,
        code: case.code,
    });
    tried.collect()
}

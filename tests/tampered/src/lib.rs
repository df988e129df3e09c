//! Evidence made here, and a table of what can be wrong with it.
//!
//! A [`Scene`] is evidence that is accepted, as data before it is signed. A [`Case`] changes one thing; keys of the
//! scene sign what results, so that nothing else is wrong, and the case says which check refuses it, and why.

#![forbid(unsafe_code)]
#![allow(clippy::too_many_lines, reason = "tables, a row each")]

mod case;
#[expect(
    unused_imports,
    reason = "scenes need a part of what certificates can be made of"
)]
#[path = "../../../attestation/certificates/tests/forge/mod.rs"]
#[allow(missing_docs, reason = "it is written for tests")]
mod forge;
pub mod snp;
pub mod tdx;
pub mod tpm;

pub use case::{Case, Fault, Reason, Scene};

/// A row of the table.
pub struct Row {
    /// Kind of evidence and name of the case.
    pub name: String,
    /// The check that has to refuse it.
    pub check: &'static str,
    /// For which reason.
    pub code: &'static str,
    try_it: Box<dyn Fn() -> Result<(), Fault>>,
}

impl Row {
    /// Has it judged.
    ///
    /// # Errors
    /// It is not refused as the table says.
    pub fn try_it(&self) -> Result<(), Fault> {
        (self.try_it)()
    }
}

/// Every case of every kind of evidence.
pub fn all() -> Vec<Row> {
    let mut all = rows(snp::cases());
    all.extend(rows(tdx::cases()));
    all.extend(rows(tpm::cases()));
    all
}

fn rows<S: Scene + 'static>(cases: Vec<Case<S>>) -> Vec<Row> {
    let row = |case: Case<S>| Row {
        name: format!("{}: {}", S::KIND, case.name),
        check: case.check,
        code: case.code,
        try_it: Box::new(move || case.try_it()),
    };
    cases.into_iter().map(row).collect()
}

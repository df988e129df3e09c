//! Everything that is kept in one document, for machines without a network.
//!
//! `{"version":1,"documents":[…]}`: every document as [`crate::Document`] is written, one a line, sorted by subject,
//! without the time at which it came. The same content is the same bytes.

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::inventory::rank;
use crate::{Collateral, CollateralError, Document};

/// The most bytes of an export that are read.
pub const MAX_EXPORT_BYTES: usize = 64 << 20;
const VERSION: u32 = 1;

/// What an export holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export<'a> {
    version: u32,
    #[serde(borrow)]
    documents: Vec<&'a RawValue>,
}

/// Bytes are no export.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// Longer than any.
    #[error("{0} bytes, more than any export has")]
    TooLarge(usize),
    /// Not of its form.
    #[error("not what `cloister collateral export` writes (line {line}, column {column})")]
    Form {
        /// Where reading stopped.
        line: usize,
        /// Where in that line.
        column: usize,
    },
    /// Another version.
    #[error("version {0} of the form, where this program knows 1")]
    Version(u32),
}

/// What became of one document of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its subject's name, or where it is in the export if it has none.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is kept now.
    Kept,
    /// The same was here.
    Same,
    /// It is not used, for this reason.
    Refused(String),
}

impl Collateral {
    /// Everything that is kept and in its dates, as one document.
    pub fn export(&self) -> String {
        let now = self.surroundings.now();
        let state = self.state();
        let all = state.cache.all().into_iter();
        let good = all.filter(|entry| entry.proven.validity.contains(now));
        let lines: Vec<_> = good
            .map(|entry| entry.proven.document.to_portable_json())
            .collect();
        let separator = if lines.is_empty() { "" } else { "\n" };
        let list = lines.join(",\n");
        format!("{{\"version\":{VERSION},\"documents\":[{separator}{list}{separator}]}}\n")
    }

    /// Proves everything in an export as if a vendor had answered it, and keeps what is good and not older than what is
    /// here.
    ///
    /// # Errors
    /// It is no export: nothing is kept then.
    pub fn import(&self, export: &[u8]) -> Result<Vec<Imported>, ImportError> {
        if export.len() > MAX_EXPORT_BYTES {
            return Err(ImportError::TooLarge(export.len()));
        }
        let read: Export<'_> =
            serde_json::from_slice(export).map_err(|error| ImportError::Form {
                line: error.line(),
                column: error.column(),
            })?;
        if read.version != VERSION {
            return Err(ImportError::Version(read.version));
        }
        let now = self.surroundings.now();
        let mut imported = Vec::new();
        let mut documents = Vec::new();
        for (place, text) in (1..).zip(read.documents) {
            match Document::read(text.get().as_bytes(), now) {
                Ok(document) => documents.push(document),
                Err(why) => imported.push(Imported {
                    name: format!("document {place}"),
                    outcome: Outcome::Refused(why),
                }),
            }
        }
        documents.sort_by_key(|document| rank(&document.subject));
        imported.extend(
            documents
                .into_iter()
                .map(|document| self.import_one(document)),
        );
        Ok(imported)
    }

    fn import_one(&self, document: Document) -> Imported {
        let name = document.subject.to_string();
        let outcome = match self.is_here(&document) {
            true => Outcome::Same,
            false => self.import_new(document),
        };
        Imported { name, outcome }
    }

    fn import_new(&self, document: Document) -> Outcome {
        let body = document.body.clone();
        match self.accept(document, "the export") {
            Ok(kept) if kept.body() == body => Outcome::Kept,
            Ok(_) => Outcome::Refused("a later one is here".to_owned()),
            Err(CollateralError::Unproven { why, .. }) => Outcome::Refused(why.to_string()),
            Err(CollateralError::Older { older, .. }) => Outcome::Refused(format!("it is {older}")),
            Err(error) => Outcome::Refused(error.to_string()),
        }
    }

    /// Whether the same is kept, whenever it came.
    pub(crate) fn is_here(&self, document: &Document) -> bool {
        let now = self.surroundings.now();
        let state = self.state();
        let kept = state.cache.peek(&document.subject, now);
        kept.is_some_and(|kept| {
            let kept = &kept.document;
            (&kept.body, &kept.issuer_chain) == (&document.body, &document.issuer_chain)
        })
    }
}

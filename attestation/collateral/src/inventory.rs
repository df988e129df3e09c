//! What is kept.

use attestation_certificates::{Observation, Validity};

use crate::error::ShelfError;
use crate::{Collateral, Document, Subject};

/// One document that is kept, in its dates.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What it is about.
    pub subject: Subject,
    /// Within which it is handed out.
    pub validity: Validity,
    /// When it was asked for last, unix seconds.
    pub fetched: u64,
    /// How new it is; certificates have no such number.
    pub observation: Option<Observation>,
    /// Whether a newer one is asked for at the next occasion.
    pub due: bool,
}

/// A file of the directory that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub file: String,
    /// Why.
    pub why: String,
}

impl Collateral {
    /// Everything that is kept and in its dates now, by name.
    pub fn list(&self) -> Vec<Listed> {
        let now = self.surroundings.now();
        let state = self.state();
        let all = state.cache.all().into_iter();
        let good = all.filter(|entry| entry.proven.validity.contains(now));
        good.map(|entry| Listed {
            subject: entry.proven.document.subject.clone(),
            validity: entry.proven.validity,
            fetched: entry.fetched,
            observation: entry.proven.observation,
            due: entry.is_due(now, self.settings.refresh_every),
        })
        .collect()
    }

    /// Reads every file of the directory again, and proves it: the files that are not used, with why.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn check(&self) -> Result<Vec<LeftOut>, ShelfError> {
        let found = self.shelf.documents(self.surroundings.now())?;
        let mut left_out: Vec<_> = found
            .left_out
            .into_iter()
            .map(|(file, why)| LeftOut { file, why })
            .collect();
        for document in found.read {
            let name = document.subject.to_string();
            if let Err(why) = self.is_good(document) {
                left_out.push(LeftOut { file: name, why });
            }
        }
        Ok(left_out)
    }

    fn is_good(&self, document: Document) -> Result<(), String> {
        let proven = self.prove(document).map_err(|why| why.to_string())?;
        match &proven.observation {
            Some(one) => self
                .seen()
                .check(one)
                .map_err(|older| format!("it is {older}")),
            None => Ok(()),
        }
    }

    /// Takes up what is in the directory and good: lists first, since they say which signers are revoked.
    pub(crate) fn read_back(&self) -> Result<(), ShelfError> {
        let mut found = self.shelf.documents(self.surroundings.now())?.read;
        found.sort_by_key(|document| (rank(&document.subject), document.fetched));
        for document in found {
            if self.is_here(&document) {
                continue;
            }
            // What is not good stays where it is: `check` says why, and a better one takes its place.
            let _left_out = self.prove(document).map(|proven| self.take_up(&proven));
        }
        Ok(())
    }
}

/// What others are proven with comes before them.
pub(crate) const fn rank(subject: &Subject) -> u8 {
    match subject {
        Subject::RootList | Subject::AmdList(_) => 0,
        Subject::PckList(_) | Subject::AmdChain(..) => 1,
        _ => 2,
    }
}

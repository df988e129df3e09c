//! What a TDX quote is judged with.

use std::sync::Arc;
use std::time::Duration;

use attestation_certificates::Observation;
use attestation_tdx::{Piece, ProvenCollateral};

use crate::error::CollateralError;
use crate::keeper::{Held, State, TdxSet};
use crate::proof::{Proven, intel};
use crate::question::TdxCollateral;
use crate::{Collateral, Note, Subject, TdxQuestion};

/// The most sets that are kept proven together; proving one again costs a millisecond.
const MOST_SETS: usize = 64;

impl Collateral {
    /// What a quote of this platform is judged with, within this time.
    ///
    /// # Errors
    /// A piece is not to be had in its dates, or the pieces do not hold together.
    pub fn tdx(
        &self,
        question: &TdxQuestion,
        within: Duration,
    ) -> Result<TdxCollateral, CollateralError> {
        let until = self.surroundings.elapsed() + within;
        let mut held = self.pieces(question, until)?;
        let mut set = self.together(question, &held)?;
        let behind = behind(&held, &set.1);
        if !behind.is_empty() {
            // One of them is newer than the others: they are asked for once more.
            for subject in &behind {
                self.state().cache.outdate(subject);
            }
            held = self.pieces(question, until)?;
            set = self.together(question, &held)?;
        }
        let problems = set.1.problems();
        if !problems.is_empty() {
            let reasons: Vec<_> = problems.iter().map(ToString::to_string).collect();
            return Err(does_not_hold(question, reasons.join("; ")));
        }
        let mut notes: Vec<_> = held.iter().filter_map(|held| held.note.clone()).collect();
        notes.extend(evaluations_differ(&held));
        let documents = set.0.each_ref().map(|proven| &proven.document);
        let document =
            intel::assemble(&documents).map_err(|why| does_not_hold(question, why.to_string()))?;
        Ok(TdxCollateral {
            proven: set.1,
            document,
            notes,
        })
    }

    /// Intel's lists and the identity of its quoting enclave, so that they are there when a quote comes.
    ///
    /// # Errors
    /// One of them is not to be had in its dates.
    pub fn tdx_lists(&self, within: Duration) -> Result<Vec<Note>, CollateralError> {
        let until = self.surroundings.elapsed() + within;
        let lists = crate::PckCa::ALL.map(Subject::PckList);
        let mut subjects = vec![Subject::RootList, Subject::QeIdentity];
        subjects.extend(lists);
        let mut notes = Vec::new();
        for subject in subjects {
            notes.extend(self.ensure(&subject, until)?.note);
        }
        Ok(notes)
    }

    fn pieces(
        &self,
        question: &TdxQuestion,
        until: Duration,
    ) -> Result<[Held; 4], CollateralError> {
        let [root_list, pck_list, identity, info] = question.subjects();
        Ok([
            self.ensure(&root_list, until)?,
            self.ensure(&pck_list, until)?,
            self.ensure(&identity, until)?,
            self.ensure(&info, until)?,
        ])
    }

    /// The pieces proven together, once for the same pieces.
    fn together(
        &self,
        question: &TdxQuestion,
        held: &[Held; 4],
    ) -> Result<TdxSet, CollateralError> {
        let pieces = held.each_ref().map(|held| Arc::clone(&held.proven));
        if let Some(set) = self.state().kept_set(question, &pieces) {
            return Ok(set);
        }
        let documents = pieces.each_ref().map(|proven| &proven.document);
        let collateral =
            intel::assemble(&documents).map_err(|why| does_not_hold(question, why.to_string()))?;
        let proven = ProvenCollateral::prove(collateral, &self.roots.intel);
        let set = (pieces, Arc::new(proven));
        let mut state = self.state();
        if state.sets.len() >= MOST_SETS {
            state.sets.clear();
        }
        state.sets.insert(*question, set.clone());
        Ok(set)
    }
}

impl State {
    fn kept_set(&self, question: &TdxQuestion, pieces: &[Arc<Proven>; 4]) -> Option<TdxSet> {
        let set = self.sets.get(question)?;
        let same = set.0.iter().zip(pieces).all(|(a, b)| Arc::ptr_eq(a, b));
        same.then(|| set.clone())
    }
}

/// The pieces that need a newer one: that of the older evaluation, and those whose signer is revoked by now.
fn behind(held: &[Held; 4], set: &ProvenCollateral) -> Vec<Subject> {
    let [_, pck_list, identity, info] = held.each_ref().map(|held| &held.proven.document.subject);
    let mut behind = Vec::new();
    if let Some((of_identity, of_info)) = evaluations(held).filter(|(a, b)| a != b) {
        let lower = if of_identity < of_info {
            identity
        } else {
            info
        };
        behind.push(lower.clone());
    }
    for reason in set.problems() {
        behind.extend(match intel::piece_of(reason) {
            Some(Piece::PckCa | Piece::PckCrl | Piece::PckCrlChain) => Some(pck_list.clone()),
            Some(Piece::QeSigner | Piece::QeIdentity | Piece::QeSignerChain) => {
                Some(identity.clone())
            }
            Some(Piece::TcbSigner | Piece::TcbInfo | Piece::TcbSignerChain) => Some(info.clone()),
            _ => None,
        });
    }
    behind
}

/// Of the identity, and of the TCB info.
fn evaluations(held: &[Held; 4]) -> Option<(u32, u32)> {
    let [_, _, identity, info] = held.each_ref().map(|held| held.proven.observation);
    match (identity?, info?) {
        (
            Observation::Identity {
                evaluation: of_identity,
                ..
            },
            Observation::TcbInfo {
                evaluation: of_info,
                ..
            },
        ) => Some((of_identity, of_info)),
        _ => None,
    }
}

fn evaluations_differ(held: &[Held; 4]) -> Option<Note> {
    let (identity, info) = evaluations(held).filter(|(a, b)| a != b)?;
    Some(Note {
        what: "TCB info and QE identity".to_owned(),
        says: format!(
            "of evaluations {info} and {identity}, which no judgement accepts together: Intel has not answered with both of one yet"
        ),
    })
}

fn does_not_hold(question: &TdxQuestion, why: String) -> CollateralError {
    CollateralError::Set {
        fmspc: hex::encode_upper(question.fmspc),
        why,
    }
}

//! The documents of attestation: what clients send, what an operator registers.

use crate::{Bound, Target};
use attestation_evidence::{
    Attestation, Challenge, ErrorBody, Request, SimulatedEvidence, VerifierPins, from_json,
};
use attestation_judge::{Exchange, ReferenceValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A document that is understood means the same when it is written and read again.
///
/// The first byte says as what the rest is read.
pub const JSON: Target = Target {
    name: "json",
    // What is kept, what it was decoded from, and the text; each in a block that doubles.
    bound: Bound {
        factor: 16,
        constant: 8 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((kind, json)) = bytes.split_first() else {
        return false;
    };
    match kind {
        b'r' => read::<Request>(json, bound).is_some(),
        b'c' => read::<Challenge>(json, bound).is_some(),
        b'a' => read::<Attestation>(json, bound).is_some(),
        b'e' => read::<ErrorBody>(json, bound).is_some(),
        b'p' => read::<VerifierPins>(json, bound).is_some(),
        b's' => read::<SimulatedEvidence>(json, bound).is_some(),
        b'R' => read::<ReferenceValue>(json, bound).is_some(),
        b'x' => read::<Exchange>(json, bound).is_some(),
        _ => false,
    }
}

fn read<T: DeserializeOwned + Serialize>(json: &[u8], bound: &Bound) -> Option<T> {
    let document: T = bound.holds(json, || from_json("document", json).ok())?;
    let write = |document: &T| serde_json::to_vec(document).expect("it has string keys only");
    let written = write(&document);
    let again = from_json("document", &written).expect("we wrote it");
    assert_eq!(write(&again), written);
    Some(document)
}

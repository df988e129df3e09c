//! The documents of attestation: what clients send, what an operator registers.

use crate::{Bound, Target};
use attestation_evidence::{
    Attestation, Challenge, ErrorBody, Request, SimulatedEvidence, VerifierPins, from_json,
};
use attestation_verify::{AppraisalInput, Policy, ReferenceValue, appraise};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A document that is understood means the same when it is written and read again; what an appraisal
/// depends on gives the same verdict each time.
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

fn check(bytes: &[u8], bound: &Bound) {
    let Some((kind, json)) = bytes.split_first() else {
        return;
    };
    match kind {
        b'r' => drop(read::<Request>(json, bound)),
        b'c' => drop(read::<Challenge>(json, bound)),
        b'a' => drop(read::<Attestation>(json, bound)),
        b'e' => drop(read::<ErrorBody>(json, bound)),
        b'p' => drop(read::<VerifierPins>(json, bound)),
        b's' => drop(read::<SimulatedEvidence>(json, bound)),
        b'P' => drop(read::<Policy>(json, bound)),
        b'R' => drop(read::<ReferenceValue>(json, bound)),
        b'A' => {
            if let Some(input) = read::<AppraisalInput>(json, bound) {
                assert_eq!(appraise(&input), appraise(&input));
            }
        }
        _ => {}
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

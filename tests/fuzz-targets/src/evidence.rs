//! Evidence in every form that is known.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_shapes::{Evidence, SnpEvidence, TdxEvidence, TpmEvidence};

/// The same bytes are read the same way each time; evidence of a kind is what is read where that kind is asked for.
pub const EVIDENCE: Target = Target {
    name: "evidence",
    // JSON is read as a tree: a number of two characters is a value of some 70 bytes, in a list that doubles; texts are
    // decoded once more for each layer around them.
    bound: Bound {
        factor: 160,
        constant: 64 << 10,
    },
    longest: 16 << 10,
    vectors: &[
        "trustee/deps/verifier/test_data",
        "virtee-sev/tests/certs_data",
        "go-sev-guest/verify/testdata",
        "dcap-qvl-0.7.1/sample",
    ],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let read = bound.holds(bytes, || Evidence::read(bytes));
    assert_eq!(Evidence::read(bytes), read);
    let (snp, tdx, tpm) = bound.holds(bytes, || {
        (
            SnpEvidence::read(bytes),
            TdxEvidence::read(bytes),
            TpmEvidence::read(bytes),
        )
    });
    let errors = [snp.as_ref().err(), tdx.as_ref().err(), tpm.as_ref().err()];
    for error in errors.into_iter().flatten() {
        is_plain(&error.to_string());
    }
    match read {
        Ok(Evidence::Snp(evidence)) => assert_eq!(snp, Ok(evidence)),
        Ok(Evidence::Tdx(evidence)) => assert_eq!(tdx, Ok(evidence)),
        Ok(Evidence::Tpm(evidence)) => assert_eq!(tpm, Ok(evidence)),
        Err(error) => {
            is_plain(&error.to_string());
            return false;
        }
    }
    true
}

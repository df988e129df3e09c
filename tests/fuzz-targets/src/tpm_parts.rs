//! Attestation keys, signatures and tables of PCRs.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_tpm::{AttestationKey, PcrTable, Signature};

/// A key that is read is the same read from its one encoding; nothing that is refused is repeated.
///
/// The first byte says as what the rest is read.
pub const TPM_PARTS: Target = Target {
    name: "tpm_parts",
    // Tables are JSON, read as a tree of values of some 100 bytes for two of text.
    bound: Bound {
        factor: 96,
        constant: 8 << 10,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((kind, rest)) = bytes.split_first() else {
        return false;
    };
    let refused = |error: String| {
        is_plain(&error);
        false
    };
    match kind {
        b'k' => match bound.holds(rest, || AttestationKey::read(rest)) {
            Ok(key) => {
                let again = AttestationKey::from_spki(&key.to_spki());
                assert_eq!(again.as_ref(), Ok(&key));
                true
            }
            Err(error) => refused(error.to_string()),
        },
        b's' => match bound.holds(rest, || Signature::read(rest)) {
            Ok(_) => true,
            Err(error) => refused(error.to_string()),
        },
        b'p' => match bound.holds(rest, || PcrTable::from_json(rest)) {
            Ok(_) => true,
            Err(error) => refused(error.to_string()),
        },
        _ => false,
    }
}

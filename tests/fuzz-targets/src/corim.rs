//! Signed reference values.

use crate::cbor::head;
use crate::{Bound, Target};
use measured_boot_reference_values::{
    Alternative, CorimRejection, ReferenceSet, Signature, Signed, Tee, Validity, VerifyingKey,
    Workload, scan,
};
use p384::ecdsa::SigningKey;
use p384::ecdsa::signature::Signer;
use std::sync::LazyLock;

/// What is taken is written as it was read; what somebody else signed is never taken.
///
/// The input is read as a whole file, and as the CoRIM within a file that is signed here: behind a
/// signature no fuzzer would get.
pub const CORIM: Target = Target {
    name: "corim",
    // A launch of 80 bytes becomes 200 with its registers, in a list that doubles; texts are copied.
    bound: Bound {
        factor: 16,
        constant: 16 << 10,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

const VALIDITY: Validity = Validity {
    not_before: 1000,
    not_after: 2000,
};

/// A key that everybody knows.
static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_slice(&[7; 48]).expect("it is below the order"));

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let key = verifying_key();
    match bound.holds(bytes, || Signed::open(bytes, &key, 1500)) {
        Ok(signed) => {
            let unsigned = signed
                .set
                .unsigned(&signed.signer, &key)
                .expect("it was checked");
            let payload = unsigned.payload();
            assert!(bytes.windows(payload.len()).any(|part| part == payload));
        }
        Err(rejection) => check_rejection(&rejection, bytes),
    }
    // What is no CBOR is refused before anything else is looked at.
    if scan(bytes, 0).is_err() {
        return false;
    }
    let file = around(bytes);
    match bound.holds(&file, || Signed::open(&file, &key, 1500)) {
        Ok(signed) => {
            let again = signed
                .set
                .unsigned(&signed.signer, &key)
                .expect("it was checked");
            assert_eq!(again.payload(), bytes);
            true
        }
        Err(rejection) => {
            check_rejection(&rejection, &file);
            false
        }
    }
}

fn check_rejection(rejection: &CorimRejection, file: &[u8]) {
    let offset = match rejection {
        CorimRejection::Cbor(fault) => fault.offset,
        CorimRejection::Shape { offset, .. }
        | CorimRejection::Algorithm { offset, .. }
        | CorimRejection::OtherKey { offset, .. }
        | CorimRejection::Profile { offset }
        | CorimRejection::Contradiction { offset, .. } => *offset,
        _ => 0,
    };
    assert!(offset <= file.len(), "{rejection}");
    assert!(!rejection.to_string().chars().any(char::is_control));
}

pub(crate) fn verifying_key() -> VerifyingKey {
    let point = KEY.verifying_key().to_sec1_point(false);
    let bytes = point.as_bytes().try_into().expect("97 bytes");
    VerifyingKey::from_point(&bytes).expect("a point of the curve")
}

/// A file with this CoRIM, rightly signed: the header of a file of our own, put around it.
fn around(payload: &[u8]) -> Vec<u8> {
    static PROTECTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let own = set()
            .unsigned("fuzz", &verifying_key())
            .expect("it is whole");
        let message = own.to_be_signed();
        // [ "Signature1", protected, h'', payload ]
        let after = 1 + 1 + "Signature1".len();
        let mut payload = Vec::new();
        string(2, own.payload(), &mut payload);
        message[after..message.len() - payload.len() - 1].to_vec()
    });
    let mut message = vec![0x84];
    string(3, b"Signature1", &mut message);
    message.extend(&*PROTECTED);
    string(2, b"", &mut message);
    string(2, payload, &mut message);
    let signature: p384::ecdsa::Signature = KEY.sign(&message);
    let signature: Signature = signature.to_bytes().into();
    let mut file = vec![0xD2, 0x84];
    file.extend(&*PROTECTED);
    file.push(0xA0);
    string(2, payload, &mut file);
    string(2, &signature, &mut file);
    file
}

fn string(major: u8, bytes: &[u8], to: &mut Vec<u8>) {
    head(major, u64::try_from(bytes.len()).expect("a length"), to);
    to.extend(bytes);
}

fn set() -> ReferenceSet {
    ReferenceSet {
        workload: Workload {
            name: "fuzz".to_owned(),
            version: None,
        },
        tee: Tee::Snp,
        alternatives: vec![Alternative {
            vcpus: 1,
            digest: [1; 48],
            rtmrs: [None; 4],
        }],
        validity: VALIDITY,
        min_svn: None,
        sbom: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corim_that_is_signed_here_is_taken() {
        let own = set().unsigned("fuzz", &verifying_key()).expect("whole");
        let file = around(own.payload());
        let signed = Signed::open(&file, &verifying_key(), 1500).expect("signed");
        assert_eq!((signed.signer.as_str(), signed.set), ("fuzz", set()));
    }
}

//! Revocation lists, PEM or DER.

use crate::certificate::check_error;
use crate::{Bound, Target};
use attestation_certificates::{Crl, Number};
use x509_parser::parse_x509_crl;

/// x509-parser, where it reads the list, finds the same serial numbers and dates in it.
pub const REVOCATION_LIST: Target = Target {
    name: "revocation_list",
    // A serial number of one byte, with its date in 20, is kept in 20 bytes, in a list that doubles.
    bound: Bound {
        factor: 12,
        constant: 16 << 10,
    },
    longest: 8 << 10,
    vectors: &["go-tdx-guest/testdata", "intel-qvl/sampleData"],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let crl = match bound.holds(bytes, || Crl::read(bytes)) {
        Ok(crl) => crl,
        Err(error) => return check_error(&error),
    };
    assert_eq!(Crl::from_der(crl.der()).as_ref(), Ok(&crl));
    compare(&crl);
    true
}

fn compare(crl: &Crl) {
    let Ok((rest, other)) = parse_x509_crl(crl.der()) else {
        return;
    };
    assert!(rest.is_empty());
    assert_eq!(
        crl.revoked_count(),
        other.iter_revoked_certificates().count()
    );
    for entry in other.iter_revoked_certificates() {
        let serial = Number::from_bytes(
            entry
                .raw_serial()
                .strip_prefix(&[0])
                .unwrap_or(entry.raw_serial()),
        );
        assert!(serial.is_some_and(|serial| crl.lists(serial)));
    }
    let seconds = |date: x509_parser::time::ASN1Time| u64::try_from(date.timestamp()).ok();
    assert_eq!(Some(crl.this_update()), seconds(other.last_update()));
    assert_eq!(crl.next_update(), other.next_update().and_then(seconds));
}

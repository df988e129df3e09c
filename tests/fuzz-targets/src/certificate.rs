//! Certificates, PEM or DER, one or a bundle.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_certificates::{Certificate, ChainProblem, FormatError, prove_chain};
use x509_parser::parse_x509_certificate;

/// Each certificate of a bundle is the same read alone; x509-parser, where it reads it, finds the same in it; no
/// chain of what anybody sent is proven under no root.
pub const CERTIFICATE: Target = Target {
    name: "certificate",
    // An extension of 7 bytes is 40 in a list that doubles; a certificate is kept with two copies of its key beside.
    bound: Bound {
        factor: 24,
        constant: 16 << 10,
    },
    longest: 8 << 10,
    vectors: &[
        "virtee-sev/src/certs",
        "virtee-sev/tests/certs_data",
        "trustee/deps/verifier/src/snp",
        "trustee/deps/verifier/test_data/snp",
        "go-sev-guest/verify",
        "intel-qvl/sampleData",
    ],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let all = match bound.holds(bytes, || Certificate::bundle(bytes)) {
        Ok(all) => all,
        Err(error) => return check_error(&error),
    };
    assert!((1..=Certificate::MAX_BUNDLE).contains(&all.len()));
    for one in &all {
        assert_eq!(Certificate::from_der(one.der()).as_ref(), Ok(one));
        compare(one);
        let problems = prove_chain(&[one], &[], 0).expect_err("nothing is trusted");
        assert!(problems.contains(&ChainProblem::Root));
        problems
            .iter()
            .for_each(|problem| is_plain(&problem.to_string()));
    }
    assert_eq!(Certificate::read(bytes).is_ok(), all.len() == 1);
    true
}

/// Never accepted.
pub(crate) fn check_error(error: &FormatError) -> bool {
    is_plain(&error.to_string());
    false
}

fn compare(one: &Certificate) {
    // It knows more kinds of strings and fewer wrong ones.
    let Ok((rest, other)) = parse_x509_certificate(one.der()) else {
        return;
    };
    assert!(rest.is_empty());
    assert_eq!(one.subject(), other.subject().as_raw());
    assert_eq!(one.issuer(), other.issuer().as_raw());
    assert_eq!(one.public_key_info(), other.public_key().raw);
    let serial = other.raw_serial();
    let first = serial.iter().position(|byte| *byte != 0);
    let digits: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = first.map_or("0", |_| digits.trim_start_matches('0'));
    assert_eq!(one.serial().to_string(), digits);
    let dates = other.validity();
    let seconds = |date: x509_parser::time::ASN1Time| u64::try_from(date.timestamp()).ok();
    assert_eq!(Some(one.validity().not_before), seconds(dates.not_before));
    assert_eq!(Some(one.validity().not_after), seconds(dates.not_after));
}

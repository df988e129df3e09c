//! PEM, and bundles.

use crate::forge::pem;
use crate::format::right;
use attestation_certificates::{Certificate, FormatError};

#[test]
fn pem_is_the_der_in_it() {
    let der = right();
    let expected = Certificate::from_der(&der);
    assert!(expected.is_ok());
    let text = pem("CERTIFICATE", &der);
    for text in [
        text.clone(),
        text.replace('\n', "\r\n"),
        format!("\n{text}\n\n"),
        format!("{text}\0"),
        format!("{}\0", text.trim_end()),
    ] {
        assert_eq!(Certificate::read(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn pem_with_anything_else_is_refused() {
    let text = pem("CERTIFICATE", &right());
    let first_line = text.find('\n').expect("it has lines") + 1;
    let last = text.lines().count();
    let with_line = |line: &str| format!("{}{line}\n{}", &text[..first_line], &text[first_line..]);
    for (wrong, line) in [
        (format!("{text}more"), last + 1),
        (text.replace("CERTIFICATE", "X509 CRL"), 1),
        (text.replace("END CERTIFICATE", "END X509 CRL"), last),
        (text.replace("-----END CERTIFICATE-----\n", ""), last),
        (with_line("-"), 2),
        (with_line("Proc-Type: 4"), 2),
        (with_line(&"A".repeat(1028)), 2),
        (text.replacen("MII", "M=I", 1), last),
        (format!("{text}\0\n\0"), last + 1),
        (format!("{text}\0\0"), last + 1),
    ] {
        match Certificate::read(wrong.as_bytes()) {
            Err(FormatError::Pem { line: found, .. }) => assert_eq!(found, line, "{wrong}"),
            other => panic!("{other:?}: {wrong}"),
        }
    }
}

#[test]
fn text_before_pem_is_refused() {
    let text = format!("subject: somebody\n{}", pem("CERTIFICATE", &right()));
    assert!(Certificate::read(text.as_bytes()).is_err());
}

#[test]
fn two_certificates_are_a_bundle_and_not_one() {
    let text = pem("CERTIFICATE", &right()).repeat(2);
    assert_eq!(
        Certificate::read(text.as_bytes()),
        Err(FormatError::NotOne { found: 2 })
    );
    assert_eq!(
        Certificate::bundle(text.as_bytes()).map(|all| all.len()),
        Ok(2)
    );
}

#[test]
fn bundle_of_too_many_is_refused() {
    let limit = Certificate::MAX_BUNDLE;
    let error = Err(FormatError::TooMany { limit });
    let text = pem("CERTIFICATE", &right());
    let der = right();
    assert_eq!(
        Certificate::bundle(text.repeat(limit).as_bytes()).map(|all| all.len()),
        Ok(limit)
    );
    assert_eq!(
        Certificate::bundle(text.repeat(limit + 1).as_bytes()),
        error
    );
    assert_eq!(
        Certificate::bundle(&der.repeat(limit)).map(|all| all.len()),
        Ok(limit)
    );
    assert_eq!(Certificate::bundle(&der.repeat(limit + 1)), error);
}

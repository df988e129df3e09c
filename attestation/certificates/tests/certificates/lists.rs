//! Revocation lists, and everything that is wrong with them.

use crate::forge::{
    Draft, Key, ListDraft, WITHIN, constructed, extension, integer, name, number, octets, pem, tlv,
};
use attestation_certificates::der::DerError;
use attestation_certificates::{
    Certificate, Crl, CrlIssuer, CrlProblem, FormatError, IssueProblem, Number, Observation, Seen,
    Validity,
};

fn certificate(draft: &Draft, key: &Key) -> Certificate {
    Certificate::from_der(&draft.signed_by(key)).expect("it is well formed")
}

fn root(key: &Key) -> Certificate {
    certificate(&Draft::authority("root", key, "root", key), key)
}

fn read(der: &[u8]) -> Crl {
    Crl::from_der(der).expect("it is well formed")
}

/// What a list is refused for after this change to its draft; the signature is right.
fn problems(change: impl FnOnce(&mut ListDraft)) -> Vec<CrlProblem> {
    let key = Key::p384();
    let mut draft = ListDraft::new("root", &key, &[7]);
    change(&mut draft);
    let list = read(&draft.signed_by(&key));
    list.prove(&root(&key), WITHIN).err().unwrap_or_default()
}

fn format_error(change: impl FnOnce(&mut ListDraft)) -> FormatError {
    let key = Key::p384();
    let mut draft = ListDraft::new("root", &key, &[7]);
    change(&mut draft);
    Crl::from_der(&draft.signed_by(&key)).expect_err("it is wrong")
}

#[test]
fn list_of_each_kind_of_key_is_proven() {
    for key in [Key::p256(), Key::p384(), Key::rsa()] {
        let list = read(&ListDraft::new("root", &key, &[7, 3]).signed_by(&key));
        let expected = Validity {
            not_before: list.this_update(),
            not_after: list.next_update().expect("it says so"),
        };
        assert_eq!(list.prove(&root(&key), WITHIN), Ok(expected));
        assert_eq!(list.number(), Some(Number::from(5)));
        assert_eq!(list.revoked_count(), 2);
    }
}

#[test]
fn list_revokes_certificates_of_its_own_issuer_only() {
    let key = Key::p384();
    let list = read(&ListDraft::new("root", &key, &[0, 9]).signed_by(&key));
    let mut draft = Draft::leaf("leaf", &key, "root", &key);
    for (serial, revoked) in [(0, true), (9, true), (1, false)] {
        draft.serial = number(serial);
        assert_eq!(
            list.revokes(&certificate(&draft, &key)),
            revoked,
            "{serial}"
        );
    }
    // AMD's leaves all have serial number 0; the list of the root says nothing of them.
    draft.serial = number(0);
    draft.issuer = name("another");
    assert!(!list.revokes(&certificate(&draft, &key)));
    assert!(!list.covers(&certificate(&draft, &key)));
    assert!(list.lists(Number::from(0)));
}

#[test]
fn list_of_nothing_revokes_nothing() {
    let key = Key::p384();
    let list = read(&ListDraft::new("root", &key, &[]).signed_by(&key));
    assert!(list.prove(&root(&key), WITHIN).is_ok());
    assert_eq!(list.revoked_count(), 0);
}

#[test]
fn list_signed_by_another_key_is_refused() {
    let key = Key::p384();
    let list = read(&ListDraft::new("root", &key, &[7]).signed_by(&key));
    let refused = list.prove(&root(&Key::p384()), WITHIN);
    assert_eq!(
        refused,
        Err(vec![CrlProblem::Issue(IssueProblem::Signature)])
    );
}

#[test]
fn list_that_names_another_issuer_is_refused() {
    let found = problems(|draft| draft.issuer = name("another"));
    assert_eq!(found, [CrlProblem::Issue(IssueProblem::Name)]);
}

#[test]
fn list_of_an_issuer_that_may_not_sign_lists_is_refused() {
    let key = Key::p384();
    let list = read(&ListDraft::new("root", &key, &[7]).signed_by(&key));
    let mut draft = Draft::authority("root", &key, "root", &key);
    draft.allow(0b0000_0100);
    let refused = list.prove(&certificate(&draft, &key), WITHIN);
    assert_eq!(refused, Err(vec![CrlProblem::MayNotSign]));
}

#[test]
fn list_out_of_its_dates_is_refused() {
    let found = problems(|draft| draft.this_update = tlv(0x17, b"260601000001Z"));
    let this_update = WITHIN + 1;
    assert_eq!(found, [CrlProblem::NotYetValid { this_update }]);
    assert!(found[0].is_about_dates());
    let found = problems(|draft| draft.next_update = tlv(0x17, b"260531235959Z"));
    let next_update = WITHIN - 1;
    assert_eq!(found, [CrlProblem::Expired { next_update }]);
    assert!(found[0].is_about_dates());
}

#[test]
fn list_that_never_ends_is_refused() {
    let found = problems(|draft| draft.next_update.clear());
    assert_eq!(found, [CrlProblem::NoNextUpdate]);
    assert!(!found[0].is_about_dates());
}

#[test]
fn list_without_a_number_is_refused() {
    assert_eq!(
        problems(|draft| draft.extensions.clear()),
        [CrlProblem::NoNumber]
    );
}

#[test]
fn list_with_a_critical_extension_that_nothing_knows_is_refused() {
    for identifier in [[2, 5, 29, 28], [2, 5, 29, 27]] {
        let found = problems(|draft| {
            draft
                .extensions
                .push(extension(&identifier, true, &octets(&[])))
        });
        assert_eq!(found, [CrlProblem::CriticalExtension]);
    }
    let reason = extension(&[2, 5, 29, 28], false, &octets(&[]));
    assert_eq!(problems(|draft| draft.extensions.push(reason)), []);
}

#[test]
fn list_with_an_entry_of_another_issuer_is_refused() {
    let entry = |critical| {
        let extensions = constructed(0x30, &[extension(&[2, 5, 29, 29], critical, &octets(&[]))]);
        constructed(0x30, &[number(8), tlv(0x17, b"260101000000Z"), extensions])
    };
    let found = problems(|draft| draft.entries.push(entry(true)));
    assert_eq!(found, [CrlProblem::CriticalExtension]);
    assert_eq!(problems(|draft| draft.entries.push(entry(false))), []);
}

#[test]
fn everything_that_is_wrong_with_a_list_is_listed() {
    let found = problems(|draft| {
        draft.issuer = name("another");
        draft.next_update = tlv(0x17, b"260531235959Z");
        draft.extensions = vec![extension(&[2, 5, 29, 28], true, &octets(&[]))];
    });
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn list_with_any_byte_changed_is_not_of_its_issuer() {
    let key = Key::p384();
    let der = ListDraft::new("root", &key, &[7, 8]).signed_by(&key);
    let root = root(&key);
    assert!(read(&der).prove(&root, WITHIN).is_ok());
    for place in 0..der.len() {
        let mut changed = der.clone();
        changed[place] ^= 1;
        let passes = Crl::from_der(&changed).is_ok_and(|list| list.prove(&root, WITHIN).is_ok());
        assert!(!passes, "byte {place}");
    }
}

#[test]
fn list_cut_anywhere_or_with_a_byte_behind_is_refused() {
    let key = Key::p384();
    let mut der = ListDraft::new("root", &key, &[7]).signed_by(&key);
    for length in 0..der.len() {
        assert!(Crl::read(&der[..length]).is_err(), "{length}");
    }
    der.push(0);
    let error = Crl::read(&der).expect_err("a byte too many");
    assert!(
        matches!(error, FormatError::Der(DerError::Trailing(_))),
        "{error}"
    );
}

#[test]
fn list_of_another_version_is_refused() {
    for version in [0, 2] {
        let error = format_error(|draft| draft.version = number(version));
        assert!(matches!(error, FormatError::Version { .. }), "{error}");
    }
    // Version 1 is said by saying nothing.
    let error = format_error(|draft| draft.version.clear());
    assert!(
        matches!(error, FormatError::Der(DerError::Tag { .. })),
        "{error}"
    );
}

#[test]
fn list_with_a_negative_serial_number_is_refused() {
    let error = format_error(|draft| draft.entries.push(ListDraft::entry(integer(&[0x80]))));
    assert!(error.to_string().contains("negative"), "{error}");
}

#[test]
fn list_with_an_extension_twice_is_refused() {
    let error = format_error(|draft| {
        draft
            .extensions
            .push(extension(&[2, 5, 29, 20], false, &number(9)))
    });
    assert!(
        matches!(error, FormatError::DuplicateExtension { .. }),
        "{error}"
    );
}

#[test]
fn list_of_too_many_bytes_is_refused() {
    let limit = Crl::MAX_LENGTH;
    let length = limit + 1;
    let error = FormatError::TooLarge { length, limit };
    assert_eq!(Crl::from_der(&vec![0x30; length]), Err(error));
}

#[test]
fn two_lists_are_refused() {
    let key = Key::p384();
    let der = ListDraft::new("root", &key, &[7]).signed_by(&key);
    let text = pem("X509 CRL", &der);
    assert_eq!(Crl::read(text.as_bytes()), Ok(read(&der)));
    let two = Crl::read(text.repeat(2).as_bytes());
    assert_eq!(two, Err(FormatError::NotOne { found: 2 }));
    assert!(Crl::read(&der.repeat(2)).is_err());
    assert!(Crl::read(pem("CERTIFICATE", &der).as_bytes()).is_err());
}

#[test]
fn list_of_many_is_read_in_little_memory_and_found_in() {
    let key = Key::p384();
    let serials: Vec<u32> = (0..100_000).rev().map(|serial| serial * 2).collect();
    let der = ListDraft::new("root", &key, &serials).signed_by(&key);
    let list = read(&der);
    assert_eq!(list.revoked_count(), 100_000);
    for (serial, listed) in [(0, true), (1, false), (199_998, true), (200_000, false)] {
        assert_eq!(list.lists(Number::from(serial)), listed, "{serial}");
    }
}

#[test]
fn list_is_observed_with_its_number_and_date() {
    let key = Key::p384();
    let list = read(&ListDraft::new("root", &key, &[]).signed_by(&key));
    let Observation::Crl { number, issued, .. } = Observation::of_crl(&list, &root(&key)) else {
        panic!("it is a list");
    };
    assert_eq!((number, issued), (Number::from(5), list.this_update()));
}

#[test]
fn list_that_was_seen_is_of_its_issuers_key_alone() {
    let (key, other) = (Key::p384(), Key::p384());
    let list = read(&ListDraft::new("root", &key, &[]).signed_by(&key));
    let seen = Seen::default().with([Observation::of_crl(&list, &root(&key))]);
    let seen = seen.expect("one is not too many");
    assert!(seen.has_list_of(CrlIssuer::of(&root(&key))));
    assert!(
        !seen.has_list_of(CrlIssuer::of(&root(&other))),
        "of the same name"
    );
    assert!(!Seen::default().has_list_of(CrlIssuer::of(&root(&key))));
}

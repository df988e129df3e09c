//! Bytes that are no certificate, each for its own reason.

use crate::forge::{
    Draft, Key, bits, constructed, extension, integer, number, octets, tlv, validity,
};
use attestation_certificates::der::DerError;
use attestation_certificates::{Certificate, FormatError};

fn draft() -> (Draft, Key) {
    let key = Key::p384();
    (Draft::leaf("leaf", &key, "root", &key), key)
}

/// What a certificate is refused for after this change to its draft; the signature is right.
fn refusal(change: impl FnOnce(&mut Draft)) -> FormatError {
    let (mut draft, key) = draft();
    change(&mut draft);
    Certificate::from_der(&draft.signed_by(&key)).expect_err("it is wrong")
}

/// The sentence of a refused value.
fn value_problem(change: impl FnOnce(&mut Draft)) -> &'static str {
    match refusal(change) {
        FormatError::Der(DerError::Value { problem, .. }) => problem,
        other => panic!("{other}"),
    }
}

pub fn right() -> Vec<u8> {
    let (draft, key) = draft();
    draft.signed_by(&key)
}

#[test]
fn draft_without_a_change_is_a_certificate() {
    let (draft, key) = draft();
    let certificate = Certificate::from_der(&draft.signed_by(&key)).expect("it is right");
    assert_eq!(certificate.subject_common_name(), Some("leaf"));
}

#[test]
fn certificate_cut_anywhere_is_refused() {
    let right = right();
    assert_eq!(Certificate::read(&[]), Err(FormatError::Empty));
    for length in 1..right.len() {
        let error = Certificate::from_der(&right[..length]).expect_err("it is cut");
        assert!(
            matches!(error, FormatError::Der(DerError::CutShort(_))),
            "{length}: {error}"
        );
    }
}

#[test]
fn certificate_with_a_byte_behind_is_refused() {
    let mut der = right();
    der.push(0);
    let error = Certificate::from_der(&der).expect_err("a byte too many");
    assert!(
        matches!(error, FormatError::Der(DerError::Trailing(_))),
        "{error}"
    );
    assert!(Certificate::read(&der).is_err());
}

#[test]
fn certificate_of_another_length_form_is_refused() {
    let right = right();
    let content = &right[4..];
    let [high, low] = [right[2], right[3]];
    let wrong: [&[u8]; 4] = [
        &[0x30, 0x83, 0, high, low],
        &[0x30, 0x84, 0, 0, high, low],
        &[0x30, 0x80],
        &[0x30, 0x85, 0, 0, 0, high, low],
    ];
    for front in wrong {
        let der = [front, content].concat();
        let error = Certificate::from_der(&der).expect_err("DER has one form");
        assert_eq!(error, FormatError::Der(DerError::Length(1)), "{front:02x?}");
    }
    assert_eq!(right[1], 0x82, "the length that it should have");
}

#[test]
fn certificate_of_a_huge_length_is_refused_without_memory_for_it() {
    let error = Certificate::from_der(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).expect_err("huge");
    assert!(
        matches!(error, FormatError::Der(DerError::CutShort(_))),
        "{error}"
    );
}

#[test]
fn certificate_of_too_many_bytes_is_refused() {
    let length = Certificate::MAX_LENGTH + 1;
    let limit = Certificate::MAX_LENGTH;
    let error = FormatError::TooLarge { length, limit };
    assert_eq!(Certificate::from_der(&vec![0x30; length]), Err(error));
    let limit = 2 * Certificate::MAX_BUNDLE * Certificate::MAX_LENGTH;
    let length = limit + 1;
    let error = FormatError::TooLarge { length, limit };
    assert_eq!(Certificate::bundle(&vec![0x30; length]), Err(error));
}

#[test]
fn certificate_of_another_version_is_refused() {
    for version in [
        vec![],
        tlv(0xA0, &number(0)),
        tlv(0xA0, &number(1)),
        tlv(0xA0, &number(3)),
    ] {
        let error = refusal(|draft| draft.version.clone_from(&version));
        assert!(
            matches!(error, FormatError::Version { .. }),
            "{version:?}: {error}"
        );
    }
}

#[test]
fn serial_number_that_der_does_not_write_so_is_refused() {
    let wrong: [(&[u8], &str); 5] = [
        (&[0x80], "a negative number"),
        (&[0xFF; 20], "a negative number"),
        (&[0, 1], "a number with more bytes than it needs"),
        (&[], "a number without digits"),
        (&[1; 21], "a number of more than 160 bits"),
    ];
    for (content, problem) in wrong {
        assert_eq!(
            value_problem(|draft| draft.serial = integer(content)),
            problem
        );
    }
}

#[test]
fn serial_numbers_from_zero_to_the_largest_are_taken() {
    let (mut draft, key) = draft();
    let largest = [&[0][..], &[0xFF; 20]].concat();
    for content in [&[0][..], &[0x7F], &[0, 0x80], &largest] {
        draft.serial = integer(content);
        assert!(
            Certificate::from_der(&draft.signed_by(&key)).is_ok(),
            "{content:02x?}"
        );
    }
}

#[test]
fn extension_that_is_there_twice_is_refused() {
    let error = refusal(|draft| {
        let again = draft.extensions[0].clone();
        draft.extensions.push(again);
    });
    assert!(
        matches!(error, FormatError::DuplicateExtension { .. }),
        "{error}"
    );
    let error = refusal(|draft| {
        draft
            .extensions
            .push(extension(&[2, 5, 29, 14], true, &octets(&[8; 20])));
    });
    assert!(
        matches!(error, FormatError::DuplicateExtension { .. }),
        "{error}"
    );
}

#[test]
fn more_extensions_than_anybody_writes_are_refused() {
    let many = |count: u32| {
        (0..count)
            .map(|one| extension(&[1, 3, one], false, &[]))
            .collect()
    };
    assert_eq!(
        value_problem(|draft| draft.extensions = many(65)),
        "more than 64 extensions"
    );
    let (mut draft, key) = draft();
    draft.extensions = many(64);
    assert!(Certificate::from_der(&draft.signed_by(&key)).is_ok());
}

#[test]
fn extensions_that_der_does_not_write_so_are_refused() {
    let with_flag = |flag: u8| {
        let identifier = crate::forge::oid(&[2, 5, 29, 14]);
        constructed(0x30, &[identifier, tlv(1, &[flag]), octets(&[])])
    };
    for flag in [0, 1] {
        assert_eq!(
            value_problem(|draft| draft.extensions = vec![with_flag(flag)]),
            "a criticality that DER does not write so"
        );
    }
}

#[test]
fn list_of_no_extensions_is_refused() {
    let (draft, key) = draft();
    let mut parts = draft.clone();
    parts.extensions.clear();
    // An empty list at the end of what is signed: the draft itself would leave it out.
    let mut content = parts.content()[4..].to_vec();
    if parts.content()[1] != 0x82 {
        content = parts.content()[3..].to_vec();
    }
    content.extend(tlv(0xA3, &tlv(0x30, &[])));
    let content = tlv(0x30, &content);
    let signature = bits(&key.sign(&content));
    let der = constructed(0x30, &[content, draft.outer_algorithm, signature]);
    let error = Certificate::from_der(&der).expect_err("an empty list");
    assert!(error.to_string().contains("without any"), "{error}");
}

#[test]
fn basic_constraints_that_contradict_themselves_are_refused() {
    let path_of_a_leaf = |draft: &mut Draft| draft.constrain(false, Some(0));
    assert_eq!(
        value_problem(path_of_a_leaf),
        "a path length of what is no authority"
    );
    let not_true = constructed(0x30, &[tlv(1, &[1])]);
    assert_eq!(
        value_problem(|draft| draft.replace(&[2, 5, 29, 19], &not_true)),
        "a truth value that DER does not write so"
    );
    let two = constructed(0x30, &[tlv(1, &[0xFF]), number(0), number(0)]);
    let error = refusal(|draft| draft.replace(&[2, 5, 29, 19], &two));
    assert!(
        matches!(error, FormatError::Der(DerError::Trailing(_))),
        "{error}"
    );
}

#[test]
fn key_usage_without_meaning_is_refused() {
    let none_or_many = "a key usage of no bits or of too many";
    let meaningless = "a key usage with bits that have no meaning";
    let wrong: [(&[u8], &str); 6] = [
        (&[], none_or_many),
        (&[0], none_or_many),
        (&[0, 1, 1, 1], none_or_many),
        (&[8, 0], meaningless),
        (&[1, 1], meaningless),
        (&[0, 0, 0x40], meaningless),
    ];
    for (content, problem) in wrong {
        let change = |draft: &mut Draft| draft.replace(&[2, 5, 29, 15], &tlv(3, content));
        assert_eq!(value_problem(change), problem, "{content:?}");
    }
}

#[test]
fn date_that_certificates_do_not_write_so_is_refused() {
    let problem = "a date that certificates do not write so, or before 1970";
    for date in [
        "260230000000Z",
        "261301000000Z",
        "260001000000Z",
        "260100000000Z",
        "260101240000Z",
        "260101006000Z",
        "260101000060Z",
        "2601010000Z",
        "260101000000",
        "260101000000+0000",
        "26010100000 Z",
        "26010100000:Z",
        "691231235959Z",
        "20260101000000Z",
    ] {
        let change = |draft: &mut Draft| draft.validity = validity(date, "301231235959Z");
        assert_eq!(value_problem(change), problem, "{date}");
    }
}

#[test]
fn dates_are_read_to_the_second() {
    let (mut draft, key) = draft();
    for (tag, text, seconds) in [
        (0x17, "700101000000Z", 0),
        (0x17, "000229120000Z", 951_825_600),
        (0x17, "491231235959Z", 2_524_607_999),
        (0x18, "20500101000000Z", 2_524_608_000),
        (0x18, "21000228235959Z", 4_107_542_399),
        (0x18, "99991231235959Z", 253_402_300_799),
    ] {
        let date = tlv(tag, text.as_bytes());
        draft.validity = constructed(0x30, &[date.clone(), date]);
        let certificate = Certificate::from_der(&draft.signed_by(&key)).expect(text);
        assert_eq!(certificate.validity().not_before, seconds, "{text}");
    }
    let of_1900 = tlv(0x18, b"21000229000000Z");
    let never = constructed(0x30, &[of_1900.clone(), of_1900]);
    assert!(value_problem(|draft| draft.validity = never).starts_with("a date"));
}

#[test]
fn three_dates_are_refused() {
    let date = tlv(0x17, b"260101000000Z");
    let error =
        refusal(|draft| draft.validity = constructed(0x30, &[date.clone(), date.clone(), date]));
    assert!(
        matches!(error, FormatError::Der(DerError::Trailing(_))),
        "{error}"
    );
}

#[test]
fn unique_identifiers_of_old_versions_are_refused() {
    let error = refusal(|draft| draft.key_info.extend(tlv(0x81, &[0, 1])));
    assert!(
        matches!(error, FormatError::Der(DerError::Trailing(_))),
        "{error}"
    );
}

#[test]
fn signature_that_is_not_whole_bytes_is_refused() {
    let (draft, key) = draft();
    let content = draft.content();
    let signature = key.sign(&content);
    for front in [&[1][..], &[]] {
        let bits = tlv(
            3,
            &[front, if front.is_empty() { &[] } else { &signature }].concat(),
        );
        let der = constructed(
            0x30,
            &[content.clone(), draft.outer_algorithm.clone(), bits],
        );
        let error = Certificate::from_der(&der).expect_err("not whole bytes");
        assert!(error.to_string().contains("not whole bytes"), "{error}");
    }
}

#[test]
fn common_name_that_is_there_twice_is_none() {
    let (mut draft, key) = draft();
    let one = draft.subject[2..].to_vec();
    draft.subject = constructed(0x30, &[one.clone(), one]);
    let certificate = Certificate::from_der(&draft.signed_by(&key)).expect("it is well formed");
    assert_eq!(certificate.subject_common_name(), None);
}

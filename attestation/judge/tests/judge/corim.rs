//! Reference values that somebody signed.

#[path = "../../../../measured-boot/reference-values/tests/support/mod.rs"]
mod signing;

use attestation_evidence::Tee;
use attestation_judge::{CorimError, ReferenceValue, Source, from_corim};
use measured_boot_reference_values::CorimRejection;
use signing::{Key, NOT_AFTER, NOT_BEFORE, NOW, snp, tdx};

#[test]
fn values_of_a_signed_document_are_its_launches_and_say_who_signed() {
    let (key, other) = (Key::of(1), Key::of(2));
    let values = from_corim(&key.document(&snp()), &[other.public(), key.public()], NOW)
        .expect("one of the keys signed it");
    assert_eq!(values.len(), 3);
    for (value, vcpus) in values.iter().zip([1, 2, 4]) {
        let beginning = format!("web.1.4.2.snp.{NOT_BEFORE}.vcpus.{vcpus}.");
        assert!(value.name.starts_with(&beginning), "{}", value.name);
        assert!(value.name.len() <= 64);
        assert_eq!((value.tee, value.min_svn), (Tee::Snp, Some(3)));
        assert_eq!((value.not_before, value.not_after), (NOT_BEFORE, NOT_AFTER));
        let Source::Corim { key_sha256, .. } = &value.source else {
            panic!("it was signed");
        };
        assert_eq!(*key_sha256, key.public().thumbprint());
        assert_eq!(
            ReferenceValue::from_blob(&value.blob()).expect("its blob"),
            *value
        );
        assert!(ReferenceValue::from_plain(&value.blob()).is_err());
    }
    let domain = from_corim(&key.document(&tdx()), &[key.public()], NOW).expect("signed");
    assert!(domain.iter().all(|value| value.tee == Tee::Tdx));
    let registers = domain[0].rtmrs.map(|rtmr| rtmr.is_some());
    assert_eq!(registers, [true, true, false, true]);
}

#[test]
fn document_of_another_key_or_time_is_refused_with_the_reason() {
    let (key, other) = (Key::of(1), Key::of(2));
    let document = key.document(&snp());
    let refused = |keys: &[Key], now| {
        let keys: Vec<_> = keys.iter().map(Key::public).collect();
        from_corim(&document, &keys, now).expect_err("it is refused")
    };
    assert!(matches!(refused(&[], NOW), CorimError::NoKey));
    let error = refused(&[other], NOW);
    assert!(
        matches!(error, CorimError::Refused(CorimRejection::OtherKey { .. })),
        "{error}"
    );
    let error = refused(&[Key::of(2), Key::of(1)], NOT_AFTER + 1);
    assert!(
        matches!(error, CorimError::Refused(CorimRejection::Expired { .. })),
        "{error}"
    );
    let error = refused(&[Key::of(1)], NOT_BEFORE - 1);
    assert!(
        matches!(
            error,
            CorimError::Refused(CorimRejection::NotYetValid { .. })
        ),
        "{error}"
    );
}

#[test]
fn two_documents_have_no_name_in_common() {
    let key = Key::of(1);
    let names = |version: Option<&str>, name: &str| {
        let mut set = snp();
        set.workload.name = name.to_owned();
        set.workload.version = version.map(str::to_owned);
        let values = from_corim(&key.document(&set), &[key.public()], NOW).expect("signed");
        values
            .into_iter()
            .map(|value| value.name)
            .collect::<Vec<_>>()
    };
    let (one, other) = (names(Some("1"), "web"), names(None, "web.1"));
    assert!(one.iter().all(|name| !other.contains(name)), "{one:?}");
}

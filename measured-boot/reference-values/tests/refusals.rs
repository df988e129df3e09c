//! Every reason for which reference values are not taken or not written, and that there is no other way in.

mod support;

use measured_boot_reference_values::{
    CborFault, CborRule, CorimRejection, ReferenceSet, SetFault, Signed, Tee, Validity,
};
use serde_cbor::Value;
use std::collections::BTreeMap;
use support::{Key, NOT_AFTER, NOT_BEFORE, NOW, SIGNER, launch};

/// A document taken apart: what changes in it is signed again.
struct Parts {
    header: Value,
    unprotected: Value,
    corim: Value,
}

impl Parts {
    /// Changes one of the CoMIDs.
    fn comid(&mut self, place: usize, change: impl FnOnce(&mut Value)) {
        let Value::Array(comids) = entry(&mut self.corim, 1) else {
            panic!("a list")
        };
        let mut comid = decoded(&untagged(comids[place].clone()));
        change(&mut comid);
        comids[place] = Value::Tag(506, Box::new(encoded(&comid)));
    }
}

fn altered(set: &ReferenceSet, change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let key = Key::of(1);
    let document: Value = serde_cbor::from_slice(&key.document(set)).expect("CBOR");
    let mut items = list(untagged(document));
    let mut parts = Parts {
        header: decoded(&items[0]),
        unprotected: items[1].clone(),
        corim: untagged(decoded(&items[2])),
    };
    change(&mut parts);
    items[0] = encoded(&parts.header);
    items[1] = parts.unprotected;
    items[2] = encoded(&Value::Tag(501, Box::new(parts.corim)));
    let message = Value::Array(vec![
        Value::Text("Signature1".to_owned()),
        items[0].clone(),
        Value::Bytes(Vec::new()),
        items[2].clone(),
    ]);
    let message = serde_cbor::to_vec(&message).expect("CBOR");
    items[3] = Value::Bytes(key.sign(&message).to_vec());
    serde_cbor::to_vec(&Value::Tag(18, Box::new(Value::Array(items)))).expect("CBOR")
}

fn untagged(value: Value) -> Value {
    let Value::Tag(_, value) = value else {
        panic!("a tag")
    };
    *value
}

fn list(value: Value) -> Vec<Value> {
    let Value::Array(items) = value else {
        panic!("a list")
    };
    items
}

fn decoded(bytes: &Value) -> Value {
    let Value::Bytes(bytes) = bytes else {
        panic!("bytes")
    };
    serde_cbor::from_slice(bytes).expect("CBOR")
}

fn encoded(value: &Value) -> Value {
    Value::Bytes(serde_cbor::to_vec(value).expect("CBOR"))
}

fn entries(map: &mut Value) -> &mut BTreeMap<Value, Value> {
    let Value::Map(entries) = map else {
        panic!("a map")
    };
    entries
}

fn entry(map: &mut Value, key: i128) -> &mut Value {
    entries(map).get_mut(&Value::Integer(key)).expect("the key")
}

fn open(document: &[u8]) -> Result<Signed, CorimRejection> {
    Signed::open(document, &Key::of(1).public(), NOW)
}

fn rejection(document: &[u8]) -> CorimRejection {
    open(document).expect_err("it is not taken")
}

#[test]
fn document_altered_in_nothing_opens() {
    let signed = open(&altered(&support::snp(), |_| ())).expect("it opens");
    assert_eq!(
        (signed.signer.as_str(), signed.set),
        (SIGNER, support::snp())
    );
}

#[test]
fn validity_includes_both_ends_and_nothing_beyond() {
    let (key, document) = (Key::of(1), Key::of(1).document(&support::snp()));
    let at = |now| Signed::open(&document, &key.public(), now).map(drop);
    assert_eq!(at(NOT_BEFORE), Ok(()));
    assert_eq!(at(NOT_AFTER), Ok(()));
    let (from, until) = (NOT_BEFORE, NOT_AFTER);
    let early = CorimRejection::NotYetValid {
        from,
        now: from - 1,
    };
    assert_eq!(at(from - 1), Err(early));
    let late = CorimRejection::Expired {
        until,
        now: until + 1,
    };
    assert_eq!(at(until + 1), Err(late));
}

#[test]
fn key_other_than_the_given_is_refused_whatever_the_file_names() {
    let document = Key::of(2).document(&support::snp());
    let found = Key::of(2).public().thumbprint();
    assert!(
        matches!(rejection(&document), CorimRejection::OtherKey { found: f, .. } if f == found)
    );

    // Signed by the one, and says the other.
    let unsigned = support::snp()
        .unsigned(SIGNER, &Key::of(1).public())
        .expect("a set");
    let forged = Key::of(2).sign(&unsigned.to_be_signed());
    assert_eq!(
        rejection(&unsigned.signed(&forged)),
        CorimRejection::Signature
    );
}

#[test]
fn algorithm_other_than_es384_is_refused() {
    for found in [-7, -51, 5, -36] {
        let document = altered(&support::snp(), |parts| {
            *entry(&mut parts.header, 1) = Value::Integer(found);
        });
        assert!(
            matches!(rejection(&document), CorimRejection::Algorithm { found: f, .. } if f == found)
        );
    }
}

/// No signature covers it.
#[test]
fn header_that_is_not_signed_has_to_be_empty() {
    let document = altered(&support::snp(), |parts| {
        entries(&mut parts.unprotected).insert(Value::Integer(4), Value::Bytes(vec![1]));
    });
    let said = rejection(&document).to_string();
    assert!(
        said.ends_with("an empty unprotected header is expected here"),
        "{said}"
    );
}

#[test]
fn number_of_vcpus_that_is_written_otherwise_is_refused() {
    for count in ["02", "+2", "2 ", "2/vcpus/2", ""] {
        let document = altered(&support::snp(), |parts| {
            let id = format!("{}/vcpus/{count}", support::snp().id());
            parts.comid(1, |comid| *entry(entry(comid, 1), 0) = Value::Text(id));
        });
        let what = "a CoMID's id";
        let rejection = rejection(&document);
        assert!(
            matches!(rejection, CorimRejection::Contradiction { what: w, .. } if w == what),
            "{rejection}"
        );
    }
}

#[test]
fn claims_about_another_environment_than_the_launchs_are_refused() {
    let document = altered(&support::snp(), |parts| {
        let mut foreign = None;
        altered(&support::simulated(), |other| {
            other.comid(0, |comid| foreign = Some(environment(comid, 0).clone()))
        });
        for place in 0..3 {
            let foreign = foreign.clone().expect("an environment");
            parts.comid(place, |comid| *environment(comid, 1) = foreign);
        }
    });
    let what = "an environment";
    let rejection = rejection(&document);
    assert!(
        matches!(rejection, CorimRejection::Contradiction { what: w, .. } if w == what),
        "{rejection}"
    );
}

/// Of a CoMID's reference (0) or endorsed (1) triple.
fn environment(comid: &mut Value, triples: i128) -> &mut Value {
    let Value::Array(triples) = entry(entry(comid, 4), triples) else {
        panic!("a list")
    };
    let Value::Array(triple) = &mut triples[0] else {
        panic!("a triple")
    };
    &mut triple[0]
}

#[test]
fn payload_altered_after_signing_is_refused() {
    let mut document = Key::of(1).document(&support::snp());
    let place = document.windows(48).position(|bytes| bytes == [0xA2; 48]);
    document[place.expect("the digest of two vCPUs")] ^= 1;
    assert_eq!(rejection(&document), CorimRejection::Signature);
}

#[test]
fn signature_made_from_the_first_holds_and_changes_nothing_that_is_named() {
    // Of (r, s) anybody makes (r, n - s): the file differs, the CoRIM does not.
    let order = hex::decode(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    );
    let order = order.expect("hexadecimal");
    let mut second = Key::of(1).document(&support::snp());
    let first = open(&second).expect("it opens");
    let s = second.len() - 48;
    let mut borrow = 0;
    for place in (0..48).rev() {
        let difference = i16::from(order[place]) - i16::from(second[s + place]) - borrow;
        borrow = i16::from(difference < 0);
        second[s + place] = u8::try_from(difference.rem_euclid(256)).expect("a byte");
    }
    assert_eq!(open(&second), Ok(first));
}

#[test]
fn profile_other_than_ours_is_refused() {
    let document = altered(&support::snp(), |parts| {
        let uri = Value::Text("https://example.com/profile".to_owned());
        *entry(&mut parts.corim, 3) = Value::Tag(32, Box::new(uri));
    });
    assert!(matches!(
        rejection(&document),
        CorimRejection::Profile { .. }
    ));
}

#[test]
fn signer_is_said_once_at_least_and_twice_only_the_same() {
    for key in [8, 15] {
        let document = altered(&support::snp(), |parts| {
            entries(&mut parts.header).remove(&Value::Integer(key));
        });
        assert_eq!(
            open(&document).map(|signed| signed.signer),
            Ok(SIGNER.to_owned())
        );
    }
    let neither = altered(&support::snp(), |parts| {
        entries(&mut parts.header).retain(|key, _| *key < Value::Integer(8));
    });
    let said = rejection(&neither).to_string();
    assert!(
        said.ends_with("the signer (8 or 15) is expected here"),
        "{said}"
    );

    let differs = altered(&support::snp(), |parts| {
        *entry(entry(&mut parts.header, 15), 1) = Value::Text("Somebody Else".to_owned());
    });
    let what = "who signed from when to when";
    assert!(
        matches!(rejection(&differs), CorimRejection::Contradiction { what: w, .. } if w == what)
    );
}

#[test]
fn signature_of_another_time_than_the_values_is_refused() {
    let document = altered(&support::snp(), |parts| {
        entries(&mut parts.header).remove(&Value::Integer(8));
        *entry(entry(&mut parts.header, 15), 4) = Value::Integer(i128::from(NOT_AFTER) + 1);
    });
    let what = "the time of the signature";
    assert!(
        matches!(rejection(&document), CorimRejection::Contradiction { what: w, .. } if w == what)
    );
}

#[test]
fn launches_that_contradict_each_other_are_refused() {
    let others = [
        (support::tdx(), "a CoMID's environment"),
        (
            ReferenceSet {
                min_svn: None,
                ..support::snp()
            },
            "a CoMID's minimum guest SVN",
        ),
        (
            ReferenceSet {
                sbom: None,
                ..support::snp()
            },
            "a CoMID's bill of materials",
        ),
        (
            ReferenceSet {
                workload: support::simulated().workload,
                ..support::snp()
            },
            "a CoMID's workload",
        ),
    ];
    for (other, what) in others {
        let mut foreign = None;
        altered(&other, |parts| {
            foreign = Some(list(entry(&mut parts.corim, 1).clone())[0].clone())
        });
        let document = altered(&support::snp(), |parts| {
            let Value::Array(comids) = entry(&mut parts.corim, 1) else {
                panic!("a list")
            };
            comids[1] = foreign.expect("another's CoMID");
        });
        let rejection = rejection(&document);
        assert!(
            matches!(rejection, CorimRejection::Contradiction { what: w, .. } if w == what),
            "{rejection}"
        );
    }
}

#[test]
fn launches_out_of_order_twice_or_none_are_refused() {
    let document = |change: fn(&mut Vec<Value>)| {
        altered(&support::snp(), |parts| {
            let Value::Array(comids) = entry(&mut parts.corim, 1) else {
                panic!("a list")
            };
            change(comids);
        })
    };
    let order = |vcpus| CorimRejection::Content(SetFault::VcpusOrder(vcpus));
    assert_eq!(rejection(&document(|comids| comids.swap(0, 1))), order(1));
    assert_eq!(
        rejection(&document(|comids| comids[1] = comids[0].clone())),
        order(1)
    );
    let none = CorimRejection::Content(SetFault::NoAlternative);
    assert_eq!(rejection(&document(Vec::clear)), none);
    let many = CorimRejection::Content(SetFault::TooManyAlternatives(257));
    assert_eq!(
        rejection(&document(|comids| comids.resize(257, comids[0].clone()))),
        many
    );
}

#[test]
fn bytes_that_are_no_cbor_and_cbor_that_is_no_corim_are_told_apart() {
    let truncated = CborRule::Truncated { wanted: 1, left: 0 };
    let empty = CborFault {
        offset: 0,
        rule: truncated,
    };
    assert_eq!(rejection(b""), CorimRejection::Cbor(empty));
    let shape = CorimRejection::Shape {
        offset: 0,
        wanted: "a COSE_Sign1 (tag 18)",
    };
    assert_eq!(rejection(b"\x80"), shape);
    assert_eq!(
        shape.to_string(),
        "at offset 0x0: a COSE_Sign1 (tag 18) is expected here"
    );
}

/// Faults that the writer refuses, and the reader too where a document can have them.
#[test]
fn values_that_nobody_could_mean_are_not_written() {
    let refused = |set: ReferenceSet| set.unsigned(SIGNER, &Key::of(1).public()).map(drop);
    let named = |name: &str| ReferenceSet {
        workload: measured_boot_reference_values::Workload {
            name: name.to_owned(),
            version: None,
        },
        ..support::snp()
    };
    for name in ["", "a/b", "a@b", "ä", "a b", "\u{1b}[31m", &"x".repeat(65)] {
        assert_eq!(
            refused(named(name)),
            Err(SetFault::Workload(name.to_owned()))
        );
    }
    let from = |not_before, not_after| ReferenceSet {
        validity: Validity {
            not_before,
            not_after,
        },
        ..support::snp()
    };
    assert_eq!(refused(from(5, 5)), Ok(()));
    for (not_before, not_after) in [(6, 5), (0, (1 << 53) + 1)] {
        let fault = SetFault::Validity(Validity {
            not_before,
            not_after,
        });
        assert_eq!(refused(from(not_before, not_after)), Err(fault));
    }
    let of = |alternatives| ReferenceSet {
        alternatives,
        ..support::snp()
    };
    assert_eq!(refused(of(vec![])), Err(SetFault::NoAlternative));
    let many: Vec<_> = (1..=257).map(|vcpus| launch(vcpus, 1)).collect();
    assert_eq!(refused(of(many)), Err(SetFault::TooManyAlternatives(257)));
    for vcpus in [0, 4097] {
        assert_eq!(
            refused(of(vec![launch(vcpus, 1)])),
            Err(SetFault::Vcpus(vcpus))
        );
    }
    assert_eq!(
        refused(of(vec![launch(2, 1), launch(2, 1)])),
        Err(SetFault::VcpusOrder(2))
    );
    let rtmrs = support::tdx().alternatives;
    assert_eq!(refused(of(rtmrs)), Err(SetFault::RtmrsWithoutTdx(Tee::Snp)));
}

#[test]
fn minimum_svn_of_a_td_is_refused_with_the_reason() {
    let set = ReferenceSet {
        min_svn: Some(1),
        ..support::tdx()
    };
    let fault = set.unsigned(SIGNER, &Key::of(1).public()).map(drop);
    assert_eq!(fault, Err(SetFault::SvnOfTdx));
    assert!(
        SetFault::SvnOfTdx
            .to_string()
            .contains("TDX reports have no guest SVN")
    );
}

#[test]
fn names_that_a_terminal_would_show_as_something_else_are_refused() {
    let key = Key::of(1);
    for name in [
        "",
        "  ",
        "a\nb",
        "\u{1b}]0;x\u{7}",
        "a\u{202E}b",
        "a\u{200B}b",
        &"x".repeat(129),
    ] {
        let fault = Err(SetFault::Name(name.to_owned()));
        assert_eq!(
            support::snp().unsigned(name, &key.public()).map(drop),
            fault
        );
        let mut set = support::snp();
        set.sbom.as_mut().expect("it has one").file = name.to_owned();
        assert_eq!(set.unsigned(SIGNER, &key.public()).map(drop), fault);

        let signed = altered(&support::snp(), |parts| {
            entries(&mut parts.header).remove(&Value::Integer(8));
            *entry(entry(&mut parts.header, 15), 1) = Value::Text(name.to_owned());
        });
        assert_eq!(
            rejection(&signed),
            CorimRejection::Content(SetFault::Name(name.to_owned()))
        );
    }
}

//! What was seen, and that it never goes back.

use attestation_certificates::{Number, Observation, QuotingIdentity, Seen, SeenError, Tee};

fn tcb(fmspc: u8, evaluation: u32, issued: u64) -> Observation {
    Observation::TcbInfo {
        tee: Tee::Tdx,
        fmspc: [0, fmspc, 0, 0, 0, 0],
        evaluation,
        issued,
    }
}

fn list(issuer: u8, number: u64, issued: u64) -> Observation {
    Observation::Crl {
        issuer: [issuer; 32],
        number: Number::from(number),
        issued,
    }
}

fn identity(identity: QuotingIdentity, evaluation: u32) -> Observation {
    Observation::Identity {
        identity,
        evaluation,
        issued: 100,
    }
}

fn seen(observations: &[Observation]) -> Seen {
    let seen = Seen::default().with(observations.iter().copied());
    seen.expect("they are few")
}

#[test]
fn collateral_that_was_never_seen_is_new() {
    for new in [
        tcb(1, 0, 0),
        list(1, 0, 0),
        identity(QuotingIdentity::TdQe, 0),
    ] {
        assert_eq!(Seen::default().check(&new), Ok(()));
    }
}

#[test]
fn collateral_older_than_what_was_seen_is_refused() {
    let seen = seen(&[
        tcb(1, 17, 100),
        list(1, 300, 100),
        identity(QuotingIdentity::TdQe, 17),
    ]);
    for older in [
        tcb(1, 16, 100),
        tcb(1, 16, 200),
        tcb(1, 17, 99),
        list(1, 299, 100),
        list(1, 255, 200),
        list(1, 300, 99),
        identity(QuotingIdentity::TdQe, 16),
    ] {
        assert!(seen.check(&older).is_err(), "{older:?}");
    }
    for as_new in [
        tcb(1, 17, 100),
        tcb(1, 17, 101),
        tcb(1, 18, 50),
        list(1, 300, 100),
        list(1, 301, 100),
        identity(QuotingIdentity::TdQe, 17),
    ] {
        assert_eq!(seen.check(&as_new), Ok(()), "{as_new:?}");
    }
}

#[test]
fn refusal_says_both_ages() {
    let older = seen(&[tcb(1, 17, 100)])
        .check(&tcb(1, 16, 90))
        .expect_err("it is older");
    assert_eq!((older.found, older.found_issued), (Number::from(16), 90));
    assert_eq!((older.seen, older.seen_issued), (Number::from(17), 100));
}

#[test]
fn collateral_about_one_thing_says_nothing_of_another() {
    let seen = seen(&[
        tcb(1, 17, 100),
        list(1, 300, 100),
        identity(QuotingIdentity::TdQe, 17),
    ]);
    let of_sgx = Observation::TcbInfo {
        tee: Tee::Sgx,
        fmspc: [0, 1, 0, 0, 0, 0],
        evaluation: 1,
        issued: 1,
    };
    for other in [
        tcb(2, 1, 1),
        list(2, 1, 1),
        identity(QuotingIdentity::Qe, 1),
        of_sgx,
    ] {
        assert_eq!(seen.check(&other), Ok(()), "{other:?}");
    }
}

#[test]
fn state_never_goes_back() {
    let newest = seen(&[tcb(1, 17, 100)]);
    let after = newest.with([tcb(1, 16, 900), tcb(1, 17, 50)]).expect("few");
    assert_eq!(after, newest);
    let newer = newest.with([tcb(1, 18, 50)]).expect("few");
    assert!(newer.check(&tcb(1, 17, 100)).is_err());
    assert_eq!(
        newest.check(&tcb(1, 17, 100)),
        Ok(()),
        "the old state is as it was"
    );
}

#[test]
fn state_is_the_same_text_whatever_the_order() {
    let all = [
        tcb(2, 3, 4),
        tcb(1, 17, 100),
        list(9, u64::MAX, 5),
        list(1, 0, 5),
        identity(QuotingIdentity::TdQe, 1),
        identity(QuotingIdentity::Qve, 1),
    ];
    let mut reversed = all;
    reversed.reverse();
    let text = seen(&all).to_json();
    assert_eq!(seen(&reversed).to_json(), text);
    let again = Seen::from_json(text.as_bytes()).expect("it was written here");
    assert_eq!(again, seen(&all));
    assert_eq!(again.observations().count(), all.len());
}

#[test]
fn empty_state_is_text_too() {
    let text = Seen::default().to_json();
    let again = Seen::from_json(text.as_bytes()).expect("it was written here");
    assert_eq!(again, Seen::default());
}

#[test]
fn state_is_written_as_documented() {
    let text = seen(&[tcb(0x80, 17, 100), list(0xAB, 0x1F, 5)]).to_json();
    let issuer = "ab".repeat(32);
    let expected = format!(
        r#"{{"version": 1, "seen": [
{{"kind":"tcb_info","tee":"tdx","fmspc":"008000000000","evaluation":17,"issued":100}},
{{"kind":"crl","issuer":"{issuer}","number":"1f","issued":5}}
]}}
"#
    );
    assert_eq!(text, expected);
}

#[test]
fn state_that_says_two_things_of_one_is_refused() {
    let item =
        r#"{"kind":"tcb_info","tee":"tdx","fmspc":"008000000000","evaluation":17,"issued":1}"#;
    let older = item.replace("17", "16");
    let text = format!(r#"{{"version":1,"seen":[{item},{older}]}}"#);
    let error = Seen::from_json(text.as_bytes()).expect_err("twice");
    assert!(matches!(error, SeenError::Duplicate(1)), "{error}");
}

#[test]
fn state_of_another_form_is_refused() {
    let right = r#"{"version":1,"seen":[{"kind":"crl","issuer":"I","number":"1f","issued":5}]}"#;
    let right = right.replace('I', &"ab".repeat(32));
    assert!(Seen::from_json(right.as_bytes()).is_ok());
    for (from, to) in [
        (r#""version":1"#, r#""version":1,"version":1"#),
        (r#""version":1"#, r#""version":1,"more":1"#),
        (r#""version":1,"#, ""),
        (r#""issued":5"#, r#""issued":5,"issued":4"#),
        (r#""issued":5"#, r#""issued":5,"more":4"#),
        (r#","issued":5"#, ""),
        (r#""issued":5"#, r#""issued":-5"#),
        (r#""issued":5"#, r#""issued":5.0"#),
        (r#""kind":"crl""#, r#""kind":"crl","kind":"crl""#),
        (r#""kind":"crl""#, r#""kind":"CRL""#),
        (r#""kind":"crl","#, ""),
        (r#""number":"1f""#, r#""number":"1F""#),
        (r#""number":"1f""#, r#""number":"01f""#),
        (r#""number":"1f""#, r#""number":"""#),
        (r#""number":"1f""#, r#""number":31"#),
        (
            r#""number":"1f""#,
            r#""number":"11111111111111111111111111111111111111111""#,
        ),
        (r#""abab"#, r#""ABAB"#),
        (r#""abab"#, r#""ab"#),
        ("]}", "]} "),
        ("]}", "]}x"),
    ] {
        let wrong = right.replacen(from, to, 1);
        let spaced = to == "]} ";
        let read = Seen::from_json(wrong.as_bytes());
        assert_eq!(read.is_ok(), spaced, "{wrong}");
        assert!(spaced || matches!(read, Err(SeenError::Json(_))), "{wrong}");
    }
}

#[test]
fn state_of_another_version_is_refused() {
    let error = Seen::from_json(br#"{"version":2,"seen":[]}"#).expect_err("of the future");
    assert!(matches!(error, SeenError::Version(2)), "{error}");
}

#[test]
fn state_of_too_many_bytes_is_refused() {
    let text = vec![b' '; 2 * 1024 * 1024 + 1];
    let error = Seen::from_json(&text).expect_err("too long");
    assert!(matches!(error, SeenError::TooLarge { .. }), "{error}");
}

#[test]
fn state_remembers_no_more_than_it_can_read_again() {
    let all = |count: u64| (0..count).map(numbered);
    let full = Seen::default().with(all(4096)).expect("as many as fit");
    let again = Seen::from_json(full.to_json().as_bytes()).expect("it was written here");
    assert_eq!(again, full);
    let error = full.with([numbered(4096)]).expect_err("one too many");
    assert!(matches!(error, SeenError::Full), "{error}");
    let more = full.to_json().replace(
        "\n]}",
        r#",{"kind":"identity","identity":"qe","evaluation":1,"issued":1}]}"#,
    );
    let error = Seen::from_json(more.as_bytes()).expect_err("one too many");
    assert!(matches!(error, SeenError::Full), "{error}");
}

fn numbered(index: u64) -> Observation {
    let mut issuer = [0; 32];
    issuer[..8].copy_from_slice(&index.to_be_bytes());
    Observation::Crl {
        issuer,
        number: Number::try_from("f".repeat(40)).expect("the largest"),
        issued: u64::MAX,
    }
}

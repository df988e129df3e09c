//! Documents that people and services write.

use attestation_tdx::test_support::{Scene, strict};
use attestation_tdx::{
    Collateral, CollateralError, MAX_COLLATERAL_BYTES, MAX_GRACE_DAYS, TdxClaims, TdxLimits,
};
use serde_json::Value;

#[test]
fn collateral_is_read_as_it_was_written() {
    let made = Scene::new().make();
    let read = Collateral::read(made.json().as_bytes()).expect("its own form");
    assert_eq!(read, made.collateral);
}

#[test]
fn collateral_with_a_member_missing_too_many_or_twice_is_refused() {
    let json = Scene::new().make().json();
    let document: Value = serde_json::from_str(&json).expect("JSON");
    let members: Vec<_> = document
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(members.len(), 10);
    for member in &members {
        let mut without = document.clone();
        without.as_object_mut().expect("an object").remove(member);
        let read = Collateral::read(without.to_string().as_bytes());
        assert_eq!(read.is_ok(), member == "pck_certificate_chain", "{member}");
        let twice = json.replacen('{', &format!("{{{:?}:{},", member, document[member]), 1);
        assert!(
            Collateral::read(twice.as_bytes()).is_err(),
            "{member} twice"
        );
    }
    let more = json.replacen('{', "{\"more\":1,", 1);
    assert!(Collateral::read(more.as_bytes()).is_err());
    let trailing = format!("{json}x");
    assert!(Collateral::read(trailing.as_bytes()).is_err());
}

#[test]
fn collateral_with_bytes_that_are_no_hexadecimal_digits_is_refused() {
    let mut document: Value = serde_json::from_str(&Scene::new().make().json()).expect("JSON");
    for text in ["0", "0g", "0x00"] {
        document["pck_crl"] = text.into();
        let read = Collateral::read(document.to_string().as_bytes());
        assert!(matches!(read, Err(CollateralError::Json { .. })), "{text}");
    }
}

#[test]
fn collateral_larger_than_any_is_refused() {
    let json = vec![b' '; MAX_COLLATERAL_BYTES + 1];
    let read = Collateral::read(&json);
    assert!(
        matches!(read, Err(CollateralError::TooLarge(_))),
        "{read:?}"
    );
}

#[test]
fn limits_have_no_defaults_and_no_other_member() {
    let document = serde_json::to_value(strict()).expect("plain data");
    let read: TdxLimits = serde_json::from_value(document.clone()).expect("its own form");
    assert_eq!(read, strict());
    let members = document.as_object().expect("an object").clone();
    for member in members.keys() {
        let mut without = members.clone();
        without.remove(member);
        assert!(
            serde_json::from_value::<TdxLimits>(without.into()).is_err(),
            "{member}"
        );
    }
    let mut more = members;
    more.insert("more".to_owned(), Value::Null);
    assert!(serde_json::from_value::<TdxLimits>(more.into()).is_err());
}

#[test]
fn limits_with_more_days_of_grace_than_any_are_refused() {
    let mut document = serde_json::to_value(strict()).expect("plain data");
    document["grace_days"] = MAX_GRACE_DAYS.into();
    let read: TdxLimits = serde_json::from_value(document.clone()).expect("a year and a day");
    assert_eq!(read.grace_days, MAX_GRACE_DAYS);
    document["grace_days"] = (MAX_GRACE_DAYS + 1).into();
    let error = serde_json::from_value::<TdxLimits>(document).expect_err("too many");
    assert_eq!(error.to_string(), "grace_days is 367, more than 366");
}

#[test]
fn claims_say_what_quote_and_collateral_say() {
    let made = Scene::of_tdx_1_5().make();
    let claims = serde_json::to_value(TdxClaims::read(&made.quote, &made.proven())).expect("data");
    assert_eq!(claims["quote"]["version"], 5);
    assert_eq!(claims["quote"]["td"]["kind"], "tdx_1.5");
    assert_eq!(claims["quote"]["td"]["mr_td"], "32".repeat(48));
    assert_eq!(
        claims["quote"]["attributes"],
        serde_json::json!(["sept_ve_disable"])
    );
    assert_eq!(claims["platform"]["fmspc"], "b0c06f000000");
    assert_eq!(claims["tcb"]["status"], "UpToDate");
    assert_eq!(claims["collateral"]["tcb_evaluation_data_number"], 17);
    assert_eq!(claims["collateral"]["pck_crl_number"], "7");
    assert_eq!(claims["collateral"]["named_root"], true);
}

#[test]
fn claims_of_a_quote_that_cannot_be_read_are_null() {
    let made = Scene::new().make();
    let claims =
        serde_json::to_value(TdxClaims::read(&made.quote[..700], &made.proven())).expect("data");
    assert_eq!(claims["quote"], Value::Null);
    assert_eq!(claims["tcb"], Value::Null);
    assert_eq!(claims["platform"]["pce_svn"], 11);
}

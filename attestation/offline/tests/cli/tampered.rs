//! Real evidence with bytes changed, cut or added: judged and refused, or no evidence at all, never accepted.

use crate::support::{Folder, checks, document, error, run, vector, vector_bytes};
use serde_json::Value;
use std::process::Output;

const SNP_AT: &str = "2026-01-01T00:00:00Z";
const TDX_AT: &str = "2025-06-19T12:35:00Z";

/// A report under its certificate.
fn judge_report(folder: &Folder, report: &[u8]) -> Option<Output> {
    let vek = vector("@virtee/vcek_milan.der")?;
    let report = folder.write("report", report);
    Some(run(&[
        "snp",
        "--report",
        &report,
        "--vek",
        &vek,
        "--no-binding",
        "--at",
        SNP_AT,
        "-o",
        "json",
    ]))
}

/// A quote with this collateral.
fn judge_quote(folder: &Folder, quote: &[u8], collateral: &[u8]) -> Output {
    let quote = folder.write("quote", quote);
    let collateral = folder.write("collateral", collateral);
    run(&[
        "tdx",
        "--quote",
        &quote,
        "--collateral",
        &collateral,
        "--no-binding",
        "--at",
        TDX_AT,
        "-o",
        "json",
    ])
}

fn report() -> Option<Vec<u8>> {
    let digits = vector_bytes("@virtee/report_milan.hex")?;
    Some(hex::decode(digits.trim_ascii()).expect("hexadecimal"))
}

#[test]
fn report_with_a_signed_byte_changed_is_refused() {
    let folder = Folder::empty();
    let Some(good) = report() else { return };
    // Each 13th byte: all of them are tried where the judge is tested.
    for place in (0..0x2A0).step_by(13).chain([0, 0x90, 0x29F]) {
        let mut report = good.clone();
        report[place] ^= 1;
        let Some(output) = judge_report(&folder, &report) else {
            return;
        };
        let document = document(&output, 3);
        assert!(
            checks(&document, "fail").contains(&"signature"),
            "{place:#x}"
        );
    }
}

/// What is no report is unreadable; what has a report's size is judged, whatever is in it.
#[test]
fn report_of_another_length_is_unreadable_and_one_of_the_right_length_is_judged() {
    let folder = Folder::empty();
    let Some(good) = report() else { return };
    for length in [0, 1, 1183] {
        let Some(output) = judge_report(&folder, &good[..length]) else {
            return;
        };
        error(&output, 1);
    }
    let Some(output) = judge_report(&folder, &[&good[..], &[0]].concat()) else {
        return;
    };
    error(&output, 1);
    for filler in [0_u8, 0xFF] {
        let Some(output) = judge_report(&folder, &[filler; 1184]) else {
            return;
        };
        let document = document(&output, 3);
        assert!(checks(&document, "fail").contains(&"report_format"));
        assert!(
            !document["rejections"]
                .as_array()
                .expect("a list")
                .is_empty()
        );
    }
}

#[test]
fn report_is_the_same_in_every_spelling() {
    use base64::Engine;
    let folder = Folder::empty();
    let Some(good) = report() else { return };
    let base64 = base64::engine::general_purpose::STANDARD.encode(&good);
    let spellings = [
        good.clone(),
        hex::encode(&good).into(),
        hex::encode_upper(&good).into(),
        base64.into(),
    ];
    for spelling in spellings {
        let Some(output) = judge_report(&folder, &spelling) else {
            return;
        };
        document(&output, 0);
    }
}

#[test]
fn quote_with_a_signed_byte_changed_is_refused() {
    let folder = Folder::empty();
    let (Some(good), Some(collateral)) = quote_and_collateral() else {
        return;
    };
    // Header and body, and beyond them the signature and the key.
    for place in (0..632).step_by(13).chain([0, 631, 640, 700, 764]) {
        let mut quote = good.clone();
        quote[place] ^= 1;
        let output = judge_quote(&folder, &quote, &collateral);
        assert_ne!(output.status.code(), Some(0), "{place}");
        if output.status.code() == Some(3) {
            assert!(!checks(&document(&output, 3), "fail").is_empty());
        }
    }
}

#[test]
fn quote_may_be_followed_by_zeros_alone() {
    let folder = Folder::empty();
    let (Some(good), Some(collateral)) = quote_and_collateral() else {
        return;
    };
    let padded = [&good[..], &[0; 64]].concat();
    document(&judge_quote(&folder, &padded, &collateral), 0);
    let followed = [&good[..], &[0, 1]].concat();
    let output = judge_quote(&folder, &followed, &collateral);
    assert!(checks(&document(&output, 3), "fail").contains(&"quote_format"));
}

fn quote_and_collateral() -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (
        vector_bytes("@dcap/tdx_quote"),
        vector_bytes("@dcap/tdx_quote_collateral.json"),
    )
}

/// Signed texts are verified as the bytes that came: the same JSON in other bytes is not what was signed.
#[test]
fn collateral_with_a_changed_text_or_signature_is_refused() {
    let folder = Folder::empty();
    let (Some(quote), Some(collateral)) = quote_and_collateral() else {
        return;
    };
    let good: Value = serde_json::from_slice(&collateral).expect("JSON");
    for member in ["tcb_info", "qe_identity"] {
        let text = good[member].as_str().expect("text");
        for other in [
            format!(" {text}"),
            text.replacen("\"version\":", "\"version\": ", 1),
        ] {
            let mut changed = good.clone();
            changed[member] = other.into();
            refused(&folder, &quote, &changed);
        }
    }
    for member in ["tcb_info_signature", "qe_identity_signature"] {
        let mut changed = good.clone();
        changed[member] = "00".repeat(64).into();
        refused(&folder, &quote, &changed);
    }
}

fn refused(folder: &Folder, quote: &[u8], collateral: &Value) {
    let output = judge_quote(folder, quote, collateral.to_string().as_bytes());
    let document = document(&output, 3);
    let failed = checks(&document, "fail");
    assert!(failed.contains(&"collateral_signatures"), "{failed:?}");
}

#[test]
fn collateral_without_a_member_or_with_one_twice_is_unreadable() {
    let folder = Folder::empty();
    let (Some(quote), Some(collateral)) = quote_and_collateral() else {
        return;
    };
    let good: Value = serde_json::from_slice(&collateral).expect("JSON");
    for member in good.as_object().expect("an object").keys() {
        if member == "pck_certificate_chain" {
            continue;
        }
        let mut changed = good.clone();
        changed.as_object_mut().expect("an object").remove(member);
        let said = error(
            &judge_quote(&folder, &quote, changed.to_string().as_bytes()),
            1,
        );
        assert!(said.contains(member.as_str()), "{said}");
        let twice = good
            .to_string()
            .replacen('{', &format!("{{\"{member}\": \"\","), 1);
        error(&judge_quote(&folder, &quote, twice.as_bytes()), 1);
    }
}

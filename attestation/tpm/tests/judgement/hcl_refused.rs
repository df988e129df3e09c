//! What a TEE has to bind: HCL report, runtime data, configuration.

use crate::forge::{Hcl, runtime_data, td_body, with_digests};
use crate::support::{
    NONCE, Sample, assert_accepted, assert_refused_for, limits, limits_with, nonce,
};
use attestation_tpm::{AkTrust, TeeReport, TpmCheck, TpmRejection};
use attestation_verdict::{Judgement, Rejection};
use serde_json::{Value, json};

fn judged(sample: &Sample, report: &[u8; 1184]) -> Judgement<TpmRejection> {
    let trust = AkTrust::Tee(TeeReport::Snp(report));
    sample.judged(trust, &nonce(NONCE), &limits())
}

#[track_caller]
fn assert_hcl_refused_for(hcl: &Hcl, text: &str) {
    let judgement = judged(&hcl.quoted(), &hcl.report);
    assert_refused_for(&judgement, "hcl_unreadable");
    let reason = judgement.rejections().next().map(TpmRejection::to_string);
    let reason = reason.expect("there is one");
    assert!(reason.contains(text), "{reason}");
    // Whatever it binds could not be looked at.
    assert!(!judgement.passed(TpmCheck::RuntimeData) && !judgement.passed(TpmCheck::TeeReport));
}

#[track_caller]
fn assert_runtime_data_refused_for(text: &[u8], reason: &str) {
    let hcl = Hcl::with_text(text);
    let judgement = judged(&hcl.quoted(), &hcl.report);
    assert_refused_for(&judgement, "runtime_data_unreadable");
    let found = judgement.rejections().next().map(TpmRejection::to_string);
    let found = found.expect("there is one");
    assert!(found.contains(reason), "{found}");
}

fn changed(change: impl FnOnce(&mut Hcl)) -> Hcl {
    let mut hcl = Hcl::good();
    change(&mut hcl);
    hcl
}

fn runtime_data_with(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut data = runtime_data();
    change(&mut data);
    data.to_string().into_bytes()
}

#[test]
fn hcl_report_made_by_hand_is_accepted() {
    let hcl = Hcl::good();
    assert_accepted(&judged(&hcl.quoted(), &hcl.report));
}

#[test]
fn hcl_report_of_another_form_is_refused() {
    assert_hcl_refused_for(&changed(|hcl| hcl.signature = *b"HCLB"), "begin with HCLA");
    assert_hcl_refused_for(&changed(|hcl| hcl.version = 0), "version 0;");
    assert_hcl_refused_for(&changed(|hcl| hcl.version = 3), "version 3;");
    assert_hcl_refused_for(&changed(|hcl| hcl.size = 1), "and it has not");
    assert_hcl_refused_for(&changed(|hcl| hcl.request = 1), "request of type 1");
    assert_hcl_refused_for(&changed(|hcl| hcl.status = 7), "status is 7");
    assert_hcl_refused_for(&changed(|hcl| hcl.reserved[11] = 1), "reserved");
    assert_hcl_refused_for(
        &changed(|hcl| hcl.description_size = -1),
        "and they have not",
    );
    assert_hcl_refused_for(&changed(|hcl| hcl.description_version = 3), "has version 3");
    assert_hcl_refused_for(&changed(|hcl| hcl.report_type = 1), "report of type 1");
    assert_hcl_refused_for(&changed(|hcl| hcl.hash = 0), "digest of type 0");
    assert_hcl_refused_for(&changed(|hcl| hcl.hash = 4), "digest of type 4");
    assert_hcl_refused_for(
        &changed(|hcl| hcl.after = vec![0, 1]),
        "follow the runtime data",
    );
    assert_hcl_refused_for(
        &changed(|hcl| hcl.after = vec![0; 16 << 10]),
        "at most 16384",
    );
    // A TD report is shorter, and zeros follow it.
    let longer_td_report = changed(|hcl| {
        hcl.report_type = 4;
        hcl.report[1183] = 1;
    });
    assert_hcl_refused_for(&longer_td_report, "reserved");
}

#[test]
fn hcl_report_that_ends_early_is_refused() {
    let hcl = changed(|hcl| hcl.after = Vec::new());
    let whole = hcl.quoted();
    assert_accepted(&judged(&whole, &hcl.report));
    let length = hcl.bytes().len();
    for left in (0..length).step_by(7).chain([length - 1]) {
        let mut cut = whole.clone();
        cut.hcl_report.as_mut().expect("it has one").truncate(left);
        assert_refused_for(&judged(&cut, &hcl.report), "hcl_unreadable");
    }
}

/// Peers take that much out of the file, and crash.
#[test]
fn hcl_report_that_says_more_runtime_data_than_it_has_is_refused() {
    let hcl = changed(|hcl| hcl.after = Vec::new());
    // The size of the runtime data is the last number before it.
    let place = 32 + 1184 + 16;
    for size in [1 << 12, u32::MAX] {
        let mut sample = hcl.quoted();
        let report = sample.hcl_report.as_mut().expect("it has one");
        report[place..place + 4].copy_from_slice(&size.to_le_bytes());
        assert_refused_for(&judged(&sample, &hcl.report), "hcl_unreadable");
    }
}

#[test]
fn hcl_report_with_a_description_of_version_2_is_accepted_with_its_extension() {
    let hcl = changed(|hcl| {
        hcl.description_version = 2;
        hcl.extension = vec![7, 0, 0, 0];
    });
    assert_accepted(&judged(&hcl.quoted(), &hcl.report));
    let without = changed(|hcl| hcl.description_version = 2);
    assert_hcl_refused_for(&without, "and they have not");
}

#[test]
fn hcl_report_missing_is_refused() {
    let hcl = Hcl::good();
    let mut sample = hcl.quoted();
    sample.hcl_report = None;
    assert_refused_for(&judged(&sample, &hcl.report), "hcl_missing");
}

#[test]
fn hcl_report_with_another_report_than_the_judged_is_refused() {
    let hcl = Hcl::good();
    // What binds the runtime data is the same; the measurement is not.
    let mut judged_report = hcl.report;
    judged_report[0x90] ^= 1;
    assert_refused_for(&judged(&hcl.quoted(), &judged_report), "snp_report_other");
}

#[test]
fn hcl_report_of_another_tee_than_the_judged_is_refused() {
    let hcl = Hcl::good();
    let mut body = [0; 584];
    body[520..584].copy_from_slice(&hcl.report[0x50..0x90]);
    let trust = AkTrust::Tee(TeeReport::Tdx(&body));
    let judgement = hcl.quoted().judged(trust, &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "tee_other");
}

#[test]
fn snp_report_for_another_vmpl_is_refused_whatever_the_limits_of_snp_say() {
    for vmpl in [1, 2, 3] {
        let hcl = changed(|hcl| hcl.report[0x30] = vmpl);
        assert_refused_for(&judged(&hcl.quoted(), &hcl.report), "vmpl");
    }
}

#[test]
fn runtime_data_that_report_data_does_not_bind_is_refused() {
    let hcl = Hcl::good();
    let mut report = hcl.report;
    report[0x50] ^= 1;
    let other = Hcl {
        report,
        ..hcl.clone()
    };
    assert_refused_for(&judged(&other.quoted(), &report), "runtime_data_unbound");
}

/// Peers compare the first 32 bytes alone.
#[test]
fn runtime_data_with_more_than_its_digest_in_report_data_is_refused() {
    for place in [0x70, 0x8F] {
        let hcl = changed(|hcl| hcl.report[place] = 1);
        assert_refused_for(&judged(&hcl.quoted(), &hcl.report), "runtime_data_unbound");
    }
}

#[test]
fn runtime_data_of_each_digest_is_accepted_and_bound_by_no_other() {
    for (hash, algorithm) in [(2, 0x0C), (3, 0x0D)] {
        let hcl = changed(|hcl| hcl.hash = hash);
        assert_refused_for(&judged(&hcl.quoted(), &hcl.report), "runtime_data_unbound");
        let bound = changed(|hcl| {
            hcl.hash = hash;
            let algorithm = measured_boot_event_log::Algorithm(algorithm);
            let digest = algorithm.hash(&[&hcl.runtime_data]).expect("computed");
            let digest = digest.as_bytes();
            hcl.report[0x50..0x50 + digest.len()].copy_from_slice(digest);
        });
        assert_accepted(&judged(&bound.quoted(), &bound.report));
    }
}

#[test]
fn runtime_data_of_another_form_is_refused() {
    for (text, reason) in [
        (&b""[..], "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[]", "`the document`"),
        (b"{\"keys\":[],\"keys\":[]}", "a member twice"),
        (b"{}", "`keys`"),
        (b"{\"keys\":{}}", "`keys`"),
        (b"{\"keys\":[]}", "no key"),
        (b"{\"keys\":[1,1,1,1,1,1,1,1,1]}", "9 keys"),
    ] {
        assert_runtime_data_refused_for(text, reason);
    }
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let hcl = Hcl::with_text(&deep[..12_000]);
    assert_refused_for(
        &judged(&hcl.quoted(), &hcl.report),
        "runtime_data_unreadable",
    );
}

#[test]
fn runtime_data_with_a_member_twice_anywhere_is_refused() {
    let text = runtime_data().to_string();
    for name in ["\"kid\":", "\"n\":", "\"secure-boot\":", "\"user-data\":"] {
        let twice = text.replacen(name, &format!("{name}null,{name}"), 1);
        assert_runtime_data_refused_for(twice.as_bytes(), "a member twice");
    }
}

#[test]
fn runtime_data_with_a_key_that_cannot_be_the_one_is_refused() {
    let key = |name: &'static str, value: Value| {
        runtime_data_with(move |data| data["keys"][0][name] = value)
    };
    for (text, reason) in [
        (
            key("kid", json!("HCLTransferKey")),
            "no key is named HCLAkPub",
        ),
        (key("key_ops", json!(["encrypt"])), "not for signing alone"),
        (
            key("key_ops", json!(["sign", "decrypt"])),
            "not for signing alone",
        ),
        (key("kty", json!("EC")), "not an RSA key"),
        (key("e", json!("Aw")), "exponent other than 65537"),
        (key("n", json!("AQAB")), "modulus of 17 bits"),
        (key("n", json!("AQA=")), "`n`"),
        (key("e", json!(65537)), "`e`"),
    ] {
        assert_runtime_data_refused_for(&text, reason);
    }
    let same_name = runtime_data_with(|data| data["keys"][1]["kid"] = json!("HCLAkPub"));
    assert_runtime_data_refused_for(&same_name, "two keys");
    let same_key = runtime_data_with(|data| data["keys"][1]["n"] = data["keys"][0]["n"].clone());
    assert_runtime_data_refused_for(&same_key, "another key is the same");
}

#[test]
fn runtime_data_with_a_configuration_of_another_form_is_refused() {
    let with = |name: &'static str, value: Value| {
        runtime_data_with(move |data| data["vm-configuration"][name] = value)
    };
    let none = runtime_data_with(|data| data["vm-configuration"] = json!("secure"));
    assert_runtime_data_refused_for(&none, "`vm-configuration`");
    assert_runtime_data_refused_for(&with("secure-boot", json!("true")), "`secure-boot`");
    assert_runtime_data_refused_for(&with("console-enabled", json!(0)), "`console-enabled`");
    let user_data = runtime_data_with(|data| data["user-data"] = json!("00".repeat(65)));
    assert_runtime_data_refused_for(&user_data, "`user-data`");
}

#[test]
fn configuration_that_the_limits_forbid_is_refused() {
    for (limit, value, member, bad, code) in [
        (
            "require_secure_boot",
            true,
            "secure-boot",
            json!(false),
            "secure_boot_off",
        ),
        (
            "allow_console",
            false,
            "console-enabled",
            json!(true),
            "console",
        ),
    ] {
        let limits = limits_with(limit, json!(value));
        let good = Hcl::good();
        let trust = |hcl: &Hcl| hcl.report;
        let report = trust(&good);
        let judgement = good.quoted().judged(
            AkTrust::Tee(TeeReport::Snp(&report)),
            &nonce(NONCE),
            &limits,
        );
        assert_accepted(&judgement);
        // Saying nothing is not saying that it is as it should be.
        let without = runtime_data_with(|data| {
            let configuration = data["vm-configuration"].as_object_mut().expect("an object");
            configuration.remove(member);
        });
        let with = runtime_data_with(|data| data["vm-configuration"][member] = bad);
        for text in [with, without] {
            let hcl = Hcl::with_text(&text);
            let trust = AkTrust::Tee(TeeReport::Snp(&hcl.report));
            let judgement = hcl.quoted().judged(trust, &nonce(NONCE), &limits);
            assert_refused_for(&judgement, code);
        }
    }
}

#[test]
fn reasons_never_repeat_what_the_runtime_data_says() {
    let text = runtime_data_with(|data| data["keys"][0]["kid"] = json!("\u{1b}[31mEVIL"));
    let hcl = Hcl::with_text(&text);
    let judgement = judged(&hcl.quoted(), &hcl.report);
    assert!(judgement.rejections().count() > 0);
    for rejection in judgement.rejections() {
        assert!(
            !rejection.to_string().contains("EVIL"),
            "{}",
            rejection.code()
        );
    }
}

fn judged_td(hcl: &Hcl, body: &[u8]) -> Judgement<TpmRejection> {
    let trust = AkTrust::Tee(TeeReport::Tdx(body));
    hcl.quoted().judged(trust, &nonce(NONCE), &limits())
}

#[test]
fn td_report_that_the_quote_was_made_of_is_accepted() {
    let (hcl, report) = Hcl::good_td();
    assert_accepted(&judged_td(&hcl, &td_body(&report)));
    // TDX 1.5's bodies go on.
    for length in [648, 885] {
        let mut longer = td_body(&report);
        longer.resize(length, 0);
        assert_accepted(&judged_td(&hcl, &longer));
    }
}

#[test]
fn td_report_with_any_field_other_than_the_quotes_is_refused() {
    let (hcl, report) = Hcl::good_td();
    let body = td_body(&report);
    // Each field's first byte is not zero; REPORTDATA's tail is not part of the digest.
    for place in (0..520).filter(|place| body[*place] != 0).chain([583]) {
        let mut other = body.clone();
        other[place] ^= 0x80;
        let judgement = judged_td(&hcl, &other);
        let unbound = if place == 583 {
            "runtime_data_unbound"
        } else {
            ""
        };
        let mut expected = vec!["td_report_other"];
        expected.extend((!unbound.is_empty()).then_some(unbound));
        assert_eq!(crate::support::codes(&judgement), expected, "{place}");
    }
}

#[test]
fn td_body_of_another_length_is_refused() {
    let (hcl, report) = Hcl::good_td();
    let body = td_body(&report);
    for other in [&body[..583], &[body.as_slice(), &[0]].concat(), &[]] {
        let codes = crate::support::codes(&judged_td(&hcl, other));
        assert_eq!(codes, ["td_body_length", "runtime_data_unbound"]);
    }
}

/// Nothing of it is in the quote, and still it is not what a TDX module makes.
#[test]
fn td_report_that_no_module_makes_is_refused() {
    let (hcl, report) = Hcl::good_td();
    let body = td_body(&report);
    let with = |place: usize, digests: bool| {
        let mut report = report;
        report[place] ^= 1;
        let mut hcl = hcl.clone();
        hcl.set_td(&if digests {
            with_digests(report)
        } else {
            report
        });
        judged_td(&hcl, &body)
    };
    // Type, reserved bytes, the two digests, and what they cover: TEE_TCB_SVN2 and SERVTD_HASH.
    for place in [0, 1, 3, 192, 223, 495, 511, 32, 127, 400, 912, 1023] {
        assert_refused_for(&with(place, false), "td_report_inconsistent");
    }
    for place in [0, 1, 3, 192, 223, 495, 511] {
        assert_refused_for(&with(place, true), "td_report_inconsistent");
    }
    // With the right digests those are as good as others.
    assert_accepted(&with(912, true));
}

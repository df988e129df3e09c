//! What a quote has to be.

use crate::forge::{ALL_PCRS, Quote, SHA256, signed};
use crate::support::{
    NONCE, assert_accepted, assert_refused_for, codes, limits, limits_with, nonce,
};
use attestation_tpm::{AkTrust, ExpectedNonce, NonceError, TpmCheck, TpmRejection};
use serde_json::json;

fn changed(change: impl FnOnce(&mut Quote)) -> Quote {
    let mut quote = Quote::good();
    change(&mut quote);
    quote
}

/// Everything about it is signed: its form alone is wrong.
#[track_caller]
fn assert_unreadable(quote: Vec<u8>, text: &str) {
    let (sample, key) = signed(quote);
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "quote_unreadable");
    assert!(judgement.passed(TpmCheck::Signature));
    assert!(!judgement.passed(TpmCheck::Nonce) && !judgement.passed(TpmCheck::PcrDigest));
    let reason = judgement.rejections().next().map(TpmRejection::to_string);
    let reason = reason.expect("there is one");
    assert!(reason.contains(text), "{reason}");
}

#[test]
fn quote_of_another_form_is_refused() {
    let is = |change: fn(&mut Quote), text: &str| assert_unreadable(changed(change).bytes(), text);
    is(|quote| quote.magic = 0xFF54_4346, "no TPM made this");
    is(|quote| quote.kind = 0x8017, "type 0x8017");
    is(|quote| quote.signer = vec![0; 67], "name of 67 bytes");
    is(
        |quote| quote.extra_data = vec![0; 67],
        "extraData of 67 bytes",
    );
    is(|quote| quote.safe = 2, "safe is 2");
    is(
        |quote| quote.selections = vec![(SHA256, vec![0; 4])],
        "bitmap of 4 bytes",
    );
    is(
        |quote| quote.selections = vec![(SHA256, vec![0; 2])],
        "bitmap of 2 bytes",
    );
    is(|quote| quote.digest = vec![0; 65], "digest of 65 bytes");
    let many = |quote: &mut Quote| quote.selections = (0..17).map(|n| (n, vec![0; 3])).collect();
    is(many, "17 banks");
}

/// A bank that is named twice would let fewer values stand for more.
#[test]
fn quote_of_a_bank_twice_is_refused() {
    let twice = changed(|quote| quote.selections.push((SHA256, ALL_PCRS.to_vec())));
    assert_unreadable(twice.bytes(), "selected twice");
}

#[test]
fn quote_that_goes_on_or_ends_early_is_refused() {
    let quote = Quote::good().bytes();
    assert_unreadable([quote.clone(), vec![0]].concat(), "1 bytes follow");
    for left in 0..quote.len() {
        assert_unreadable(quote[..left].to_vec(), "are left");
    }
}

#[test]
fn signature_of_another_form_is_refused() {
    let (sample, key) = Quote::good().signed();
    let with = |signature: Vec<u8>| {
        let mut changed = sample.clone();
        changed.signature = signature;
        codes(&changed.judged(AkTrust::Named(&key), &nonce(NONCE), &limits()))
    };
    let good = &sample.signature;
    assert_eq!(with(good.clone()), [""; 0]);
    let replaced = |place: usize, byte: u8| {
        let mut changed = good.clone();
        changed[place] = byte;
        changed
    };
    // HMAC, SHA-1, an empty number, and one byte more. Without a signature nothing says how PCRs were hashed.
    for bad in [
        replaced(1, 0x05),
        replaced(3, 0x04),
        [&good[..4], &[0, 0, 0, 0]].concat(),
        [good.as_slice(), &[0]].concat(),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(with(bad), ["signature_unreadable"]);
    }
    // The numbers of RSA, and a hash that was not used.
    assert_eq!(
        with(replaced(3, 0x0C)),
        ["signature_invalid", "pcr_digest_other"]
    );
    assert_eq!(
        with([&[0, 0x14], &good[2..38]].concat()),
        ["signature_invalid"]
    );
}

/// A bare number is RSA's.
#[test]
fn signature_that_does_not_say_what_it_is_is_refused_for_a_key_on_a_curve() {
    let (mut sample, key) = Quote::good().signed();
    sample.bare = true;
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "signature_invalid");
    sample.signature = vec![1; 513];
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "signature_unreadable");
}

#[test]
fn nonce_other_than_expected_is_refused() {
    let filled = [NONCE, &[0; 55]].concat();
    let spoilt = [&filled[..63], &[1]].concat();
    for (bound, accepted) in [
        (NONCE.to_vec(), true),
        (filled.clone(), true),
        (spoilt, false),
        (filled[..63].to_vec(), false),
        ([filled.as_slice(), &[0]].concat(), false),
        (NONCE[..8].to_vec(), false),
        (Vec::new(), false),
    ] {
        let (sample, key) = changed(|quote| quote.extra_data = bound.clone()).signed();
        let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
        match accepted {
            true => assert_accepted(&judgement),
            false => assert_refused_for(&judgement, "nonce_other"),
        }
    }
}

#[test]
fn nonce_is_expected_or_its_absence_is_said() {
    let (sample, key) = Quote::good().signed();
    let judgement = sample.judged(AkTrust::Named(&key), &ExpectedNonce::Unbound, &limits());
    assert!(judgement.accepted());
    let record = judgement.record();
    let reason = &record.check("tpm_nonce").expect("it is listed").reason;
    assert!(
        reason.contains("anybody may have sent it again"),
        "{reason}"
    );
    // An empty one is no nonce, however it came to be.
    let empty = ExpectedNonce::Exactly(Vec::new());
    let (sample, key) = changed(|quote| quote.extra_data = Vec::new()).signed();
    let judgement = sample.judged(AkTrust::Named(&key), &empty, &limits());
    assert_refused_for(&judgement, "nonce_other");
}

#[test]
fn nonce_of_another_length_or_alphabet_is_no_nonce() {
    assert_eq!(
        ExpectedNonce::from_hex("00Ff"),
        Ok(ExpectedNonce::Exactly(vec![0, 0xFF]))
    );
    assert_eq!(ExpectedNonce::from_hex(""), Err(NonceError::Length(0)));
    assert_eq!(
        ExpectedNonce::from_hex(&"00".repeat(65)),
        Err(NonceError::Length(65))
    );
    assert_eq!(
        ExpectedNonce::from_hex("0x00"),
        Err(NonceError::NotHexadecimal)
    );
}

#[test]
fn clock_that_may_have_gone_back_is_refused_unless_the_limits_let_it_be() {
    let (sample, key) = changed(|quote| quote.safe = 0).signed();
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "clock_unsafe");
    let limits = limits_with("require_safe_clock", json!(false));
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits);
    assert!(judgement.accepted() && !judgement.passed(TpmCheck::Clock));
}

//! Quotes that real platforms made, at their right dates and at others.

use crate::support::{Question, vector};
use attestation_tdx::{
    Collateral, Piece, ProvenCollateral, TcbStatus, TdxCheck, TdxClaims, TdxRejection, TrustedRoot,
};
use attestation_verdict::{Judgement, Rejection as _};

const SAMPLES: &str = "dcap-qvl-0.7.1/sample";
const TRUSTEE: &str = "trustee/deps/verifier/test_data";
/// 2025-06-19T12:35:00Z: the collateral of dcap-qvl's sample is in its time.
pub const JUNE_2025: u64 = 1_750_336_500;
/// 2025-11-01T00:00:00Z: TCB info and QE identity of Trustee's sample are in their time.
const NOVEMBER_2025: u64 = 1_761_955_200;
/// 2026-02-10T00:00:00Z: the TCB info beside go-tdx-guest's quote of version 5 is in its time.
const FEBRUARY_2026: u64 = 1_770_681_600;

/// dcap-qvl's collateral for its sample, complete.
pub fn collateral() -> Option<Collateral> {
    let json = vector(&format!("{SAMPLES}/tdx_quote_collateral.json"))?;
    Some(Collateral::read(&json).expect("it is in dcap-qvl's form"))
}

/// A quote of the vectors with dcap-qvl's collateral.
pub fn question(quote: &str) -> Option<Question> {
    let collateral = ProvenCollateral::prove(collateral()?, &TrustedRoot::intel());
    Some(Question::new(vector(quote)?, collateral, JUNE_2025))
}

fn hexadecimal(name: &str) -> Option<Vec<u8>> {
    let text = String::from_utf8(vector(name)?).expect("digits");
    let digits = text.trim().trim_start_matches("0x");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    Some((0..digits.len() / 2).map(|at| byte(2 * at)).collect())
}

/// The document and its signature in an answer of Intel's service: the bytes that are signed are those of the answer.
fn signed(answer: &str, member: &str) -> Option<(String, Vec<u8>)> {
    let text = String::from_utf8(vector(answer)?).expect("JSON");
    let start = text.find(&format!("\"{member}\":")).expect("the member") + member.len() + 3;
    let end = text
        .find(",\"signature\":")
        .expect("the signature behind it");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let digits = value["signature"].as_str().expect("digits");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    let signature = (0..digits.len() / 2).map(|at| byte(2 * at)).collect();
    Some((text[start..end].to_owned(), signature))
}

/// dcap-qvl's collateral with another TCB info, and another QE identity where there is one.
fn with_documents(tcb_info: &str, qe_identity: Option<&str>) -> Option<ProvenCollateral> {
    let mut collateral = collateral()?;
    (collateral.tcb_info, collateral.tcb_info_signature) = signed(tcb_info, "tcbInfo")?;
    if let Some(answer) = qe_identity {
        (collateral.qe_identity, collateral.qe_identity_signature) =
            signed(answer, "enclaveIdentity")?;
    }
    Some(ProvenCollateral::prove(collateral, &TrustedRoot::intel()))
}

#[track_caller]
fn passes(question: &Question, checks: &[TdxCheck]) {
    let judgement = question.judge();
    for check in checks {
        assert!(
            judgement.passed(*check),
            "{check:?}: {:?}",
            judgement.finding(*check)
        );
    }
}

const GENUINE: [TdxCheck; 4] = [
    TdxCheck::QuoteFormat,
    TdxCheck::Chain,
    TdxCheck::CollateralSignatures,
    TdxCheck::Signature,
];

#[test]
fn real_quote_at_its_right_date_is_up_to_date_and_accepted() {
    let Some(mut question) = question(&format!("{SAMPLES}/tdx_quote")) else {
        return;
    };
    question.second_opinion = true;
    question.is_accepted();
    let claims = TdxClaims::read(&question.quote, &question.collateral);
    assert_eq!(claims.tcb.map(|tcb| tcb.status), Some(TcbStatus::UpToDate));
}

#[test]
fn real_quote_of_the_same_model_below_every_level_is_refused_for_nothing_else() {
    let (Some(mut question), Some(quote)) = (
        question(&format!("{SAMPLES}/tdx_quote")),
        hexadecimal(&format!("{SAMPLES}/tdx-quote.hex")),
    ) else {
        return;
    };
    question.quote = quote;
    question.second_opinion = true;
    question.is_refused_for(&[("tcb_status", "tcb_below_every_level")]);
}

#[test]
fn real_quote_outside_its_collaterals_dates_is_refused() {
    let Some(mut question) = question(&format!("{SAMPLES}/tdx_quote")) else {
        return;
    };
    let (from, until) = question.collateral.window();
    for (now, code) in [
        (from - 1, "not_yet_valid"),
        (until + 1, "expired"),
        (JUNE_2025 + 60 * 86_400, "expired"),
    ] {
        question.now = now;
        let judgement = question.judge();
        assert!(!judgement.accepted(), "{now}");
        assert!(
            judgement
                .rejections()
                .all(|one| { one.check() == TdxCheck::Dates && one.code() == code })
        );
    }
}

#[test]
fn real_quote_of_a_td_in_debug_mode_is_refused() {
    let Some(question) = question(&format!("{TRUSTEE}/tdx_quote_4.dat")) else {
        return;
    };
    passes(&question, &GENUINE);
    let judgement = question.judge();
    assert!(
        judgement
            .rejections()
            .any(|one| *one == TdxRejection::Debug)
    );
}

#[test]
fn real_quote_6_is_refused_for_nothing_but_the_dates_of_the_lists_that_are_missing() {
    let (Some(quote), Some(collateral)) = (
        vector(&format!("{TRUSTEE}/tdx_quote_6.dat")),
        with_documents(
            &format!("{TRUSTEE}/tcbInfo.json"),
            Some(&format!("{TRUSTEE}/enclaveIdentity.json")),
        ),
    ) else {
        return;
    };
    let mut question = Question::new(quote, collateral, NOVEMBER_2025);
    let claims = TdxClaims::read(&question.quote, &question.collateral);
    let tcb = claims.tcb.expect("a level is met");
    question.limits.accepted_tcb_statuses.push(tcb.status);
    question.limits.accepted_advisories = None;
    let judgement = question.judge();
    // No revocation list of that time is among the vectors: June's are taken, and only their dates are wrong.
    let found: Vec<_> = judgement.rejections().collect();
    assert!(
        matches!(
            found.as_slice(),
            [
                TdxRejection::Expired {
                    piece: Piece::RootCrl | Piece::PckCrl,
                    ..
                },
                ..
            ]
        ),
        "{found:?}"
    );
    assert!(
        found.iter().all(|one| matches!(
            one,
            TdxRejection::Expired {
                piece: Piece::RootCrl | Piece::PckCrl,
                ..
            }
        )),
        "{found:?}"
    );
    // Outside of their own month the documents are refused too.
    question.now += 40 * 86_400;
    let judgement = question.judge();
    for piece in [Piece::TcbInfo, Piece::QeIdentity] {
        assert!(judgement.rejections().any(
            |one| matches!(one, TdxRejection::Expired { piece: found, .. } if *found == piece)
        ));
    }
}

#[test]
fn real_quote_of_version_5_is_read_and_its_signatures_hold() {
    let (Some(quote), Some(collateral)) = (
        vector("go-tdx-guest/testdata/quote_v5_sample.dat"),
        with_documents("go-tdx-guest/testdata/sample_tcbinfo_response_v5", None),
    ) else {
        return;
    };
    let question = Question::new(quote, collateral, FEBRUARY_2026);
    passes(&question, &GENUINE);
    passes(
        &question,
        &[
            TdxCheck::PckMatch,
            TdxCheck::ModuleIdentity,
            TdxCheck::Debug,
            TdxCheck::ServiceTd,
        ],
    );
    let claims = TdxClaims::read(&question.quote, &question.collateral);
    assert!(claims.quote.is_some_and(|quote| quote.td.td15.is_some()));
}

#[test]
fn real_quotes_signatures_hold_under_intels_root() {
    for name in [
        "trustee/deps/verifier/test_data/tdx_quote_5.dat",
        "trustee/deps/verifier/test_data/az-tdx-vtpm/td-quote.bin",
        "go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat",
    ] {
        if let Some(question) = question(name) {
            passes(&question, &GENUINE);
            // The collateral is another model's.
            assert!(!question.judge().passed(TdxCheck::PckMatch), "{name}");
        }
    }
}

#[test]
fn azures_td_without_sept_ve_disable_is_refused_unless_the_policy_says_so() {
    let Some(mut question) = question(&format!("{TRUSTEE}/az-tdx-vtpm/td-quote.bin")) else {
        return;
    };
    let missing = |question: &Question| {
        let judgement = question.judge();
        let mut reasons = judgement.rejections();
        reasons.any(|one| matches!(one, TdxRejection::AttributeMissing(_)))
    };
    assert!(missing(&question));
    question.limits.required_attributes.clear();
    assert!(!missing(&question));
}

#[test]
fn real_quote_with_a_text_after_it_is_refused() {
    let Some(mut question) = question("go-tdx-guest/testdata/tdx_prod_quote_SPR_E4.dat") else {
        return;
    };
    let judgement = question.judge();
    assert!(judgement.rejections().any(|one| matches!(
        one,
        TdxRejection::Quote(attestation_tdx::QuoteFault::NotPadding(_))
    )));
    let end = question.quote.len() - "\nextra bytes(only for testing purpose)\n".len();
    question.quote.truncate(end);
    passes(&question, &GENUINE);
}

#[test]
fn real_quote_of_an_sgx_enclave_is_refused_as_not_tdx() {
    for name in [
        "dcap-qvl-0.7.1/sample/sgx_quote",
        "trustee/deps/verifier/test_data/occlum_quote.dat",
        "intel-qvl/sampleData/quote.dat",
    ] {
        let Some(question) = question(name) else {
            continue;
        };
        let judgement = question.judge();
        assert!(
            judgement.rejections().any(|one| matches!(
                one,
                TdxRejection::Quote(attestation_tdx::QuoteFault::Sgx { version: 3 })
            )),
            "{name}"
        );
        let text = judgement
            .record()
            .check("quote_format")
            .expect("listed")
            .reason
            .clone();
        assert!(text.contains("not of a TD"), "{text}");
    }
}

#[test]
fn intels_sample_leads_to_the_root_beside_it_and_not_to_intels() {
    let folder = "intel-qvl/sampleData/tdx";
    let text = |name: &str| {
        vector(&format!("{folder}/{name}")).map(|text| String::from_utf8(text).expect("PEM"))
    };
    let (Some(quote), Some(chain), Some(pck), Some(signers), Some(root)) = (
        vector(&format!("{folder}/quote.dat")),
        text("pckSignChain.pem"),
        text("pckCert.pem"),
        text("tcbSignChain.pem"),
        text("trustedRootCaCert.pem"),
    ) else {
        return;
    };
    // The samples have the root first, which Intel's service never writes.
    let [chain, signers] = [chain, signers].map(|chain| {
        let second = chain.rfind("-----BEGIN").expect("two certificates");
        let (root, leaf) = chain.split_at(second);
        format!("{}\n{}", leaf.trim_end(), root)
    });
    let (tcb_info, tcb_info_signature) =
        signed(&format!("{folder}/tcbInfo.json"), "tcbInfo").expect("there");
    let (qe_identity, qe_identity_signature) =
        signed(&format!("{folder}/qeIdentity.json"), "enclaveIdentity").expect("there");
    let collateral = Collateral {
        pck_crl_issuer_chain: chain.clone(),
        root_ca_crl: vector(&format!("{folder}/rootCaCrl.der")).expect("there"),
        pck_crl: vector(&format!("{folder}/intermediateCaCrl.der")).expect("there"),
        tcb_info_issuer_chain: signers.clone(),
        tcb_info,
        tcb_info_signature,
        qe_identity_issuer_chain: signers,
        qe_identity,
        qe_identity_signature,
        pck_certificate_chain: Some(format!("{}\n{chain}", pck.trim_end())),
    };
    let judged = |root: &TrustedRoot| {
        let collateral = ProvenCollateral::prove(collateral.clone(), root);
        // 2022-01-01: all of it is in its time.
        Question::new(quote.clone(), collateral, 1_640_995_200)
    };
    let named = judged(&TrustedRoot::named(root.as_bytes()).expect("a certificate"));
    let genuine: Vec<_> = GENUINE
        .into_iter()
        .filter(|check| *check != TdxCheck::Chain)
        .collect();
    passes(&named, &genuine);
    passes(&named, &[TdxCheck::Dates, TdxCheck::Revocation]);
    // The quote's own chain has the root first, too.
    let of_chain = |judgement: &Judgement<TdxRejection>| -> Vec<TdxRejection> {
        let reasons = judgement.rejections();
        reasons
            .filter(|one| one.check() == TdxCheck::Chain)
            .cloned()
            .collect()
    };
    assert_eq!(
        of_chain(&named.judge()),
        [TdxRejection::Unreadable {
            chain: Piece::PckChain,
            problem: "the root comes first, where the leaf belongs"
        }]
    );
    let intels = judged(&TrustedRoot::intel()).judge();
    assert!(
        intels
            .rejections()
            .any(|one| matches!(one, TdxRejection::RootNotTrusted { .. }))
    );
}

#[test]
fn real_event_log_replays_to_all_rtmrs_of_the_quote_beside_it() {
    let (Some(mut question), Some(log)) = (
        question("go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat"),
        vector("go-tdx-guest/testdata/ccel/ccel_data.dat"),
    ) else {
        return;
    };
    question.event_log = Some(log);
    passes(&question, &[TdxCheck::EventLog]);
    let failed = |question: &Question| {
        let judgement = question.judge();
        assert!(!judgement.accepted());
        let log = |one: &&TdxRejection| one.check() == TdxCheck::EventLog;
        judgement
            .rejections()
            .filter(log)
            .cloned()
            .collect::<Vec<_>>()
    };
    // A changed digest of the first measured event: it goes into RTMR0.
    let first = question.event_log.as_mut().expect("given");
    let digest = first
        .windows(2)
        .position(|two| two == [0x0C, 0x00])
        .expect("SHA-384's number");
    let after_header = first[digest + 2..]
        .windows(2)
        .position(|two| two == [0x0C, 0x00]);
    let at = digest + 2 + after_header.expect("an event's digest") + 2;
    first[at] ^= 1;
    assert_eq!(failed(&question), [TdxRejection::EventLogReplay(0)]);
    question.event_log = Some(b"no log".to_vec());
    assert!(matches!(
        failed(&question).as_slice(),
        [TdxRejection::EventLogUnreadable(_)]
    ));
    question.event_log = Some(vec![0xFF; 64]);
    assert!(matches!(
        failed(&question).as_slice(),
        [TdxRejection::EventLogUnreadable(_)]
    ));
}

//! Real evidence, as whole cases: the verdicts are those of the offline command (attestation/offline/tests/cli/vectors.rs)
//! where it is given a reference value of what was launched.

use crate::support::{asked, codes, failed, judged_with_its_own_launch, vector};
use attestation_evidence::Tee;
use attestation_judge::{Case, judge};
use attestation_verdict::ExpectedData;

const IN_2026: u64 = 1_767_225_600;
const MILAN: &str = "d447b55d197491bfe15cf298f9de9986b7a7c4be2468b4f6e2d53b71d7c645810b0f2cdfca0040433be063fc1a8293f0f3f8dae7b79fecb3d1cd82bd6a93ebfd";

/// Evidence, certificate or collateral, what has to be bound, the time, and the checks that fail.
struct Row(
    Tee,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    u64,
    &'static [&'static str],
);

const VIRTEE: &str = "virtee-sev/tests/certs_data/";
const TRUSTEE: &str = "trustee/deps/verifier/test_data/";
const SEV: &str = "go-sev-guest/verify/testdata/";
const TDX: &str = "go-tdx-guest/testdata/";
const DCAP: &str = "dcap-qvl-0.7.1/sample/";
const INTEL: &str = "intel-qvl/sampleData/";

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    Row(Tee::Snp, "@virtee/report_milan.hex", Some("@virtee/vcek_milan.der"), None, IN_2026, &[]),
    Row(Tee::Snp, "@virtee/report_milan.hex", Some("@virtee/vcek_milan.der"), Some(MILAN), IN_2026, &[]),
    Row(Tee::Snp, "@virtee/report_milan.hex", Some("@virtee/vcek_milan.der"), Some("00"), IN_2026, &["binding"]),
    Row(Tee::Snp, "@virtee/report_milan.hex", Some("@virtee/vcek_milan.der"), None, 1_680_549_822, &["dates"]),
    Row(Tee::Snp, "@virtee/report_milan.hex", Some("@virtee/vcek_milan.der"), None, 1_901_474_624, &["dates"]),
    Row(Tee::Snp, "@trustee/snp/test-report.bin", Some("@trustee/snp/test-vcek.der"), None, IN_2026, &[]),
    Row(Tee::Snp, "@trustee/snp/test-vlek-report.bin", Some("@trustee/snp/test-vlek.der"), None, 1_748_736_000, &["vmpl"]),
    Row(Tee::Snp, "@trustee/snp/test-vlek-report.bin", Some("@trustee/snp/test-vlek.der"), None, IN_2026, &["dates", "vmpl"]),
    Row(Tee::Snp, "@trustee/snp/test-report.bin", Some("@virtee/vcek_milan.der"), None, IN_2026, &["signature", "chip_id"]),
    Row(Tee::Snp, "@sev/attestation.bin", Some("@sev/vcek.testcer"), None, 1_704_067_200, &["debug"]),
    Row(Tee::Snp, "@sev/attestation.bin", None, None, 1_704_067_200, &["chain", "debug"]),
    Row(Tee::AzSnpVtpm, "@trustee/az-snp-vtpm/evidence-v0.json", None, None, IN_2026, &[]),
    Row(Tee::AzSnpVtpm, "@trustee/az-snp-vtpm/evidence-v1.json", None, None, IN_2026, &[]),
    Row(Tee::AzSnpVtpm, "@trustee/az-snp-vtpm/evidence-v2.json", None, None, IN_2026, &[]),
    Row(Tee::AzSnpVtpm, "@trustee/az-snp-vtpm/evidence-genoa.json", None, None, IN_2026, &[]),
    Row(Tee::AzSnpVtpm, "@trustee/az-snp-vtpm/evidence-v2.json", None, Some("00"), IN_2026, &["tpm_nonce"]),
    Row(Tee::AzTdxVtpm, "@trustee/az-tdx-vtpm/evidence-v1.json", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["pck_match", "tcb_status"]),
    Row(Tee::Tdx, "@dcap/tdx_quote", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &[]),
    Row(Tee::Tdx, "@dcap/tdx_quote", Some("@dcap/tdx_quote_collateral.json"), Some("00"), 1_750_336_500, &["binding"]),
    Row(Tee::Tdx, "@dcap/tdx_quote", Some("@dcap/tdx_quote_collateral.json"), None, 1_748_736_000, &["dates"]),
    Row(Tee::Tdx, "@dcap/tdx_quote", Some("@dcap/tdx_quote_collateral.json"), None, 1_756_684_800, &["dates"]),
    Row(Tee::Tdx, "@dcap/tdx-quote.hex", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["tcb_status"]),
    Row(Tee::Tdx, "@trustee/tdx_quote_4.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["pck_match", "tcb_status", "debug"]),
    Row(Tee::Tdx, "@trustee/tdx_quote_5.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["pck_match", "tcb_status", "service_td"]),
    Row(Tee::Tdx, "@trustee/tdx_quote_6.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["pck_match", "tcb_status"]),
    Row(Tee::Tdx, "@tdx/quote_v5_sample.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["dates", "pck_match"]),
    Row(Tee::Tdx, "@tdx/tdx_prod_quote_SPR_E4.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["quote_format"]),
    Row(Tee::Tdx, "@intel/tdx/quote.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["chain", "qe_identity", "module_identity", "xfam"]),
    Row(Tee::Tdx, "@dcap/sgx_quote", Some("@dcap/sgx_quote_collateral.json"), None, 1_750_336_500, &["quote_format", "collateral_format"]),
    Row(Tee::Tdx, "@trustee/occlum_quote.dat", Some("@dcap/tdx_quote_collateral.json"), None, 1_750_336_500, &["quote_format"]),
];

fn path(name: &str) -> String {
    [
        ("@virtee/", VIRTEE),
        ("@trustee/", TRUSTEE),
        ("@sev/", SEV),
        ("@tdx/", TDX),
        ("@dcap/", DCAP),
        ("@intel/", INTEL),
    ]
    .iter()
    .fold(name.to_owned(), |name, (mark, folder)| {
        name.replace(mark, folder)
    })
}

fn case(row: &Row) -> Option<Case> {
    let Row(tee, evidence, document, expected, now, _) = row;
    let expected = match expected {
        None => ExpectedData::Unbound,
        Some(text) => ExpectedData::from_hex(text).expect("hexadecimal"),
    };
    let mut case = asked(*tee, &vector(&path(evidence))?, expected, *now);
    if let Some(document) = document {
        let document = Some(vector(&path(document))?);
        match tee {
            Tee::Tdx | Tee::AzTdxVtpm => case.collateral.tdx = document,
            _ => case.collateral.vek = document,
        }
    }
    Some(case)
}

#[test]
fn real_evidence_gets_the_verdict_of_the_offline_command() {
    for row in ROWS {
        let Some(case) = case(row) else { continue };
        let verdict = judged_with_its_own_launch(case);
        let failing: Vec<_> = failed(&verdict);
        assert_eq!(failing, row.5, "{} at {}", row.1, row.4);
        assert_eq!(verdict.is_accepted(), row.5.is_empty(), "{}", row.1);
        assert!(
            verdict.accepted().is_none(),
            "nobody's key is bound in a session"
        );
    }
}

#[test]
fn launch_that_nobody_accepts_is_refused_whatever_else_is_right() {
    for row in [&ROWS[0], &ROWS[11], &ROWS[17]] {
        let Some(case) = case(row) else { continue };
        let verdict = judge(&case);
        assert!(!verdict.is_accepted());
        assert_eq!(
            failed(&verdict),
            ["launch_digest", "reference"],
            "{}",
            row.1
        );
        assert!(codes(&verdict).contains(&"reference_unknown".to_owned()));
    }
}

/// What is claimed decides how evidence is read: nothing is ever judged as something else.
#[test]
fn evidence_of_another_tee_than_claimed_is_refused() {
    for (row, claims) in [
        (
            &ROWS[0],
            [
                Tee::Tdx,
                Tee::AzSnpVtpm,
                Tee::AzTdxVtpm,
                Tee::Simulated,
                Tee::Sample,
            ],
        ),
        (
            &ROWS[11],
            [
                Tee::Snp,
                Tee::Tdx,
                Tee::AzTdxVtpm,
                Tee::Simulated,
                Tee::Sample,
            ],
        ),
        (
            &ROWS[17],
            [
                Tee::Snp,
                Tee::AzSnpVtpm,
                Tee::AzTdxVtpm,
                Tee::Simulated,
                Tee::Sample,
            ],
        ),
    ] {
        let Some(case) = case(row) else { continue };
        for tee in claims {
            let verdict = judged_with_its_own_launch(Case {
                tee,
                ..case.clone()
            });
            assert!(
                failed(&verdict).contains(&"evidence".to_owned()),
                "{} as {tee}",
                row.1
            );
            assert!(!verdict.is_accepted());
        }
    }
}

#[test]
fn quote_without_collateral_is_refused_with_every_check_listed() {
    let Some(case) = case(&ROWS[17]) else { return };
    let good = judge(&case).record().checks.len();
    let mut without = case.clone();
    without.collateral.tdx = None;
    let mut garbled = case;
    garbled.collateral.tdx = Some(b"{}".to_vec());
    for (case, code) in [
        (without, "collateral_missing"),
        (garbled, "collateral_unreadable"),
    ] {
        let verdict = judge(&case);
        assert_eq!(failed(&verdict), ["collateral"]);
        assert!(
            codes(&verdict).contains(&code.to_owned()),
            "{:?}",
            codes(&verdict)
        );
        assert_eq!(verdict.record().checks.len(), good);
    }
}

//! Real evidence, at its right date and at others: what verdicts.json says of it, and what follows from that.

use crate::support::{Folder, check, checks, document, run_line, vector_bytes};

/// A command line, how it ends, and the checks that fail.
struct Case(&'static str, i32, &'static [&'static str]);

const BOUND_MILAN: &str = "d447b55d197491bfe15cf298f9de9986b7a7c4be2468b4f6e2d53b71d7c645810b0f2cdfca0040433be063fc1a8293f0f3f8dae7b79fecb3d1cd82bd6a93ebfd";

#[rustfmt::skip] // a table
const SNP: &[Case] = &[
    // A Milan report of version 2, in its certificate's time and out of it.
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --expect-report-data BOUND --at 1767225600", 0, &[]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --chain @virtee/cert_chain_milan --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --expect-report-data 00 --at 2026-01-01T00:00:00Z", 3, &["binding"]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2023-04-03T19:23:42Z", 3, &["dates"]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2030-04-03T19:23:44Z", 3, &["dates"]),
    Case("snp --report @trustee/snp/test-report.bin --vek @trustee/snp/test-vcek.der --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    // A VLEK: masked chip, VMPL 1, expired on 2025-12-10.
    Case("snp --report @trustee/snp/test-vlek-report.bin --vek @trustee/snp/test-vlek.der --no-binding --at 2025-06-01T00:00:00Z", 3, &["vmpl"]),
    Case("snp --report @trustee/snp/test-vlek-report.bin --vek @trustee/snp/test-vlek.der --no-binding --at 2026-01-01T00:00:00Z", 3, &["dates", "vmpl"]),
    // Another chip's certificates, and one of another product.
    Case("snp --report @trustee/snp/test-report.bin --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z", 3, &["signature", "chip_id"]),
    Case("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --chain @virtee/cert_chain_turin --no-binding --at 2026-01-01T00:00:00Z", 3, &["chain"]),
    // A guest open to debugging.
    Case("snp --report @sev/attestation.bin --vek @sev/vcek.testcer --no-binding --at 2024-01-01T00:00:00Z", 3, &["debug"]),
    Case("snp --report @sev/attestation.bin --vek @sev/vcek.testcer --chain @sev/milan.testcer --no-binding --at 2024-01-01T00:00:00Z", 3, &["debug"]),
    // Azure's: the certificate comes along, or beside.
    Case("snp --report @trustee/az-snp-vtpm/evidence-v0.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @trustee/az-snp-vtpm/evidence-v1.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @trustee/az-snp-vtpm/evidence-v2.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @trustee/az-snp-vtpm/evidence-genoa.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("snp --report @trustee/az-snp-vtpm/hcl-report.bin --vek @trustee/az-snp-vtpm/vcek.pem --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
];

#[rustfmt::skip] // a table
const TDX: &[Case] = &[
    Case("tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 0, &[]),
    Case("tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --expect-report-data 00 --at 2025-06-19T12:35:00Z", 3, &["binding"]),
    // Before the collateral was issued, and after it is stale.
    Case("tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-01T00:00:00Z", 3, &["dates"]),
    Case("tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-09-01T00:00:00Z", 3, &["dates"]),
    // Quotes of other platforms under this collateral.
    Case("tdx --quote @dcap/tdx-quote.hex --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["tcb_status"]),
    Case("tdx --quote @trustee/tdx_quote_4.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["pck_match", "tcb_status", "debug"]),
    Case("tdx --quote @trustee/tdx_quote_5.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["pck_match", "tcb_status", "service_td"]),
    Case("tdx --quote @trustee/tdx_quote_6.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["pck_match", "tcb_status"]),
    Case("tdx --quote @tdx/quote_v5_sample.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["dates", "pck_match"]),
    // "extra bytes(only for testing purpose)" follow it.
    Case("tdx --quote @tdx/tdx_prod_quote_SPR_E4.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["quote_format"]),
    // Made under roots of its own, and of zeros. Its chain has the root first and is not read.
    Case("tdx --quote @intel/tdx/quote.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["chain", "qe_identity", "module_identity", "xfam"]),
    // A trust domain's log, with the quote that it replays to.
    Case("tdx --quote @tdx/ccel/cos-113-tdx-quote.dat --event-log @tdx/ccel/ccel_data.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["pck_match", "tcb_status"]),
    // Quotes of SGX are no quotes of TDX.
    Case("tdx --quote @dcap/sgx_quote --collateral @dcap/sgx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["quote_format", "collateral_format"]),
    Case("tdx --quote @trustee/occlum_quote.dat --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["quote_format"]),
];

#[rustfmt::skip] // a table
const TPM: &[Case] = &[
    Case("tpm --evidence @trustee/az-snp-vtpm/evidence-v0.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("tpm --evidence @trustee/az-snp-vtpm/evidence-v1.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("tpm --evidence @trustee/az-snp-vtpm/evidence-genoa.json --no-binding --at 2026-01-01T00:00:00Z", 0, &[]),
    Case("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --expect-nonce 00 --at 2026-01-01T00:00:00Z", 3, &["tpm_nonce"]),
    Case("tpm --evidence @trustee/az-tdx-vtpm/evidence-v1.json --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z", 3, &["pck_match", "tcb_status"]),
    // Nobody vouches for the key that comes along.
    Case("tpm --evidence @trustee/tpm_evidence.json --no-binding --at 2026-01-01T00:00:00Z", 3, &["tpm_hcl_format", "policy"]),
];

fn judged(cases: &[Case]) {
    for Case(line, code, failing) in cases {
        let line = line.replace("BOUND", BOUND_MILAN);
        let Some(output) = run_line(&format!("{line} -o json"), &[]) else {
            continue;
        };
        let document = document(&output, *code);
        let verdict = if *code == 0 { "accepted" } else { "refused" };
        assert_eq!(document["verdict"], verdict, "{line}");
        let failed = checks(&document, "fail");
        assert_eq!(failed, *failing, "{line}");
    }
}

#[test]
fn snp_reports_are_judged_as_they_are() {
    judged(SNP);
}

#[test]
fn tdx_quotes_are_judged_as_they_are() {
    judged(TDX);
}

#[test]
fn tpm_quotes_are_judged_as_they_are() {
    judged(TPM);
}

/// What nobody gave is not looked at, is shown, and alone refuses nothing.
#[test]
fn launch_digest_without_a_reference_is_not_checked_and_no_refusal() {
    for Case(line, _, _) in [&SNP[0], &TDX[0]] {
        let Some(output) = run_line(&format!("{line} -o json"), &[]) else {
            return;
        };
        let document = document(&output, 0);
        assert_eq!(check(&document, "launch_digest").0, "not_checked");
        assert_eq!(check(&document, "signature").0, "pass");
        assert_eq!(check(&document, "chain").0, "pass");
    }
}

/// A real quote with Intel's documents for its platform, and with the lists and the signer of other collateral: all
/// is genuine, the lists are stale by then, and the platform's PCE is older than the newest TCB level asks for.
#[test]
fn quote_with_its_own_documents_is_refused_for_stale_lists_and_an_old_platform_alone() {
    let folder = Folder::empty();
    let Some(collateral) = own_documents() else {
        return;
    };
    let collateral = folder.write("collateral.json", collateral);
    let line = "tdx --quote @trustee/tdx_quote_6.dat --collateral {} --no-binding --at 2025-11-01T00:00:00Z -o json";
    let Some(output) = run_line(line, &[&collateral]) else {
        return;
    };
    let document = document(&output, 3);
    assert_eq!(checks(&document, "fail"), ["dates", "tcb_status"]);
    assert_eq!(check(&document, "signature").0, "pass");
    assert!(check(&document, "dates").1.contains("PCK revocation list"));
    assert!(check(&document, "tcb_status").1.contains("OutOfDate"));
}

fn own_documents() -> Option<String> {
    let parts = |name: &str, member: &str| {
        let response = String::from_utf8(vector_bytes(name)?).expect("text");
        let (text, signature) = response.split_once(",\"signature\":\"").expect("signed");
        let text = text.strip_prefix(member).expect("a response");
        let signature = signature.split('"').next().unwrap_or_default();
        Some((text.to_owned(), signature.to_owned()))
    };
    let (tcb_info, tcb_info_signature) = parts("@trustee/tcbInfo.json", "{\"tcbInfo\":")?;
    let (identity, identity_signature) =
        parts("@trustee/enclaveIdentity.json", "{\"enclaveIdentity\":")?;
    let mut collateral: serde_json::Value =
        serde_json::from_slice(&vector_bytes("@dcap/tdx_quote_collateral.json")?).expect("JSON");
    collateral["tcb_info"] = tcb_info.into();
    collateral["tcb_info_signature"] = tcb_info_signature.into();
    collateral["qe_identity"] = identity.into();
    collateral["qe_identity_signature"] = identity_signature.into();
    Some(collateral.to_string())
}

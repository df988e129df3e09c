//! Evidence that others made, where it is to be had.

use crate::builders::{Vectors, base64url, sev_named, sev_whole, snp_attester};
use attestation_shapes::{Evidence, Layer, Shape, SnpEvidence, TdxEvidence, TpmEvidence};
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not here", folder.display());
    None
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const TRUSTEE: &str = "trustee/deps/verifier/test_data";

/// What each file of evidence is, and what is around it.
const FILES: &[(&str, Shape, &[Layer])] = &[
    (
        "virtee-sev/tests/certs_data/report_milan.hex",
        Shape::SnpReport,
        &[Layer::Hex],
    ),
    (
        "go-sev-guest/verify/testdata/attestation.bin",
        Shape::SnpReport,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/snp/test-report.bin",
        Shape::SnpReport,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/snp/test-vlek-report.bin",
        Shape::SnpReport,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/hcl-report.bin",
        Shape::HclReportSnp,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v0.json",
        Shape::AzSnpVtpm0,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-genoa.json",
        Shape::AzSnpVtpm0,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v1.json",
        Shape::AzSnpVtpm1,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v2.json",
        Shape::AzSnpVtpm2,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-tdx-vtpm/evidence-v0.json",
        Shape::AzTdxVtpm0,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-tdx-vtpm/evidence-v1.json",
        Shape::AzTdxVtpm1,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/az-tdx-vtpm/td-quote.bin",
        Shape::TdxQuote,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/tpm_evidence.json",
        Shape::TpmAttester,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/tdx_quote_4.dat",
        Shape::TdxQuote,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/tdx_quote_5.dat",
        Shape::TdxQuote,
        &[],
    ),
    (
        "trustee/deps/verifier/test_data/tdx_quote_6.dat",
        Shape::TdxQuote,
        &[],
    ),
    ("dcap-qvl-0.7.1/sample/tdx_quote", Shape::TdxQuote, &[]),
    (
        "dcap-qvl-0.7.1/sample/tdx-quote.hex",
        Shape::TdxQuote,
        &[Layer::Hex],
    ),
    (
        "go-tdx-guest/testdata/tdx_prod_quote_SPR_E4.dat",
        Shape::TdxQuote,
        &[],
    ),
    (
        "go-tdx-guest/testdata/quote_v5_sample.dat",
        Shape::TdxQuote,
        &[],
    ),
    (
        "go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat",
        Shape::TdxQuote,
        &[],
    ),
    ("intel-qvl/sampleData/tdx/quote.dat", Shape::TdxQuote, &[]),
];

#[test]
fn every_file_of_evidence_is_recognised_as_what_it_is() {
    let Some(folder) = folder() else { return };
    for (name, shape, layers) in FILES {
        let read = Evidence::read(&file(&folder, name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read.shape(), *shape, "{name}");
        let found = match read {
            Evidence::Snp(read) => read.layers,
            Evidence::Tdx(read) => read.layers,
            Evidence::Tpm(read) => read.layers,
        };
        assert_eq!(found, *layers, "{name}");
    }
}

#[test]
fn what_is_no_evidence_is_not_taken_for_it() {
    let Some(folder) = folder() else { return };
    for name in [
        "dcap-qvl-0.7.1/sample/sgx_quote",
        "dcap-qvl-0.7.1/sample/tdx_quote_collateral.json",
        "intel-qvl/sampleData/quote.dat",
        "verdicts.json",
        "virtee-sev/tests/certs_data/vcek_milan.der",
        "virtee-sev/tests/certs_data/cert_chain_milan",
        "trustee/deps/verifier/test_data/CCEL_data",
        "trustee/deps/verifier/test_data/az-tdx-vtpm/hcl-report.bin",
        "trustee/deps/verifier/test_data/az-snp-vtpm/tpm-quote-v1.json",
        "trustee/deps/verifier/test_data/az-snp-vtpm/vcek.pem",
        "trustee/deps/verifier/test_data/tcbInfo.json",
        "kbs-protocol-0.4.0/transcript.json",
    ] {
        assert!(Evidence::read(&file(&folder, name)).is_err(), "{name}");
    }
}

#[test]
fn azures_evidence_holds_what_lies_beside_it() {
    let Some(folder) = folder() else { return };
    let file = |name: &str| file(&folder, &format!("{TRUSTEE}/{name}"));
    for name in [
        "az-snp-vtpm/evidence-v0.json",
        "az-snp-vtpm/evidence-v1.json",
    ] {
        let tpm = TpmEvidence::read(&file(name)).expect(name);
        let snp = SnpEvidence::read(&file(name)).expect(name);
        let hcl = tpm.hcl_report.expect(name);
        assert_eq!(&hcl[32..32 + 1184], snp.report.as_slice(), "{name}");
        assert_eq!(tpm.quote.message[..4], *b"\xffTCG", "{name}");
        assert_eq!(tpm.vek, snp.vek, "{name}");
    }
    let quote = file("az-tdx-vtpm/td-quote.bin");
    for name in [
        "az-tdx-vtpm/evidence-v0.json",
        "az-tdx-vtpm/evidence-v1.json",
    ] {
        let read = TdxEvidence::read(&file(name)).expect(name);
        assert_eq!(read.quote[..8], quote[..8], "{name}");
        assert_eq!(read.quote.len(), quote.len(), "{name}");
    }
}

#[test]
fn real_reports_come_back_from_the_sev_crates_structures() {
    let Some(folder) = folder() else { return };
    for name in [
        "virtee-sev/tests/certs_data/report_milan.hex",
        "go-sev-guest/verify/testdata/attestation.bin",
        "trustee/deps/verifier/test_data/snp/test-report.bin",
        "trustee/deps/verifier/test_data/snp/test-vlek-report.bin",
    ] {
        let report = SnpEvidence::read(&file(&folder, name)).expect(name).report;
        let report = report.as_slice();
        for json in [
            sev_whole(report),
            sev_named(report, false, Vectors::Absent),
            sev_named(report, false, Vectors::ByVersion),
        ] {
            let evidence = snp_attester(json).to_string();
            for text in [evidence.clone(), base64url(evidence.as_bytes())] {
                let read = SnpEvidence::read(text.as_bytes()).expect(name);
                assert_eq!(read.report.as_slice(), report, "{name}");
            }
        }
    }
}

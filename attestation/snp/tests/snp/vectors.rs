//! Real reports and certificates, read in place.

use attestation_snp::test_support::limits;
use attestation_snp::{
    Anchors, Endorsement, Proof, SnpInput, SnpLimits, SnpRejection, TcbLimit, TcbLimits, judge,
};
use attestation_verdict::{ExpectedData, Judgement};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::PathBuf;

/// The folder of real evidence, which not every checkout has beside it.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors")
}

/// A file of it; a test without its files returns, having said so.
pub fn read(file: &str) -> Option<Vec<u8>> {
    let path = folder().join(file);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

/// Limits that accept what is genuine, whatever its age.
pub fn lenient() -> SnpLimits {
    let mut limits = limits();
    let none = TcbLimit {
        fmc: 0,
        boot_loader: 0,
        tee: 0,
        snp: 0,
        microcode: 0,
    };
    limits.minimum_tcb = TcbLimits {
        reported: none,
        committed: none,
        current: none,
        launch: none,
    };
    limits.minimum_firmware.minor = 0;
    limits.minimum_abi.minor = 0;
    limits.require_alias_check = false;
    limits.require_ecc = false;
    limits.minimum_guest_svn = 0;
    limits
}

const TRUSTEE: &str = "trustee/deps/verifier/test_data";

/// A report and the file that has its VEK's certificate.
pub struct Vector {
    pub name: &'static str,
    pub report: Box<[u8; 1184]>,
    pub vek: Vec<u8>,
    /// A second within its certificates.
    pub at: u64,
}

/// Every genuine pair that is there.
pub fn all() -> Vec<Vector> {
    let pairs = [
        (
            "milan",
            milan(),
            read("virtee-sev/tests/certs_data/vcek_milan.der"),
            1_735_689_600,
        ),
        (
            "vlek",
            binary(&format!("{TRUSTEE}/snp/test-vlek-report.bin"), 0),
            read(&format!("{TRUSTEE}/snp/test-vlek.der")),
            1_748_736_000,
        ),
        (
            "trustee",
            binary(&format!("{TRUSTEE}/snp/test-report.bin"), 0),
            read(&format!("{TRUSTEE}/snp/test-vcek.der")),
            1_735_689_600,
        ),
        (
            "debug",
            binary("go-sev-guest/verify/testdata/attestation.bin", 0),
            read("go-sev-guest/verify/testdata/vcek.testcer"),
            1_735_689_600,
        ),
        // An HCL report has 32 bytes before the report; its certificate file brings the chain along.
        (
            "azure",
            binary(&format!("{TRUSTEE}/az-snp-vtpm/hcl-report.bin"), 32),
            read(&format!("{TRUSTEE}/az-snp-vtpm/vcek.pem")),
            1_735_689_600,
        ),
        (
            "azure v1",
            azure_text("evidence-v1.json"),
            azure_vek("evidence-v1.json"),
            1_764_547_200,
        ),
        (
            "azure v2",
            azure_text("evidence-v2.json"),
            azure_vek("evidence-v2.json"),
            1_764_547_200,
        ),
        (
            "genoa",
            azure_numbers("evidence-genoa.json"),
            read(&format!("{TRUSTEE}/az-snp-vtpm/vcek-genoa.pem")),
            1_764_547_200,
        ),
    ];
    let found = pairs.into_iter().filter_map(|(name, report, vek, at)| {
        let (report, vek) = (report?, vek?);
        Some(Vector {
            name,
            report,
            vek,
            at,
        })
    });
    found.collect()
}

fn milan() -> Option<Box<[u8; 1184]>> {
    let text = read("virtee-sev/tests/certs_data/report_milan.hex")?;
    let bytes = hex::decode(text.trim_ascii()).expect("the file is hexadecimal");
    Some(Box::new(bytes.try_into().expect("a whole report")))
}

fn binary(file: &str, at: usize) -> Option<Box<[u8; 1184]>> {
    let bytes = read(file)?;
    Some(Box::new(
        bytes[at..at + 1184].try_into().expect("a whole report"),
    ))
}

fn azure(file: &str) -> Option<serde_json::Value> {
    let text = read(&format!("{TRUSTEE}/az-snp-vtpm/{file}"))?;
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}

fn member(file: &str, name: &str) -> Option<Vec<u8>> {
    let json = azure(file)?;
    let text = json[name].as_str().expect("it is text");
    Some(
        URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .expect("it is base64"),
    )
}

fn azure_text(file: &str) -> Option<Box<[u8; 1184]>> {
    let hcl = member(file, "hcl_report")?;
    Some(Box::new(
        hcl[32..32 + 1184].try_into().expect("a whole report"),
    ))
}

fn azure_vek(file: &str) -> Option<Vec<u8>> {
    member(file, "vcek")
}

fn azure_numbers(file: &str) -> Option<Box<[u8; 1184]>> {
    let json = azure(file)?;
    let numbers = match &json["report"] {
        serde_json::Value::String(text) => serde_json::from_str(text).expect("it is JSON"),
        other => other.clone(),
    };
    let bytes: Vec<u8> = serde_json::from_value(numbers).expect("they are bytes");
    Some(Box::new(
        bytes[32..32 + 1184].try_into().expect("a whole report"),
    ))
}

/// What becomes of a certificate file under AMD's own roots.
pub fn prove(vek: &[u8], chain: &[&[u8]]) -> Proof {
    let anchors = Anchors::builtin();
    let read = Endorsement::read(Some(vek), chain, &[], &anchors);
    read.expect("the certificates can be read").prove()
}

/// Judges a report that is bound to nothing.
pub fn judged(
    report: &[u8; 1184],
    proof: &Proof,
    limits: &SnpLimits,
    now: u64,
) -> Judgement<SnpRejection> {
    judge(&SnpInput {
        report,
        proof,
        limits,
        expected: &ExpectedData::Unbound,
        references: None,
        seen: None,
        now,
    })
}

/// The codes of every reason to refuse, in order.
pub fn codes(judgement: &Judgement<SnpRejection>) -> Vec<String> {
    let rejections = judgement.record().rejections.into_iter();
    rejections.map(|rejection| rejection.code).collect()
}

//! Reports of real hardware, which nobody here made: the signature check holds for them, and none is
//! ever taken for a simulated one.

use std::path::{Path, PathBuf};

use attestation_evidence::encoding::base64_decode;
use attestation_judge::SimulatedTrust;
use attestation_judge::test_support::{Input, Scene};
use attestation_verdict::{CheckResult, RejectionRecord};

/// A report and the certificate of the key that signed it, under `../shared/vectors`.
struct Real {
    report: &'static str,
    signer: &'static str,
}

const MILAN: Real = Real {
    report: "virtee-sev/tests/certs_data/report_milan.hex",
    signer: "virtee-sev/tests/certs_data/vcek_milan.der",
};
const TRUSTEE: Real = Real {
    report: "trustee/deps/verifier/test_data/snp/test-report.bin",
    signer: "trustee/deps/verifier/test_data/snp/test-vcek.der",
};
const DEBUG_ALLOWED: Real = Real {
    report: "go-sev-guest/verify/testdata/attestation.bin",
    signer: "go-sev-guest/verify/testdata/vcek.testcer",
};
const VLEK: Real = Real {
    report: "trustee/deps/verifier/test_data/snp/test-vlek-report.bin",
    signer: "trustee/deps/verifier/test_data/snp/test-vlek.der",
};
const ASK: &str = "virtee-sev/src/certs/snp/builtin/milan/ask.pem";
const ARK: &str = "virtee-sev/src/certs/snp/builtin/milan/ark.pem";

fn vectors() -> Option<PathBuf> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if vectors.is_dir() {
        return Some(vectors);
    }
    println!("skipped: no vectors at {}", vectors.display());
    None
}

/// The real evidence, called `simulated`, under the real root.
fn called_simulated(vectors: &Path, real: &Real) -> Input {
    let read = |path: &str| std::fs::read(vectors.join(path)).expect("the vectors are whole");
    let pem = |path: &str| {
        let text = String::from_utf8(read(path)).expect("PEM is text");
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        base64_decode(&body).expect("PEM is base64")
    };
    let report = match real.report {
        hex if hex.ends_with(".hex") => hex::decode(read(hex).trim_ascii()).expect("hex"),
        binary => read(binary),
    };
    let scene = Scene::any().with_evidence(|evidence| {
        evidence.attestation_report = report;
        evidence.cert_chain.vcek = read(real.signer);
        evidence.cert_chain.ask = pem(ASK);
        evidence.cert_chain.ark = pem(ARK);
    });
    scene
        .with_input(|input| input.trust.simulated = SimulatedTrust::Allowed { ark: pem(ARK) })
        .input
}

fn result(input: &Input, check: &str) -> CheckResult {
    let verdict = input.verdict();
    assert!(
        verdict.accepted().is_none(),
        "real evidence was taken for a simulated one"
    );
    let record = verdict.record();
    record.check(check).expect("every check is listed").result
}

fn rejections(input: &Input) -> Vec<RejectionRecord> {
    input.verdict().record().rejections
}

#[test]
fn signature_of_a_real_report_holds() {
    let Some(vectors) = vectors() else { return };
    for real in [MILAN, TRUSTEE, DEBUG_ALLOWED] {
        let input = called_simulated(&vectors, &real);
        assert_eq!(
            result(&input, "report_format"),
            CheckResult::Pass,
            "{}",
            real.report
        );
        assert_eq!(
            result(&input, "signature"),
            CheckResult::Pass,
            "{}",
            real.report
        );
    }
}

#[test]
fn signature_of_a_real_report_does_not_hold_under_another_vcek() {
    let Some(vectors) = vectors() else { return };
    let crossed = Real {
        signer: TRUSTEE.signer,
        ..MILAN
    };
    let input = called_simulated(&vectors, &crossed);
    assert_eq!(result(&input, "signature"), CheckResult::Fail);
}

#[test]
fn real_chain_is_not_taken_for_a_simulated_one_even_under_its_own_root() {
    let Some(vectors) = vectors() else { return };
    let found = rejections(&called_simulated(&vectors, &MILAN));
    let not_simulated = |one: &RejectionRecord| {
        one.code == "certificate"
            && one.reason.contains("VCEK")
            && one.reason.contains("`simulated`")
    };
    assert!(found.iter().any(not_simulated), "{found:?}");
}

#[test]
fn real_report_of_a_guest_that_allows_debugging_is_seen_as_such() {
    let Some(vectors) = vectors() else { return };
    assert_eq!(
        result(&called_simulated(&vectors, &DEBUG_ALLOWED), "debug"),
        CheckResult::Fail
    );
    assert_eq!(
        result(&called_simulated(&vectors, &MILAN), "debug"),
        CheckResult::Pass
    );
}

#[test]
fn real_report_signed_by_a_vlek_at_vmpl_1_is_refused_for_both() {
    let Some(vectors) = vectors() else { return };
    let found = rejections(&called_simulated(&vectors, &VLEK));
    for code in ["signing_key", "vmpl_too_high"] {
        assert!(found.iter().any(|one| one.code == code), "{found:?}");
    }
}

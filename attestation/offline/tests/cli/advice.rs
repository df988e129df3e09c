//! Errors and warnings that say what to do.

use crate::support::{
    Folder, check, document, error, program, run, run_line, vector, vector_bytes,
};
use serde_json::{Value, json};
use std::process::Stdio;

fn warnings(document: &Value) -> String {
    document["warnings"].to_string()
}

#[test]
fn evidence_of_another_kind_is_told_its_command() {
    for (line, command) in [
        (
            "snp --report @dcap/tdx_quote",
            "cloister verify tdx --quote",
        ),
        (
            "tdx --quote @virtee/report_milan.hex --collateral @dcap/tdx_quote_collateral.json",
            "cloister verify snp --report",
        ),
        (
            "snp --report @trustee/tpm_evidence.json",
            "cloister verify tpm --evidence",
        ),
        (
            "tpm --evidence @trustee/az-snp-vtpm/hcl-report.bin",
            "cloister verify tpm --quote FILE --signature FILE --pcrs FILE --hcl-report",
        ),
    ] {
        let Some(output) = run_line(&format!("{line} --no-binding"), &[]) else {
            return;
        };
        let said = error(&output, 1);
        assert!(said.contains(command), "{line}: {said}");
    }
}

#[test]
fn odd_number_of_hexadecimal_digits_is_told() {
    let Some(report) = vector_bytes("@virtee/report_milan.hex") else {
        return;
    };
    let folder = Folder::empty();
    let report = report.trim_ascii();
    let cut = folder.write("cut.hex", &report[..report.len() - 1]);
    let said = error(&run(&["snp", "--report", &cut, "--no-binding"]), 1);
    assert!(
        said.contains("an odd number of hexadecimal digits"),
        "{said}"
    );
}

#[test]
fn report_without_a_certificate_is_told_where_amd_has_it() {
    let line = "snp --report @virtee/report_milan.hex --no-binding -o json";
    let Some(output) = run_line(line, &[]) else {
        return;
    };
    let found = document(&output, 3);
    let said = warnings(&found);
    let chip = found["claims"]["snp"]["chip_id"].as_str().expect("text");
    let address = format!(
        "https://kdsintf.amd.com/vcek/v1/PRODUCT/{chip}?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115"
    );
    assert!(said.contains(&address), "{said}");
    assert!(said.contains("Milan or Genoa"), "{said}");
    let with = format!("{line} --vek @virtee/vcek_milan.der --at 2026-01-01T00:00:00Z");
    let with = document(&run_line(&with, &[]).expect("vectors"), 0);
    assert!(!warnings(&with).contains("kdsintf"));
}

/// Since version 3 a report tells its CPU, and on Turin the chip's name is shorter (AMD 57230 revision 0.5).
#[test]
fn report_that_tells_its_cpu_is_told_the_product() {
    let Some(report) = vector_bytes("@virtee/report_milan.hex") else {
        return;
    };
    let mut report = hex::decode(report.trim_ascii()).expect("hexadecimal");
    report[0] = 3;
    let folder = Folder::empty();
    let judged = |report: &[u8]| {
        let file = folder.write("report", report);
        warnings(&document(
            &run(&["snp", "--report", &file, "--no-binding", "-o", "json"]),
            3,
        ))
    };
    let chip = hex::encode(&report[0x1A0..0x1E0]);
    for (family, model, start) in [
        (0x19, 0x01, format!("Milan/{chip}?blSPL=3&")),
        (0x19, 0x11, format!("Genoa/{chip}?blSPL=3&")),
        (
            0x1A,
            0x02,
            format!("Turin/{}?fmcSPL=3&blSPL=0&", &chip[..16]),
        ),
    ] {
        report[0x188..0x18A].copy_from_slice(&[family, model]);
        let said = judged(&report);
        let address = format!("https://kdsintf.amd.com/vcek/v1/{start}");
        assert!(said.contains(&address), "{said}");
    }
    // A CPU that nobody knows, a chip that is masked, and a key that is not AMD's to give.
    for (place, bytes) in [(0x188, &[0x77, 0x77][..]), (0x1A0, &[0; 64]), (0x48, &[4])] {
        let mut other = report.clone();
        other[place..place + bytes.len()].copy_from_slice(bytes);
        assert!(!judged(&other).contains("kdsintf"), "{place:#x}");
    }
}

#[test]
fn tpm_that_nothing_vouches_for_is_told_of_the_options_for_its_key() {
    let line = "tpm --evidence @trustee/tpm_evidence.json --no-binding -o json";
    let Some(output) = run_line(line, &[]) else {
        return;
    };
    let said = warnings(&document(&output, 3));
    assert!(said.contains("--ak FILE"), "{said}");
    let azure = "tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --no-binding --at 2026-01-01T00:00:00Z -o json";
    let azure = document(&run_line(azure, &[]).expect("vectors"), 0);
    assert!(!warnings(&azure).contains("--ak FILE"));
}

#[test]
fn standard_input_is_told_to_be_no_file() {
    let said = error(&run(&["snp", "--report", "-", "--no-binding"]), 1);
    assert!(said.contains("name a file"), "{said}");
}

#[test]
fn certificate_that_is_neither_pem_nor_der_is_told() {
    let folder = Folder::empty();
    let text = folder.write("vek", "hexadecimal");
    let line = "snp --report @virtee/report_milan.hex --no-binding --vek {}";
    let Some(output) = run_line(line, &[&text]) else {
        return;
    };
    let said = error(&output, 1);
    assert!(
        said.contains("neither PEM") && said.contains("nor DER"),
        "{said}"
    );
}

#[test]
fn reference_out_of_its_time_is_told_by_its_file_and_dates() {
    let folder = Folder::empty();
    let old = json!({
        "version": 1, "name": "old", "tee": "snp", "manifest": null, "launch_digest": "00".repeat(48),
        "not_before": 1_600_000_000, "not_after": 1_600_000_001,
    });
    let old = folder.write("old.json", old.to_string());
    let line = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json --reference {}";
    let Some(output) = run_line(line, &[&old]) else {
        return;
    };
    let said = warnings(&document(&output, 3));
    assert!(said.contains(&old), "{said}");
    assert!(said.contains("2020-09-13T12:26:41Z"), "{said}");
}

/// Who keeps no account cannot be told that something is older than what was seen.
#[test]
fn verdict_without_a_state_warns_that_older_collateral_is_not_refused() {
    let folder = Folder::empty();
    let quote = "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z -o json";
    let Some(output) = run_line(quote, &[]) else {
        return;
    };
    let without = document(&output, 0);
    assert!(warnings(&without).contains("without --state"));
    let with = format!("{quote} --state {{}} --state-new");
    let with = document(
        &run_line(&with, &[&folder.named("seen.json")]).expect("vectors"),
        0,
    );
    assert!(!warnings(&with).contains("without --state"));
}

#[test]
fn state_without_a_list_of_the_root_is_warned_of() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let line = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json";
    let begin = format!("{line} --state {{}} --state-new");
    let Some(first) = run_line(&begin, &[&state]) else {
        return;
    };
    let again = run_line(&format!("{line} --state {{}}"), &[&state]).expect("vectors");
    for output in [first, again] {
        let found = document(&output, 0);
        assert_eq!(check(&found, "revocation").0, "not_checked");
        assert!(warnings(&found).contains("the state has none of this root"));
    }
    let without = document(&run_line(line, &[]).expect("vectors"), 0);
    assert!(!warnings(&without).contains("the state"));
}

#[test]
fn revocation_list_without_a_state_is_warned_of() {
    const MILAN: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../certificates/tests/amd-lists/milan.der"
    );
    let folder = Folder::empty();
    let line = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json --crl {}";
    let Some(output) = run_line(line, &[MILAN]) else {
        return;
    };
    assert!(warnings(&document(&output, 0)).contains("without --state"));
    let with = format!("{line} --state {{}} --state-new");
    let with = run_line(&with, &[MILAN, &folder.named("seen.json")]).expect("vectors");
    assert!(!warnings(&document(&with, 0)).contains("state"));
}

/// As of `cloister verify ... | head`.
#[test]
fn page_that_nobody_reads_to_its_end_is_no_error() {
    let (Some(report), Some(vek)) = (
        vector("@virtee/report_milan.hex"),
        vector("@virtee/vcek_milan.der"),
    ) else {
        return;
    };
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let words = ["snp", "--report", &report, "--vek", &vek, "--no-binding"];
    let run = program()
        .args(words)
        .args(["--at", "2026-01-01T00:00:00Z"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&run.stderr), "");
    assert_eq!(run.status.code(), Some(0));
}

//! What a verdict did not look at: it says so, every time.

use crate::support::{Folder, check, checks, document, run, run_line, stdout};
use attestation_snp::SnpCheck;
use attestation_tdx::TdxCheck;
use attestation_tpm::TpmCheck;
use attestation_verdict::Check;
use serde_json::json;

const AT: &str = "--no-binding --at 2026-01-01T00:00:00Z";

/// The warnings of a verdict in JSON; the page for people has them, too.
fn warnings(line: &str) -> Option<String> {
    let page = run_line(line, &[])?;
    let found = run_line(&format!("{line} -o json"), &[])?;
    let code = found.status.code().expect("it ended");
    let found = document(&found, code);
    let page = stdout(&page, code).replace('\n', " ");
    let page: Vec<_> = page.split_whitespace().collect();
    for warning in found["warnings"].as_array().expect("a list") {
        let warning = warning.as_str().expect("text");
        assert!(page.join(" ").contains(warning), "{warning}");
    }
    Some(found["warnings"].to_string())
}

#[test]
fn tpm_in_evidence_of_a_tee_is_warned_of_where_it_is_not_judged() {
    for (line, command) in [
        (
            "snp --report @trustee/az-snp-vtpm/evidence-v0.json",
            "tpm --evidence FILE",
        ),
        (
            "snp --report @trustee/az-snp-vtpm/evidence-v1.json",
            "tpm --evidence FILE",
        ),
        (
            "snp --report @trustee/az-snp-vtpm/evidence-v2.json",
            "tpm --evidence FILE",
        ),
        (
            "snp --report @trustee/az-snp-vtpm/hcl-report.bin --vek @trustee/az-snp-vtpm/vcek.pem",
            "--hcl-report FILE",
        ),
        (
            "tdx --quote @trustee/az-tdx-vtpm/evidence-v1.json --collateral @dcap/tdx_quote_collateral.json",
            "tpm --evidence FILE",
        ),
    ] {
        let Some(said) = warnings(&format!("{line} {AT}")) else {
            return;
        };
        assert!(said.contains("attestation key"), "{line}: {said}");
        assert!(
            said.contains("not judged") && said.contains(command),
            "{line}: {said}"
        );
    }
}

#[test]
fn report_without_a_tpm_is_not_warned_of() {
    let line = format!("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der {AT}");
    let Some(said) = warnings(&line) else { return };
    assert!(!said.contains("TPM"), "{said}");
}

/// A key that a TEE binds is as good as what was launched in it.
#[test]
fn key_bound_by_an_unknown_launch_is_warned_of() {
    let line = format!("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json {AT}");
    let Some(said) = warnings(&line) else { return };
    assert!(said.contains("no particular one"), "{said}");
    let folder = Folder::empty();
    let known = json!({
        "version": 1, "name": "hcl", "tee": "snp", "manifest": null,
        "launch_digest": "5b0ce64ad1c1f6375dbda5f760b98526ca1bcf91b8195091afc28e7b024251d68fe32e05af34048d6607678cd23283ff",
        "not_before": 1_700_000_000, "not_after": 1_800_000_000,
    });
    let known = folder.write("hcl.json", known.to_string());
    let line = format!("{line} --reference {{}} -o json");
    let found = document(&run_line(&line, &[&known]).expect("vectors"), 0);
    assert_eq!(check(&found, "launch_digest").0, "pass");
    assert!(!found["warnings"].to_string().contains("no particular one"));
}

/// Names that the judges have.
fn all<C: Check>() -> Vec<&'static str> {
    C::ALL.iter().map(|check| check.name()).collect()
}

/// Each check is listed as not made, and the replay finds that it is so.
#[test]
fn evidence_without_limits_has_every_check_listed_and_a_digest() {
    let folder = Folder::empty();
    let strict = stdout(&run(&["policy", "show"]), 0);
    let whole = "limits := {\"snp\": snp, \"tdx\": tdx, \"tpm\": tpm}";
    let snp = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der";
    let tdx = "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json";
    let tpm = "tpm --evidence @trustee/tpm_evidence.json";
    for (limits, line, names) in [
        ("limits := {}", snp, all::<SnpCheck>()),
        (
            "limits := {\"snp\": {\"unknown\": 1}}",
            snp,
            all::<SnpCheck>(),
        ),
        ("limits := {\"snp\": snp}", tdx, all::<TdxCheck>()),
        ("limits := {\"snp\": snp}", tpm, all::<TpmCheck>()),
    ] {
        let policy = strict.replacen(whole, limits, 1);
        assert_ne!(policy, strict);
        let policy = folder.write("policy.rego", policy);
        let Some(output) = run_line(&format!("{line} {AT} -o json --policy {{}}"), &[&policy])
        else {
            return;
        };
        let found = document(&output, 3);
        assert_eq!(checks(&found, "not_checked"), names, "{line}");
        assert_eq!(checks(&found, "fail"), ["policy"], "{line}");
        for name in names {
            assert!(check(&found, name).1.contains("gave no limits"), "{name}");
        }
        let digest = found["appraisal"]["input_digest"].as_str();
        assert!(digest.is_some_and(|digest| digest.starts_with("sha256:")));
        let verdict = folder.write("verdict.json", found.to_string());
        let again = run(&["policy", "replay", &verdict, "--policy", &policy]);
        assert_eq!(stdout(&again, 0).trim(), "the same: refused", "{limits}");
    }
}

/// Of a TPM's evidence one part may have limits, and the other not.
#[test]
fn evidence_with_limits_for_one_part_alone_has_every_check_of_both() {
    let folder = Folder::empty();
    let strict = stdout(&run(&["policy", "show"]), 0);
    let policy = strict.replacen("\"tpm\": tpm}", "\"tpm\": {}}", 1);
    let policy = folder.write("policy.rego", policy);
    let line =
        format!("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json {AT} -o json --policy {{}}");
    let Some(output) = run_line(&line, &[&policy]) else {
        return;
    };
    let found = document(&output, 3);
    assert_eq!(check(&found, "signature").0, "pass");
    assert_eq!(check(&found, "tpm_signature").0, "not_checked");
    let verdict = folder.write("verdict.json", found.to_string());
    let again = run(&["policy", "replay", &verdict, "--policy", &policy]);
    assert_eq!(stdout(&again, 0).trim(), "the same: refused");
}

//! `cloister policy`, and `--policy`.

use crate::support::{Folder, check, checks, document, error, run, run_line, stdout};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

const REPORT: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json";

fn strict() -> String {
    stdout(&run(&["policy", "show"]), 0)
}

#[test]
fn built_in_policies_pass_their_tests() {
    let printed = stdout(&run(&["policy", "test"]), 0);
    assert!(printed.starts_with("pass  strict: "), "{printed}");
    assert!(!printed.contains("FAIL"), "{printed}");
    let document = document(&run(&["policy", "test", "badram", "-o", "json"]), 0);
    assert_eq!(document["passed"], true);
    assert_eq!(document["policies"][0]["policy"], "badram");
}

#[test]
fn test_that_fails_is_named_with_its_line() {
    let folder = Folder::empty();
    let policy = strict() + "\ntest_that_cannot_pass if {\n\t1 == 2\n}\n";
    let line = policy
        .lines()
        .position(|line| line.starts_with("test_that_cannot"));
    let line = line.expect("it is there") + 1;
    let file = folder.write("policy.rego", &policy);
    let printed = stdout(&run(&["policy", "test", "strict", &file]), 3);
    assert!(printed.contains("pass  strict"), "{printed}");
    assert!(
        printed.contains(&format!("line {line}, test_that_cannot_pass")),
        "{printed}"
    );
    let document = document(&run(&["policy", "test", &file, "-o", "json"]), 3);
    assert_eq!(document["passed"], false);
}

#[test]
fn policy_without_tests_does_not_pass() {
    let folder = Folder::empty();
    let text = strict();
    let (without, _) = text
        .split_once("# --- tests")
        .expect("the tests are at the end");
    let file = folder.write("policy.rego", without);
    let printed = stdout(&run(&["policy", "test", &file]), 3);
    assert!(printed.contains("no tests"), "{printed}");
}

/// What is shown is what is used: the same digest, the same verdict.
#[test]
fn shown_policy_is_the_one_that_is_used() {
    let folder = Folder::empty();
    let file = folder.write("own.rego", strict());
    let shown = document(&run(&["policy", "show", "-o", "json"]), 0);
    let Some(output) = run_line(&format!("{REPORT} --policy {{}}"), &[&file]) else {
        return;
    };
    let own = document(&output, 0);
    let built_in = document(&run_line(REPORT, &[]).expect("vectors"), 0);
    assert_eq!(own, built_in);
    assert_eq!(shown["digest"], built_in["appraisal"]["policy_digest"]);
    assert_eq!(shown["engine"], built_in["appraisal"]["engine"]);
}

/// Every report of version 2 has ALIAS_CHECK_COMPLETE clear, has SMT on, and is of Milan.
#[test]
fn packs_refuse_what_they_are_against() {
    for (policy, check) in [
        ("badram", "platform"),
        ("no-smt", "platform"),
        ("milan-vcek-seed", "product"),
        ("chip-allow-list", "chip_list"),
    ] {
        let line = format!("{REPORT} --policy {policy}");
        let Some(output) = run_line(&line, &[]) else {
            return;
        };
        let document = document(&output, 3);
        let failed = checks(&document, "fail");
        assert!(failed.contains(&check), "{policy}: {failed:?}");
    }
}

#[test]
fn policy_that_is_none_is_unreadable() {
    let folder = Folder::empty();
    for text in [
        "package cloister.appraisal\n",
        "package other\n",
        "no rego",
        "package a\nx := {",
    ] {
        let file = folder.write("policy.rego", text);
        let Some(output) = run_line(&format!("{REPORT} --policy {{}}"), &[&file]) else {
            return;
        };
        assert!(error(&output, 1).contains("--policy"));
        error(&run(&["policy", "test", &file]), 1);
    }
}

#[test]
fn policy_that_is_not_there_is_told_in_one_sentence() {
    for line in [
        &["policy", "show", "strikt"][..],
        &["policy", "test", "strikt"],
    ] {
        let said = error(&run(line), 1);
        assert!(said.contains("policy strikt cannot be read"), "{said}");
        assert!(
            said.contains(
                "no such file, and no built-in policy of that name: those are strict, badram"
            ),
            "{said}"
        );
        assert_eq!(said.matches("strikt").count(), 1, "{said}");
    }
    // A file that is there is not taken for a name.
    let folder = Folder::empty();
    let said = error(&run(&["policy", "show", &folder.named("")]), 1);
    assert!(
        said.contains("a directory") && !said.contains("badram"),
        "{said}"
    );
}

#[test]
fn syntax_error_is_told_under_the_files_own_name() {
    let folder = Folder::empty();
    let file = folder.write("ours.rego", "package cloister.appraisal\nx := {\n");
    let said = error(&run(&["policy", "test", &file]), 1);
    assert!(said.contains("ours.rego:3:"), "{said}");
    assert!(!said.contains("policy.rego"), "{said}");
    let fails = strict() + "\ntest_fails if to_number(\"a\") == 1\n";
    let file = folder.write("fails.rego", fails);
    let said = stdout(&run(&["policy", "test", &file]), 3);
    assert!(
        said.contains("fails.rego:") && !said.contains("policy.rego"),
        "{said}"
    );
}

/// A policy whose limits the judge does not know refuses, and says which member.
#[test]
fn policy_with_other_limits_is_refused_by_the_policy_check() {
    let folder = Folder::empty();
    let policy = strict().replacen("\"max_vmpl\"", "\"max_vpml\"", 1);
    let file = folder.write("policy.rego", policy);
    let Some(output) = run_line(&format!("{REPORT} --policy {{}}"), &[&file]) else {
        return;
    };
    let document = document(&output, 3);
    let (result, reason) = check(&document, "policy");
    assert_eq!(result, "fail");
    assert!(reason.contains("max_vpml"), "{reason}");
}

#[test]
fn list_names_every_built_in_policy_with_its_date() {
    let list = document(&run(&["policy", "list", "-o", "json"]), 0);
    let list = list.as_array().expect("a list");
    assert_eq!(list[0]["name"], "strict");
    for policy in list {
        assert_eq!(policy["dated"].as_str().expect("text").len(), 10);
    }
    assert!(stdout(&run(&["policy", "list"]), 0).contains("badram"));
}

#[test]
fn verdict_is_replayed_by_its_own_policy_and_not_by_another() {
    let folder = Folder::empty();
    for (binding, code) in [("--no-binding", 0), ("--expect-report-data 00", 3)] {
        let line = REPORT.replace("--no-binding", binding);
        let Some(output) = run_line(&line, &[]) else {
            return;
        };
        let verdict = stdout(&output, code);
        let file = folder.write("verdict.json", &verdict);
        let replayed = document(&run(&["policy", "replay", &file, "-o", "json"]), 0);
        assert_eq!(replayed["same"], true, "{replayed}");
        // The same limits, and a reason of its own.
        let denies = strict() + "\ndeny contains {\"code\": \"all\", \"reason\": \"all\"}\n";
        let denies = folder.write("denies.rego", denies);
        let other = run(&["policy", "replay", &file, "--policy", &denies, "-o", "json"]);
        let other = document(&other, 3);
        assert_eq!(
            (&other["same"], &other["verdict"]),
            (&false.into(), &"refused".into())
        );
        let mut changed: Value = serde_json::from_str(&verdict).expect("JSON");
        changed["claims"]["snp"]["guest_svn"] = 7.into();
        let file = folder.write("changed.json", changed.to_string());
        let said = stdout(&run(&["policy", "replay", &file]), 3);
        assert!(
            said.contains("NOT THE SAME, and no verdict: it says something else"),
            "{said}"
        );
    }
    let none = folder.write("none.json", "{}");
    error(&run(&["policy", "replay", &none]), 1);
}

/// Its checks were made under limits that the policy named does not have: `badram` refuses this report.
#[test]
fn verdict_is_not_replayed_under_other_limits() {
    let folder = Folder::empty();
    let Some(output) = run_line(REPORT, &[]) else {
        return;
    };
    let verdict = stdout(&output, 0);
    let file = folder.write("verdict.json", &verdict);
    for policy in ["badram", "milan-vcek-seed"] {
        let line = ["policy", "replay", &file, "--policy", policy];
        let other = document(&run(&[&line[..], &["-o", "json"]].concat()), 3);
        assert_eq!(
            (&other["same"], &other["verdict"]),
            (&false.into(), &Value::Null)
        );
        let differences = other["differences"].as_array().expect("a list");
        assert!(differences.contains(&"limits".into()), "{differences:?}");
        let said = stdout(&run(&line), 3);
        assert!(
            said.contains("no verdict: judged under other limits: judge the evidence again"),
            "{said}"
        );
        assert!(
            !said.contains("accepted") && !said.contains("refused"),
            "{said}"
        );
    }
}

#[test]
fn verdict_of_another_version_is_unreadable_and_says_what_to_do() {
    let folder = Folder::empty();
    let Some(output) = run_line(REPORT, &[]) else {
        return;
    };
    let mut verdict = document(&output, 0);
    assert_eq!(verdict["version"], 1);
    verdict["version"] = 9.into();
    let file = folder.write("later.json", verdict.to_string());
    let said = error(&run(&["policy", "replay", &file]), 1);
    assert!(said.contains("version 9"), "{said}");
    let members = verdict.as_object_mut().expect("an object");
    members.remove("version");
    let file = folder.write("older.json", verdict.to_string());
    let said = error(&run(&["policy", "replay", &file]), 1);
    assert!(
        said.contains("before verdicts had one") && said.contains("again"),
        "{said}"
    );
}

/// A whole policy with these limits, whose own test passes.
fn with_limits(limits: &str) -> String {
    [
        "package cloister.appraisal",
        "import data.cloister.strict",
        "about := {\"name\": \"ours\", \"dated\": \"2026-11-23\", \"text\": \"Ours.\", \"sources\": []}",
        limits,
        "trust_vector := strict.trust_vector",
        "deny := strict.deny",
        "test_true if true",
        "",
    ]
    .join("\n")
}

/// Nobody's evidence would ever be accepted: the judge refuses such limits.
#[test]
fn policy_whose_limits_no_judge_takes_does_not_pass() {
    let folder = Folder::empty();
    for (limits, told) in [
        (
            "limits := object.union(strict.limits, {\"snp\": {\"chip_allow\": [\"0a1b\"]}})",
            "a chip id has 128 or 16 hexadecimal digits",
        ),
        (
            "limits := object.union(strict.limits, {\"snp\": {\"minimum_guest_svm\": 4}})",
            "minimum_guest_svm",
        ),
        (
            "limits := object.union(strict.limits, {\"tdx\": {\"grace_days\": 400}})",
            "grace_days",
        ),
        (
            "limits := {\"tpm\": object.remove(strict.limits.tpm, [\"banks\"])}",
            "banks",
        ),
        (
            "limits := {\"snp\": strict.limits.snp, \"tdx\": 1}",
            "limits.tdx",
        ),
        // Of one product alone.
        (
            "limits := strict.limits if input.snp.product != \"turin\"\nlimits := {\"snp\": {}} if input.snp.product == \"turin\"",
            "limits.snp",
        ),
        ("limits := {}", "undefined for every TEE"),
        (
            "limits := strict.limits if input.snp.prodct == \"milan\"",
            "undefined for every TEE",
        ),
    ] {
        let file = folder.write("policy.rego", with_limits(limits));
        let said = stdout(&run(&["policy", "test", &file]), 3);
        assert!(
            said.starts_with("FAIL") && said.contains(told),
            "{limits}: {said}"
        );
        let document = document(&run(&["policy", "test", &file, "-o", "json"]), 3);
        assert_eq!(document["policies"][0]["passed"], false);
    }
}

#[test]
fn policy_for_one_tee_or_product_passes_and_tells_what_it_leaves_out() {
    let folder = Folder::empty();
    for (limits, left_out) in [
        ("limits := strict.limits", ""),
        (
            "limits := {\"snp\": strict.limits.snp}",
            "no limits for tdx, tpm: such evidence is refused",
        ),
        (
            "limits := strict.limits if input.snp.product == \"milan\"",
            "no limits for tdx, tpm: ",
        ),
        (
            "limits := strict.limits if input.snp.cpu.model == 2",
            "no limits for tdx, tpm: ",
        ),
        (
            "limits := strict.limits if input.tdx.quote.td.td15.mr_service_td",
            "no limits for snp, tpm: ",
        ),
        (
            "limits := strict.limits if input.tpm.hcl.tee == \"snp\"",
            "no limits for snp, tdx: ",
        ),
    ] {
        let file = folder.write("policy.rego", with_limits(limits));
        let said = stdout(&run(&["policy", "test", &file]), 0);
        assert!(said.contains(left_out), "{limits}: {said}");
        assert_eq!(said.contains("no limits"), !left_out.is_empty(), "{said}");
    }
}

/// The samples that `policy test` asks with have the names of real claims.
#[test]
fn samples_of_claims_have_the_members_of_real_ones() {
    const TDX: &str = "--collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z -o json";
    for (line, tee, sample) in [
        ("snp --report @trustee/az-snp-vtpm/evidence-genoa.json --no-binding --at 2026-01-01T00:00:00Z -o json".to_owned(), "snp", include_str!("../../src/policy/samples/snp.json")),
        (format!("tdx --quote @dcap/tdx_quote {TDX}"), "tdx", include_str!("../../src/policy/samples/tdx.json")),
        (format!("tdx --quote @trustee/tdx_quote_5.dat {TDX}"), "tdx", include_str!("../../src/policy/samples/tdx.json")),
        ("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --no-binding --at 2026-01-01T00:00:00Z -o json".to_owned(), "tpm", include_str!("../../src/policy/samples/tpm.json")),
    ] {
        let Some(output) = run_line(&line, &[]) else {
            return;
        };
        let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let sample: Value = serde_json::from_str(sample).expect("JSON");
        same_names(tee, &verdict["claims"][tee], &sample);
    }
}

fn same_names(way: &str, real: &Value, sample: &Value) {
    let (Value::Object(real), Value::Object(sample)) = (real, sample) else {
        // What one quote has, another has not.
        let same = std::mem::discriminant(real) == std::mem::discriminant(sample);
        assert!(
            same || real.is_null() || sample.is_null(),
            "{way}: {real}, {sample}"
        );
        return;
    };
    for (name, value) in real {
        let sample = sample.get(name);
        let numbered = way == "tpm.pcrs.sha256";
        assert!(
            numbered || sample.is_some(),
            "{way}.{name} is not in the sample"
        );
        same_names(&format!("{way}.{name}"), value, sample.unwrap_or(value));
    }
    let gone = sample.keys().find(|name| !real.contains_key(*name));
    assert_eq!(gone, None, "of {way}: the evidence has no such claim");
}

/// docs/appraisal-policy.md has the recipe, in Python.
#[test]
fn documented_recipe_gives_the_digest_that_the_token_has() {
    const PAGE: &str = include_str!("../../../../docs/appraisal-policy.md");
    let (_, recipe) = PAGE.split_once("```python\n").expect("a recipe");
    let (recipe, _) = recipe.split_once("```").expect("its end");
    let folder = Folder::empty();
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let line = format!("{REPORT} --ear {{}} --ear-key {{}}");
    let (token, key) = (folder.named("token"), folder.named("key.pem"));
    let Some(output) = run_line(&line, &[&token, &key]) else {
        return;
    };
    let verdict = folder.write("verdict.json", stdout(&output, 0));
    let input = std::fs::File::open(verdict).expect("it was written");
    let python = std::process::Command::new("python3")
        .args(["-c", recipe])
        .stdin(input)
        .output();
    let Ok(python) = python else {
        println!("skipped: there is no python3");
        return;
    };
    let digest = stdout(&python, 0);
    let token = std::fs::read_to_string(token).expect("it was written");
    let claims = token.split('.').nth(1).expect("the claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let named = &claims["submods"]["snp"]["cloister_verdict_digest"];
    assert_eq!(named.as_str(), Some(digest.trim()));
    assert_eq!(claims.get("eat_nonce"), None, "nothing was to be bound");
}

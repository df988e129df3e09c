//! The table of what can be wrong: each refused for its own reason, and none forgotten.

use attestation_snp::SnpCheck;
use attestation_tdx::TdxCheck;
use attestation_tpm::TpmCheck;
use attestation_verdict::Check;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests_tampered::all;

/// What the table has at least.
const LEAST: usize = 200;

/// Where the reasons to refuse are named: nothing else lists them.
const CODES: [(&str, &str, &str); 3] = [
    (
        "snp",
        "attestation/snp/src/rejection/codes.rs",
        "fn check_and_code",
    ),
    ("tdx", "attestation/tdx/src/rejection.rs", "fn code("),
    ("tpm", "attestation/tpm/src/rejection.rs", "fn code("),
];

/// Reasons that no evidence made here can have, and the test that sees each.
const ELSEWHERE: [(&str, &str, &str); 1] =
    [("snp", "chain_of_other_product", "attestation/snp/tests/snp")];

#[test]
fn evidence_that_was_tampered_with_is_refused_for_its_own_reason() {
    let all = all();
    let faults: Vec<String> = all
        .iter()
        .filter_map(|row| Some(format!("{}: {}", row.name, row.try_it().err()?)))
        .collect();
    println!("{} cases", all.len());
    assert!(
        faults.is_empty(),
        "{} of {}\n{}",
        faults.len(),
        all.len(),
        faults.join("\n")
    );
}

#[test]
fn table_has_at_least_two_hundred_rows_and_no_name_twice() {
    let all = all();
    assert!(all.len() >= LEAST, "{}", all.len());
    let names: BTreeSet<_> = all.iter().map(|row| &row.name).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn every_check_refuses_something() {
    let all = all();
    let missing = |kind: &str, names: Vec<&'static str>| -> Vec<String> {
        let kind = format!("{kind}: ");
        let refuses = |name: &str| {
            all.iter()
                .any(|row| row.name.starts_with(&kind) && row.check == name)
        };
        let missing = names.into_iter().filter(|name| !refuses(name));
        missing.map(|name| format!("{kind}{name}")).collect()
    };
    let missing = [
        missing("snp", names::<SnpCheck>()),
        missing("tdx", names::<TdxCheck>()),
        missing("tpm", names::<TpmCheck>()),
    ];
    assert_eq!(missing.concat(), Vec::<String>::new());
}

fn names<C: Check>() -> Vec<&'static str> {
    C::ALL.iter().map(|check| check.name()).collect()
}

#[test]
fn every_reason_to_refuse_is_given() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = all();
    let mut missing = Vec::new();
    for (kind, path, function) in CODES {
        let text = fs::read_to_string(root.join(path)).expect("the source is there");
        let codes = codes(&text, function);
        assert!(codes.len() > 20, "{path} names reasons in another way");
        let begins = format!("{kind}: ");
        for code in codes {
            let given = all
                .iter()
                .any(|row| row.code == code && row.name.starts_with(&begins));
            let elsewhere = ELSEWHERE
                .iter()
                .any(|(other, name, _)| (*other, *name) == (kind, code.as_str()));
            if !given && !elsewhere {
                missing.push(format!("{kind}: {code}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// The texts of a function's arms.
fn codes(text: &str, function: &str) -> Vec<String> {
    let start = text.find(function).expect("the function is there");
    let lines = text[start..].lines().skip(1);
    let body = lines.take_while(|line| !line.starts_with("    }\n") && *line != "}");
    let quoted = body.filter_map(|line| line.split('"').nth(1));
    quoted.map(str::to_owned).collect()
}

#[test]
fn reasons_that_are_given_elsewhere_have_a_test_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (_, code, folder) in ELSEWHERE {
        let tests = fs::read_dir(root.join(folder)).expect("the folder is there");
        let mut texts = tests.map(|entry| fs::read_to_string(entry.expect("an entry").path()));
        let quoted = format!("\"{code}\"");
        assert!(
            texts.any(|text| text.is_ok_and(|text| text.contains(&quoted))),
            "{code}"
        );
    }
}

//! What a policy names is there.

use crate::support::source;
use attestation_appraisal::{Policy, PolicyError, PolicyFault, SHIPPED};

/// A policy with these imports and rules.
fn with(imports: &str, rules: &str) -> String {
    source(rules).replacen(
        "package cloister.appraisal\n",
        &format!("package cloister.appraisal\n{imports}\n"),
        1,
    )
}

fn fault(imports: &str, rules: &str) -> PolicyFault {
    match Policy::from_rego(&with(imports, rules)) {
        Err(PolicyError::Fault { fault, .. }) => fault,
        other => panic!("{imports} {rules}: {other:?}"),
    }
}

fn is_read(imports: &str, rules: &str) {
    let policy = Policy::from_rego(&with(imports, rules));
    assert!(policy.is_ok(), "{imports} {rules}: {policy:?}");
}

const BADRAM: &str = "import data.cloister.badram";

#[test]
fn misspelt_policy_is_refused_with_the_nearest_and_its_line() {
    let error = Policy::from_rego(&with(
        "import data.cloister.badrma",
        "deny contains d if some d in badrma.deny",
    ));
    let error = error.expect_err("there is none").to_string();
    for part in [
        "line 2 ",
        "`data.cloister.badrma`",
        "did you mean `badram`",
        "strict, badram, no_smt",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    for rules in [
        "deny contains d if some d in data.cloister.badrma.deny",
        "deny contains d if some d in data.cloister[\"badrma\"].deny",
        "deny contains d if some d in data[\"cloister\"].badrma[\"deny\"]",
        "deny contains d if some d in data.clojster.badram.deny",
        "deny contains d if { some x in [1]; some d in [d | some d in data.cloister.badrma.deny] }",
        "deny contains d if { every x in [1] { count(data.cloister.badrma.deny) > x }; d := 1 }",
        "deny contains d if { d := 1 } \ntrust := {\"a\": [data.cloister.badrma.deny]}",
        "deny contains data.cloister.badrma.deny",
        "default x := data.cloister.badrma.deny",
        "f(x) := 1 if x == 1\nelse := data.cloister.badrma.deny",
        "test_a if count(deny) == 0 with input as data.cloister.badrma.deny",
        "x := input.a[data.cloister.badrma.deny]",
        "x[data.cloister.badrma.deny] := 1",
    ] {
        let found = fault("", rules);
        assert!(
            matches!(found, PolicyFault::NoSuchPolicy { .. }),
            "{rules}: {found}"
        );
    }
}

#[test]
fn misspelt_rule_of_a_policy_is_refused_with_the_nearest() {
    for (imports, rules) in [
        (BADRAM, "deny contains d if some d in badram.denny"),
        (BADRAM, "deny contains d if some d in badram[\"denny\"]"),
        (
            "import data.cloister.badram as b",
            "deny contains d if some d in b.denny",
        ),
        (
            "",
            "deny contains d if some d in data.cloister.badram.denny",
        ),
        (
            "",
            "deny contains d if some d in data.cloister.appraisal.denny",
        ),
        (BADRAM, "deny contains d if { badram.denny(1, d) }"),
    ] {
        let found = fault(imports, rules);
        let PolicyFault::NoSuchRule { nearest, there, .. } = &found else {
            panic!("{rules}: {found}");
        };
        assert_eq!(nearest.as_deref(), Some("deny"), "{rules}");
        assert!(
            there.contains("trust_vector") && !there.contains("test_"),
            "{there}"
        );
    }
}

#[test]
fn whatever_could_not_be_looked_up_is_refused() {
    for (imports, rules) in [
        ("", "x := data"),
        ("", "x := data.cloister"),
        ("", "x := data.cloister.badram"),
        ("", "x := [p | some p in data]"),
        ("", "x := data[input.snp.product]"),
        ("", "x := data.cloister[input.snp.product]"),
        ("", "x := data.cloister[input.snp.product].deny"),
        ("", "x := data.cloister.badram[input.snp.product]"),
        ("", "x := data.cloister.badram[y]"),
        ("", "x := data.cloister[`badram`].deny"),
        (
            "",
            "x := object.get(data, [\"cloister\", \"badrma\", \"deny\"], [])",
        ),
        (BADRAM, "x := object.get(badram, \"denny\", [])"),
        (BADRAM, "x := badram"),
        (BADRAM, "x := badram[input.snp.product]"),
        (BADRAM, "x := [y | y := badram[_]]"),
        (BADRAM, "f(x) := x\ny := f(badram)"),
    ] {
        let found = fault(imports, rules);
        assert!(
            matches!(found, PolicyFault::Unwritten { .. }),
            "{rules}: {found}"
        );
    }
}

#[test]
fn import_of_anything_but_a_policy_is_refused() {
    for imports in [
        "import data.cloister",
        "import data.cloister as c",
        "import data.cloister.badram.deny",
        "import data",
        "import input.snp",
        "import rego.metadata",
    ] {
        let found = fault(imports, "");
        assert!(
            matches!(found, PolicyFault::Import { .. }),
            "{imports}: {found}"
        );
    }
    is_read(
        "import rego.v1\nimport data.cloister.badram as b",
        "x := b.deny",
    );
    is_read("import data.cloister[\"badram\"]", "x := badram.deny");
}

#[test]
fn name_of_an_import_means_nothing_else() {
    for (imports, rules) in [
        (BADRAM, "badram := {\"deny\": set()}"),
        (BADRAM, "badram.deny := set()"),
        (BADRAM, "x if { some badram; badram = 1 }"),
        (
            BADRAM,
            "x if { every badram in [{\"deny\": []}] { count(badram.deny) == 0 } }",
        ),
        (
            "",
            "x if { every data in [{\"deny\": []}] { count(data.deny) == 0 } }",
        ),
        ("import data.cloister.badram as deny", ""),
        ("import data.cloister.badram as input", ""),
        (
            "import data.cloister.strict\nimport data.cloister.badram as strict",
            "",
        ),
    ] {
        let found = fault(imports, rules);
        assert!(
            matches!(found, PolicyFault::Shadowed { .. }),
            "{imports} {rules}: {found}"
        );
    }
    for rules in [
        "x if { badram := {\"denny\": []}; badram.deny == [] }",
        "x if { some badram in [{\"deny\": []}]; badram.deny == [] }",
        "x if { [badram, 1] = [{\"deny\": []}, 1]; badram.deny == [] }",
        "f(badram) := badram.deny",
    ] {
        let found = fault(BADRAM, rules);
        assert!(
            matches!(found, PolicyFault::Unwritten { .. }),
            "{rules}: {found}"
        );
    }
}

#[test]
fn with_replaces_the_input_alone() {
    for target in [
        "data.cloister.badram.deny",
        "badram.deny",
        "data",
        "count",
        "x",
    ] {
        let found = fault(BADRAM, &format!("x := 1\ny if x == 1 with {target} as []"));
        assert!(
            matches!(found, PolicyFault::With { .. }),
            "{target}: {found}"
        );
    }
    is_read(BADRAM, "y if count(badram.deny) == 0 with input.snp as {}");
}

#[test]
fn function_that_is_not_called_and_call_of_no_function_are_refused() {
    let lists = "import data.cloister.chip_allow_list";
    for rules in [
        "deny contains d if some d in chip_allow_list.unlisted",
        "deny contains d if some d in ours\nours(x) := {x}",
        "x := data.cloister.chip_allow_list.demands",
    ] {
        let found = fault(lists, rules);
        assert!(
            matches!(found, PolicyFault::NotCalled { .. }),
            "{rules}: {found}"
        );
    }
    for rules in [
        "x := chip_allow_list.deny(1)",
        "y := 1\nx := y(1)",
        "x := chip_allow_list.demands.more(1)",
    ] {
        let found = fault(lists, rules);
        assert!(
            matches!(found, PolicyFault::NoFunction { .. }),
            "{rules}: {found}"
        );
    }
    is_read(
        lists,
        "deny contains d if some d in chip_allow_list.unlisted({\"ab\"})",
    );
    // A name of a rule's own is not the function of the same name.
    is_read(
        "",
        "ours(x) := {x}\ny if { ours := 1; ours == 1 }\nz(ours) := ours",
    );
}

#[test]
fn comments_and_texts_name_nothing() {
    is_read(
        "",
        "# data.cloister.badrma.deny\nx := \"data.cloister.badrma.deny\"\ny := `data.cloister.badrma`",
    );
}

#[test]
fn what_is_there_is_read_however_it_is_named() {
    for (imports, rules) in [
        (BADRAM, "deny contains d if some d in badram.deny"),
        (
            "import data.cloister.badram as b",
            "deny contains d if some d in b[\"deny\"]",
        ),
        ("", "deny contains d if some d in data.cloister.badram.deny"),
        ("", "x := data.cloister.appraisal.limits.snp"),
        (
            "import data.cloister.strict",
            "x := strict.limits[input.tee].max_vmpl",
        ),
        ("", "x := [y | y := data.cloister.strict.limits[_]]"),
    ] {
        is_read(imports, rules);
    }
    for shipped in SHIPPED {
        is_read(
            &format!("import data.cloister.{}", shipped.package),
            &format!("x := {}.deny", shipped.package),
        );
    }
}

#[test]
fn denials_of_a_policy_that_is_named_by_its_whole_path_are_there() {
    let policy = Policy::from_rego(&with(
        "",
        "deny contains d if some d in data.cloister[\"tpm_alone\"].deny\ntest_a if { found := deny with input as {\"tee\": \"tpm\", \"record\": {\"checks\": []}}; count(found) == 1 }",
    ));
    let report = policy.expect("a policy").test();
    assert!(report.passed(), "{report:?}");
}

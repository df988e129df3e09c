//! What a policy may cost.

use crate::support::{policy, source};
use attestation_appraisal::{Policy, PolicyError, PolicyFault, Tee};
use serde_json::json;
use std::fmt::Write as _;

fn fault(rules: &str) -> PolicyFault {
    match Policy::from_rego(&source(rules)) {
        Err(PolicyError::Fault { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn nested(depth: usize, open: &str, close: &str) -> String {
    format!("x := {}1{}", open.repeat(depth), close.repeat(depth))
}

/// The rule `test_it` of a policy whose lines each make something of what the line before made.
fn doubled(first: &str, line: &str, last: &str) -> Option<String> {
    let mut rules = format!("test_it if {{\n\ta0 := {first}\n");
    for n in 0..22 {
        let line = line.replace("OLD", &format!("a{n}"));
        writeln!(rules, "\ta{} := {line}", n + 1).expect("a text");
    }
    rules.push_str(&last.replace("LAST", "a22"));
    rules.push_str("\n}");
    policy(&rules).test().tests[0].failure.clone()
}

#[test]
fn brackets_in_brackets_are_refused_beyond_a_depth() {
    for (open, close) in [
        ("[", "]"),
        ("{", "}"),
        ("(", ")"),
        ("[\n", "\n]"),
        ("{1: ", "}"),
        ("{1 | ", "}"),
    ] {
        assert_eq!(
            fault(&nested(13, open, close)),
            PolicyFault::Depth { most: 12 },
            "{open}"
        );
        assert_eq!(
            fault(&nested(20_000, open, close)),
            PolicyFault::Depth { most: 12 },
            "{open}"
        );
    }
    // A text of brackets has none, nor has a comment, and those that are closed are not counted.
    let flat = format!(
        "x := \"{0}\\\"{0}\" # {0}\ny := `{0}\"`\nz := [{1}]",
        "[".repeat(50),
        "[[1]],".repeat(50)
    );
    policy(&flat);
    for (open, close) in [("[", "]"), ("{", "}"), ("{1: ", "}"), ("(", ")")] {
        policy(&nested(11, open, close));
    }
}

#[test]
fn too_much_in_brackets_is_refused() {
    let list = "1,".repeat(200);
    assert_eq!(
        fault(&format!("x := {}{list}{}", "[".repeat(11), "]".repeat(11))),
        PolicyFault::Readings
    );
    let many = (0..900).fold(String::new(), |text, n| {
        text + &nested(9, "[", "]").replace('x', &format!("x{n}")) + "\n"
    });
    assert_eq!(fault(&many), PolicyFault::Readings);
}

#[test]
fn operators_in_a_row_are_refused_beyond_a_number() {
    for one in [
        "1 +\n", "- ", "-\n", "1 ==\n", "a in\n", "1 * ", "x | ", "x & ",
    ] {
        let row = |count: usize| format!("x := {}1", one.repeat(count));
        assert_eq!(
            fault(&row(49)),
            PolicyFault::Operators { most: 48 },
            "{one}"
        );
        assert_eq!(
            fault(&row(15_000)),
            PolicyFault::Operators { most: 48 },
            "{one}"
        );
    }
    let apart = (0..60).fold("x := 1 + 1 if {\n".to_owned(), |text, n| {
        text + &format!("\t{n} + 1 == {n} + 1\n")
    });
    policy(&format!("{apart}}}\ny := [{}]", "1 + 1, ".repeat(60)));
}

#[test]
fn text_after_a_nul_is_not_left_out() {
    // The engine ends at it, and with it whatever is denied after it.
    assert_eq!(
        fault("x := 1\n\0deny contains {} if true"),
        PolicyFault::Character { code: 0 }
    );
    assert_eq!(fault("# \0"), PolicyFault::Character { code: 0 });
}

#[test]
fn rule_that_needs_itself_is_refused() {
    for rules in [
        "f(x) := f(x + 1)",
        "f(x) := g(x)\ng(x) := f(x)",
        "p := q\nq := data.cloister.appraisal.p",
    ] {
        let found = fault(rules);
        assert!(
            matches!(found, PolicyFault::Recursion { .. }),
            "{rules}: {found}"
        );
    }
}

#[test]
fn rules_that_need_rules_are_refused_beyond_a_depth() {
    let chain = |count: usize, rule: &str| {
        let rules = (0..count).map(|n| {
            rule.replace("ONE", &format!("a{n}"))
                .replace("NEXT", &format!("a{}", n + 1))
        });
        rules.collect::<Vec<_>>().join("\n")
    };
    for (rule, last) in [("ONE := NEXT", ":= 1"), ("ONE(x) := NEXT(x)", "(x) := 1")] {
        let rules = |count| format!("{}\na{count} {last}", chain(count, rule)).replace(" (", "(");
        for count in [32, 5_000] {
            let found = fault(&rules(count));
            assert!(
                matches!(found, PolicyFault::RuleDepth { most: 32, .. }),
                "{found}"
            );
        }
        policy(&rules(31));
    }
    // The other way round: those that are needed are looked at before those that need them.
    let up = |count: usize| {
        (1..=count).fold("b00 := 1\n".to_owned(), |text, n| {
            text + &format!("b{n:02} := b{:02}\n", n - 1)
        })
    };
    let found = fault(&up(32));
    assert!(matches!(found, PolicyFault::RuleDepth { .. }), "{found}");
    policy(&up(31));
}

#[test]
fn function_whose_result_has_no_bound_or_differs_is_refused_by_name() {
    for call in [
        "rand.intn(\"seed\", 10)",
        "time.now_ns()",
        "http.send({})",
        "opa.runtime()",
        "uuid.rfc4122(\"seed\")",
        "bits.lsh(1, 4000000000)",
        "product([1, 2])",
        "units.parse(\"1e1000000000\")",
        "units.parse_bytes(\"1e1000000000\")",
        "strings.replace_n({\"a\": \"aa\"}, \"a\")",
        "json.marshal_with_options({}, {})",
        "trace(\"x\")",
        "walk(input)",
    ] {
        let found = fault(&format!("x := {call}"));
        assert!(
            matches!(found, PolicyFault::FunctionRefused { .. }),
            "{call}: {found}"
        );
    }
}

#[test]
fn function_that_is_not_there_is_refused_with_the_nearest() {
    for (call, near) in [
        ("cuont([])", Some("count")),
        ("regex.match(\"a\", \"a\")", None),
        ("f(1)", None),
        ("ourz(1)", Some("ours")),
    ] {
        let found = fault(&format!("ours(x) := x\nx := {call}"));
        let PolicyFault::NoSuchFunction { nearest, .. } = &found else {
            panic!("{call}: {found}");
        };
        assert_eq!(nearest.as_deref(), near, "{call}");
    }
}

#[test]
fn line_that_people_see_and_the_engine_does_not_is_refused() {
    let code = |text: &str| match fault(text) {
        PolicyFault::Character { code } => code,
        other => panic!("{other:?}"),
    };
    let deny = "deny contains {\"code\": \"a\", \"reason\": \"b\"} if true";
    for one in [
        '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}',
    ] {
        assert_eq!(code(&format!("# ours{one}{deny}")), u32::from(one));
    }
    policy("# ends as Windows has it, é, 漢,\ttab\r\nx := 1\r\n");
}

#[test]
fn operator_of_sets_is_refused_however_it_is_written() {
    for text in ["input.a | input.b", "{1} & {2}"] {
        assert_eq!(
            fault(&format!("x := {text}")),
            PolicyFault::OfSets,
            "{text}"
        );
    }
    for text in [
        "input.a - input.b",
        "{1} - {2}",
        "[y | some i in input.a; y := input.b - {i}]",
        "input.a - (input.b - input.c)",
        "object.get(input, \"a\", 1) - input.b",
    ] {
        assert_eq!(
            fault(&format!("x := {text}")),
            PolicyFault::Difference,
            "{text}"
        );
    }
    // A function of the policy's own makes what it likes.
    let own = "count(a) := {a}\nx := count(1) - input.b";
    assert!(matches!(
        fault(own),
        PolicyFault::Difference | PolicyFault::Shadowed { .. }
    ));
    let report = policy("x := union({{1}, {2}})\ntest_it if { count({1, 2}) - count(x) == 0; 3 - x1 == 1; 5 - 1 * x1 - x1 == 1 }\nx1 := 2").test();
    assert_eq!(report.tests[0].failure, None);
}

#[test]
fn looking_for_nothing_is_answered_and_does_not_end_the_program() {
    let text = "test_subset if { object.subset([1], []); object.subset([], []); not object.subset([1], [2]) }\ntest_text if strings.count(\"a\", \"\") >= 0";
    let report = policy(text).test();
    assert_eq!(report.tests[0].failure, None);
    let failure = report.tests[1].failure.clone().expect("it fails");
    assert!(
        failure.contains("`strings.count` of no text counts nothing"),
        "{failure}"
    );
}

#[test]
fn looking_for_much_in_much_is_charged_for_both() {
    let long = "long := concat(\"\", [text | some i in numbers.range(1, 4)])";
    for call in [
        "trim(long, long)",
        "trim_left(long, long)",
        "trim_right(long, long)",
        "indexof(long, long)",
        "indexof_n(long, long)",
        "strings.count(long, long)",
        "strings.any_prefix_match([long], [long])",
        "strings.any_suffix_match([long], [long])",
        "object.subset(numbers.range(1, 2000), numbers.range(2, 2000))",
        "object.remove({long: 1}, [long])",
        "object.filter({long: 1}, [long])",
        "json.remove({long: 1}, [long])",
        "json.filter({long: 1}, [long])",
    ] {
        assert!(
            makes_too_much(&format!("{}; {call} != 1", long.trim_start_matches("x"))),
            "{call}"
        );
    }
    assert!(!makes_too_much("trim(text, \" \") == text"));
}

#[test]
fn product_of_what_is_not_written_down_is_refused() {
    assert_eq!(fault("x := input.a * input.b"), PolicyFault::Product);
    policy("x := 1024 * input.a\ny := input.a * 1024");
}

#[test]
fn what_functions_make_is_bounded() {
    for (first, line) in [
        ("\"0123456789\"", "concat(\"\", [OLD, OLD])"),
        ("[1, 2, 3]", "array.concat(OLD, OLD)"),
        ("\"0123456789\"", "sprintf(\"%s%s\", [OLD, OLD])"),
    ] {
        let failure = doubled(first, line, "").expect("it does not pass");
        assert!(
            failure.contains("make more than 8388608 values and bytes"),
            "{line}: {failure}"
        );
    }
    // The same lists in a list twice are little until somebody writes them out.
    let failure =
        doubled("[1, 2]", "[OLD, OLD]", "\tjson.marshal(LAST) != \"\"").expect("it does not pass");
    assert!(failure.contains("make more than"), "{failure}");
}

/// Whether a rule fails since its functions make too much.
fn makes_too_much(body: &str) -> bool {
    let text = "text := concat(\"\", [\"0123456789\" | some i in numbers.range(1, 1000)])";
    let report = policy(&format!("{text}\ntest_it if {{ {body} }}")).test();
    let failure = report.tests[0].failure.clone().unwrap_or_default();
    failure.contains("make more than 8388608 values and bytes")
}

#[test]
fn what_one_call_makes_of_little_is_charged() {
    for body in [
        "concat(text, [\"\" | some i in numbers.range(1, 10000)]) != \"\"",
        "concat(text, {sprintf(\"%d\", [i]) | some i in numbers.range(1, 10000)}) != \"\"",
        "replace(text, \"1\", text) != replace(text, \"\", text)",
        "count(split(concat(\"\", [text | some i in numbers.range(1, 170)]), \"\")) > 0",
        "count(indexof_n(concat(\"\", [text | some i in numbers.range(1, 170)]), \"1\")) > 0",
        "format := concat(\"\", [\"%1000d\" | some i in numbers.range(1, 900)]); every i in numbers.range(1, 20) { sprintf(format, numbers.range(1, 900)) != text }",
    ] {
        assert!(makes_too_much(body), "{body}");
    }
    assert!(!makes_too_much(
        "concat(\"\", [text | some i in numbers.range(1, 170)]) != \"\""
    ));
}

#[test]
fn what_the_calls_of_one_evaluation_make_is_added_up() {
    let calls = |count: usize| {
        format!(
            "count([n | some i in numbers.range(1, {count}); n := count(numbers.range(i, 40000))]) > 0"
        )
    };
    assert!(!makes_too_much(&calls(10)));
    assert!(makes_too_much(&calls(100)));
}

#[test]
fn range_is_bounded_by_what_it_would_hold() {
    let policy =
        policy("limits := {\"snp\": {\"n\": count(numbers.range(1, input.snp.guest_svn))}}");
    let limits = |svn: u64| policy.limits(Tee::Snp, &json!({"guest_svn": svn}));
    assert_eq!(limits(1000), Ok(json!({"n": 1000})));
    for svn in [4_000_000, 4_000_000_000, u64::MAX] {
        let error = limits(svn).expect_err("too many");
        assert!(matches!(error, PolicyError::Functions { .. }), "{error}");
    }
    // What one evaluation has spent, the next one has not.
    assert_eq!(limits(1000), Ok(json!({"n": 1000})));
}

#[test]
fn format_of_a_great_width_is_refused() {
    for format in [
        "%01001d",
        "%1000000000d",
        "%.100000000f",
        "%4294967297d",
        "%\u{b2}d",
    ] {
        let report = policy(&format!("test_it if sprintf(\"{format}\", [1]) != \"\"")).test();
        let failure = report.tests[0].failure.as_ref().expect("it fails");
        assert!(
            failure.contains("widths of ASCII digits, up to 1000"),
            "{format}: {failure}"
        );
    }
    let report =
        policy("test_it if sprintf(\"%5d%.2f 100%%2000\", [1, 2.5]) == \"    12.50 100%2000\"")
            .test();
    assert!(report.passed(), "{report:?}");
}

#[test]
fn answer_of_more_than_is_ever_needed_is_refused() {
    let mut rules = "limits := {\"snp\": {\"a\": a18}} if {\n\ta0 := [1, 2]\n".to_owned();
    for n in 0..18 {
        writeln!(rules, "\ta{} := [a{n}, a{n}]", n + 1).expect("a text");
    }
    let error = policy(&format!("{rules}}}"))
        .limits(Tee::Snp, &json!({}))
        .expect_err("too much");
    let PolicyError::Answer { message, .. } = &error else {
        panic!("it is the answer: {error}");
    };
    assert_eq!(message, "more than 1048576 values and bytes");
}

#[test]
fn failing_rule_and_function_say_so_in_one_line() {
    for call in ["to_number(\"x\")", "concat(\",\", [1])", "1 / 0"] {
        let error = policy(&format!("limits := {{\"snp\": {{\"n\": {call}}}}}"))
            .limits(Tee::Snp, &json!({}));
        let text = error.expect_err("it fails").to_string();
        assert!(
            text.contains("fails: policy.rego:5:") && text.lines().count() == 1,
            "{text}"
        );
    }
}

//! Command lines that say too little, too much or something else.

use crate::support::{error, run, stdout};

/// Whatever is asked, what the evidence has to bind is part of it.
#[test]
fn evidence_without_a_word_on_its_binding_is_wrong_usage() {
    for words in [
        &["snp", "--report", "r"][..],
        &["tdx", "--quote", "q"],
        &["tpm", "--evidence", "e"],
    ] {
        let said = error(&run(words), 2);
        assert!(said.contains("--no-binding"), "{said}");
        assert!(said.contains("--expect-"), "{said}");
    }
}

#[test]
fn evidence_both_bound_and_unbound_is_wrong_usage() {
    for words in [
        &["snp", "--report", "r", "--expect-report-data", "00"][..],
        &["tdx", "--quote", "q", "--expect-report-data", "00"],
        &["tpm", "--evidence", "e", "--expect-nonce", "00"],
    ] {
        let both = [words, &["--no-binding"]].concat();
        assert!(error(&run(&both), 2).contains("cannot be used with"));
    }
}

#[test]
fn binding_that_nothing_could_have_is_wrong_usage() {
    let long = "00".repeat(65);
    for (hex, why) in [
        ("", "0 bytes"),
        ("0", "not hexadecimal"),
        ("0x00", "not hexadecimal"),
        (long.as_str(), "65 bytes"),
    ] {
        for words in [
            ["snp", "--report", "r", "--expect-report-data", hex],
            ["tdx", "--quote", "q", "--expect-report-data", hex],
            ["tpm", "--evidence", "e", "--expect-nonce", hex],
        ] {
            let said = error(&run(&words), 2);
            assert!(said.contains(why) && said.contains("--expect-"), "{said}");
        }
    }
}

#[test]
fn time_of_no_known_form_is_wrong_usage_and_told_what_is() {
    for at in ["yesterday", "2025-06-19", "-1", "2025-06-31T00:00:00Z"] {
        let at = format!("--at={at}");
        let said = error(&run(&["snp", "--report", "r", "--no-binding", &at]), 2);
        assert!(said.contains("RFC 3339"), "{said}");
    }
}

#[test]
fn options_that_need_one_another_are_wrong_usage_alone() {
    for (lonely, missing) in [
        (&["--ear", "f"][..], "--ear-key"),
        (&["--ear-key", "f"], "--ear"),
        (&["--state-new"], "--state"),
        (&["--reference-key", "f"], "--reference"),
    ] {
        let words = [&["snp", "--report", "r", "--no-binding"], lonely].concat();
        let said = error(&run(&words), 2);
        assert!(said.contains(missing), "{said}");
    }
}

#[test]
fn help_of_every_command_tells_the_exit_codes() {
    for words in [
        &["--help"][..],
        &["snp", "--help"],
        &["tdx", "--help"],
        &["tpm", "--help"],
        &["policy", "--help"],
        &["policy", "test", "--help"],
    ] {
        let help = stdout(&run(words), 0);
        assert!(help.contains("3 judged and refused"), "{help}");
    }
}

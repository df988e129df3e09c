//! The command as a person meets it.

use std::path::PathBuf;
use std::process::{Command, Output};

fn cloister(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister"))
        .args(arguments)
        .output()
        .expect("the command was built for this test")
}

/// A folder of our own, empty.
fn own_folder() -> PathBuf {
    let name = format!("cloister-dispatch-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn no_command_is_a_usage_error_that_shows_the_commands() {
    let output = cloister(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("measure"));
}

#[test]
fn unknown_command_is_named() {
    let output = cloister(&["frobnicate"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no command «frobnicate»"));
}

#[test]
fn help_names_the_check_of_a_host() {
    let output = cloister(&["help"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("`cloister host check`"));
}

/// No program lies beside this one, so it is named.
#[test]
fn two_words_are_one_command_and_the_first_alone_another() {
    for (words, program) in [
        (&["host", "self-test"][..], "cloister-self-test"),
        (&["host", "check"], "cloister-host"),
        (&["host"], "cloister-host"),
    ] {
        let folder = own_folder();
        let own = folder.join("cloister");
        std::fs::copy(env!("CARGO_BIN_EXE_cloister"), &own).expect("a copy");
        let output = Command::new(&own).args(words).output().expect("it runs");
        std::fs::remove_dir_all(&folder).expect("it is ours");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(&format!("error: {program} is not installed")),
            "{said}"
        );
    }
}

#[test]
fn help_lists_exit_codes_and_succeeds() {
    let output = cloister(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 judged and refused"));
}

/// As by `| true`.
#[test]
fn help_and_version_that_nobody_reads_are_an_error() {
    for word in ["--help", "--version"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloister"));
        let output = command.arg(word).stdout(writer).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{word}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.starts_with("error: cannot write to standard output"),
            "{said}"
        );
    }
}

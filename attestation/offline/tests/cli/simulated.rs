//! `cloister verify simulated`: another program's, which lies beside this one.

use crate::support::{Folder, error, stdout};
use std::fs::{Permissions, copy, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

/// The program alone in a folder, run there.
fn run_alone(folder: &Folder, arguments: &[&str]) -> Output {
    let program = folder.path("cloister-verify");
    copy(env!("CARGO_BIN_EXE_cloister-verify"), &program).expect("it can be copied");
    let mut command = Command::new(program);
    command.args(arguments).output().expect("the program runs")
}

#[test]
fn other_program_that_is_not_there_is_named() {
    let folder = Folder::empty();
    let said = error(&run_alone(&folder, &["simulated", "--help"]), 1);
    assert!(
        said.contains("cloister-verifier is not installed beside"),
        "{said}"
    );
}

/// Options, the help's and the version's too, are the other program's.
#[test]
fn every_word_is_handed_on_as_it_is() {
    let folder = Folder::empty();
    let other = folder.write(
        "cloister-verifier",
        "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n",
    );
    set_permissions(other, Permissions::from_mode(0o755)).expect("it can be run");
    let words = [
        "simulated",
        "--nonce",
        "a b",
        "-o",
        "json",
        "--help",
        "--",
        "-V",
    ];
    let printed = stdout(&run_alone(&folder, &words), 3);
    assert_eq!(printed.lines().next(), Some("verify"));
    assert_eq!(printed.lines().skip(1).collect::<Vec<_>>(), words);
}

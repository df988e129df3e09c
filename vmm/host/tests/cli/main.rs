//! The command as a person meets it.
//!
//! Only the last tests look at the machine that they run on; the others judge hosts that were made up.

mod here;
mod hosts;

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the command.
fn cloister_host(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-host"))
        .args(arguments)
        .env("COLUMNS", "100")
        .output()
        .expect("the command was built for this test")
}

/// Judges a host that was made up, with more arguments.
fn check(name: &str, more: &[&str]) -> Output {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../host-facts/tests/hosts");
    let path = folder.join(format!("{name}.toml")).display().to_string();
    let mut arguments = vec!["check", "--recording", &path];
    arguments.extend(more);
    cloister_host(&arguments)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

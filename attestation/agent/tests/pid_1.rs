//! The program itself: what it says as pid 1, and what it says elsewhere.

use std::process::{Command, Output};

const AGENT: &str = env!("CARGO_BIN_EXE_cloister-agent");

#[test]
fn agent_not_pid_1_prints_usage_and_exits_2() {
    let output = Command::new(AGENT).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let usage = String::from_utf8(output.stderr).unwrap();
    assert!(usage.contains("runs only as pid 1"), "{usage}");
}

/// Pid 1 of namespaces of its own, where powering off ends the namespace and devtmpfs cannot be
/// mounted: the first step fails, and the last words come nevertheless.
#[test]
fn agent_that_cannot_go_on_says_its_last_words_and_powers_off() {
    let Some(output) = run_as_pid_1() else {
        println!("skipped: no unprivileged user namespaces here");
        return;
    };
    let console = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = console.lines().collect();
    let [refused, last_words @ ..] = lines.as_slice() else {
        panic!("{console}");
    };
    assert!(
        refused.starts_with("cloister-agent: refused-by agent: cannot mount devtmpfs at /dev"),
        "{console}"
    );
    let expected = ["cloister-agent: secret-received no", "cloister-agent: done"];
    assert_eq!(last_words, expected);
}

fn run_as_pid_1() -> Option<Output> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork"]);
        command
    };
    unshare()
        .arg("true")
        .status()
        .ok()
        .filter(|status| status.success())?;
    Some(
        unshare()
            .arg(AGENT)
            .output()
            .expect("unshare ran a moment ago"),
    )
}

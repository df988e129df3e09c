//! `cloister-simulated-tee init`, stopped at any moment.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const KILLS: u32 = 100;

#[test]
fn root_whose_making_was_stopped_is_there_whole_or_not_at_all() {
    let whole_run = {
        let place = tempfile::tempdir().unwrap();
        let started = Instant::now();
        assert!(start(place.path()).wait().unwrap().success());
        assert_eq!(left_in(place.path()), ["root", "5 files"]);
        started.elapsed()
    };
    let mut stopped = 0;
    for number in 0..KILLS {
        let signal = if number % 2 == 0 {
            Signal::INT
        } else {
            Signal::TERM
        };
        let ended_by = stop_after(whole_run * number / KILLS, signal);
        stopped += u32::from(ended_by.is_some());
    }
    assert!(stopped > KILLS / 4, "{stopped}");
}

/// The signal that ended it, if one did.
fn stop_after(delay: Duration, signal: Signal) -> Option<i32> {
    let place = tempfile::tempdir().unwrap();
    let mut init = start(place.path());
    std::thread::sleep(delay);
    kill_process(Pid::from_child(&init), signal).unwrap();
    let status = init.wait().unwrap();
    let left = left_in(place.path());
    let is_whole = left == ["root", "5 files"];
    assert!(
        is_whole || (left.is_empty() && !status.success()),
        "{left:?} {status}"
    );
    status.signal()
}

fn start(place: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cloister-simulated-tee"))
        .args(["init", "--dir"])
        .arg(place.join("root"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Names, and how much is in each.
fn left_in(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).unwrap().map(Result::unwrap);
    entries
        .flat_map(|entry| {
            let files = fs::read_dir(entry.path()).unwrap().count();
            [
                entry.file_name().into_string().unwrap(),
                format!("{files} files"),
            ]
        })
        .collect()
}

/// As by `| true`: the keys are made, and the error says so.
#[test]
fn root_whose_answer_nobody_reads_is_made_and_said_to_be() {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloister-simulated-tee"));
    command.arg("init").arg("--dir").arg(&keys).stdout(writer);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is made") && said.contains("because: cannot write"),
        "{said}"
    );
    assert!(keys.join("ark.pem").is_file());
}

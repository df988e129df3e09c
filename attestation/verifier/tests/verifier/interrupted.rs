//! `init` and `export`, ended in the middle: nothing half-made stays, or the next run removes it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, run, success};

const PATIENCE: Duration = Duration::from_secs(30);

/// A command that waits in the middle of making `target`, with some of it in its draft.
struct Halfway {
    child: Child,
    pause: PathBuf,
    draft: PathBuf,
}

impl Halfway {
    fn start(place: &Place, command: &[&str], target: &str) -> Self {
        Self::start_after(&["env", "--default-signal=HUP"], place, command, target)
    }

    /// `before` starts the program in its own place: the process is the same.
    fn start_after(before: &[&str], place: &Place, command: &[&str], target: &str) -> Self {
        let pause = PathBuf::from(place.path("pause"));
        std::fs::write(&pause, "").unwrap();
        let child = Command::new(before[0])
            .args(&before[1..])
            .arg(env!("CARGO_BIN_EXE_cloister-verifier"))
            .args(command)
            .arg("--fault-pause")
            .arg(&pause)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let draft = PathBuf::from(format!("{target}.making-{}", child.id()));
        let halfway = Self {
            child,
            pause,
            draft,
        };
        let start = Instant::now();
        while count(&halfway.draft.join("made")) == 0 {
            assert!(start.elapsed() < PATIENCE, "it makes no draft");
            std::thread::sleep(Duration::from_millis(2));
        }
        halfway
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let name = format!("-{name}");
        let kill = Command::new("kill").args([&name, &pid]).status();
        assert!(kill.unwrap().success());
    }

    fn end(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Halfway {
    fn drop(&mut self) {
        // After a failure it may still wait for a signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many entries the directory has; none if it is not there.
fn count(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

/// What is in the place beside what [`Place::new`] made.
fn made(place: &Place) -> Vec<String> {
    let own = [
        "data",
        "ark.pem",
        "policy.rego",
        "reference.json",
        "secret",
        "pause",
    ];
    let entries = std::fs::read_dir(place.dir.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !own.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Each command that makes a directory: its arguments, and what it makes.
fn commands(place: &Place) -> [(Vec<String>, String); 2] {
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let (data, two, out) = (place.path("data"), place.path("two"), place.path("bundle"));
    [
        (words(&["init", "--data-dir", &two]), two),
        (words(&["export", "--data-dir", &data, "--out", &out]), out),
    ]
}

fn each(test: impl Fn(&Place, &[&str], &str)) {
    for which in 0..2 {
        let place = Place::new();
        let (command, target) = &commands(&place)[which];
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        test(&place, &command, target);
    }
}

#[test]
fn command_that_is_interrupted_leaves_nothing_and_ends_by_the_signal() {
    for (name, number) in [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)] {
        each(|place, command, target| {
            let halfway = Halfway::start(place, command, target);
            halfway.signal(name);
            let status = halfway.end();
            assert_eq!(status.signal(), Some(number), "{command:?}: {status}");
            assert_eq!(made(place), [""; 0], "{command:?}");
        });
    }
}

/// As under nohup(1).
#[test]
fn command_that_was_told_to_ignore_hangups_goes_on() {
    each(|place, command, target| {
        let ignoring = ["env", "--ignore-signal=HUP"];
        let halfway = Halfway::start_after(&ignoring, place, command, target);
        halfway.signal("HUP");
        std::fs::remove_file(&halfway.pause).unwrap();
        assert!(halfway.end().success());
        assert!(count(Path::new(target)) > 0);
    });
}

/// The message must not deny what is still there.
#[test]
fn draft_that_cannot_be_removed_is_named() {
    each(|place, command, target| {
        let mut halfway = Halfway::start(place, command, target);
        std::fs::write(halfway.draft.join("thesis"), "").unwrap();
        halfway.signal("TERM");
        let mut said = String::new();
        let mut stderr = halfway.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        let stays = format!("warning: {} stays", halfway.draft.display());
        assert!(
            said.contains(&stays) && said.contains("interrupted"),
            "{said}"
        );
        assert_eq!(halfway.end().signal(), Some(15));
    });
}

/// Its answer goes to a pipe that nobody reads any more: `| true`.
#[test]
fn command_whose_answer_nobody_reads_is_done_and_says_so() {
    each(|_, command, target| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_cloister-verifier"))
            .args(command)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: the "), "{said}");
        let because = "  because: cannot write to standard output";
        assert!(said.contains(target) && said.contains(because), "{said}");
        assert!(count(Path::new(target)) > 0);
    });
}

/// A terminal that was closed: what is told there fails, and the signal's end must not.
#[test]
fn command_whose_complaints_nobody_reads_still_ends_by_the_signal() {
    each(|place, command, target| {
        let mut halfway = Halfway::start(place, command, target);
        drop(halfway.child.stderr.take());
        halfway.signal("HUP");
        assert_eq!(halfway.end().signal(), Some(1));
        assert_eq!(made(place), [""; 0], "{command:?}");
    });
}

#[test]
fn draft_of_a_killed_command_is_removed_by_the_next_run_which_says_so() {
    each(|place, command, target| {
        let halfway = Halfway::start(place, command, target);
        let draft = halfway.draft.clone();
        halfway.signal("KILL");
        halfway.end();
        assert!(count(&draft.join("made")) > 0, "kill -9 leaves the draft");

        let next = run(command);

        assert!(next.status.success());
        let said = String::from_utf8(next.stderr).unwrap();
        let expected = format!("removed {}: left by a run that was killed", draft.display());
        assert!(said.contains(&expected), "{said}");
        let target = Path::new(target).file_name().unwrap().to_str().unwrap();
        assert_eq!(made(place), [target]);
    });
}

/// Two at once: the later one neither takes the earlier one's draft for abandoned nor is overwritten.
#[test]
fn draft_of_a_running_command_is_left_alone_and_gives_way_to_the_first_that_is_done() {
    each(|place, command, target| {
        let halfway = Halfway::start(place, command, target);

        let second = run(command);

        assert!(second.status.success());
        assert_eq!(String::from_utf8(second.stderr).unwrap(), "");
        assert!(count(&halfway.draft) > 0);
        let whole = count(Path::new(target));
        std::fs::remove_file(&halfway.pause).unwrap();
        assert_eq!(halfway.end().code(), Some(1));
        assert_eq!(count(Path::new(target)), whole);
        assert_eq!(made(place).len(), 1, "{:?}", made(place));
    });
}

/// A machine that loses its power keeps what it was said to have made, under its name only if whole.
#[test]
fn what_is_made_is_on_the_disk_before_it_has_its_name_and_that_before_it_is_said() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: there is no strace to see it with");
        return;
    }
    each(|place, command, _| {
        let trace = place.path("pause");
        let traced = Command::new("strace")
            .args([
                "-f",
                "-e",
                "trace=syncfs,rename,renameat,renameat2",
                "-o",
                &trace,
            ])
            .arg(env!("CARGO_BIN_EXE_cloister-verifier"))
            .args(command)
            .output()
            .unwrap();
        if !traced.status.success() {
            println!("skipped: strace cannot trace here");
            return;
        }
        let trace = std::fs::read_to_string(trace).unwrap();
        let calls: Vec<&str> = trace
            .lines()
            // What is written anew inside of the draft is no more than the rest of it.
            .filter(|line| !line.contains("/made/"))
            .filter_map(|line| {
                ["syncfs", "rename"]
                    .into_iter()
                    .find(|call| line.contains(call))
            })
            .collect();
        assert_eq!(calls, ["syncfs", "rename", "syncfs"], "{trace}");
    });
}

#[test]
fn test_fault_is_not_in_the_help() {
    for command in ["init", "export"] {
        assert!(!success(&[command, "--help"]).contains("--fault"));
    }
}

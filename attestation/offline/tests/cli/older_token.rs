//! What lies where a token is to be written, and whose the key is.

use crate::support::{Folder, error, program, run_line, stdout, vector};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

const REPORT: &str = "snp --no-binding --at 2026-01-01T00:00:00Z --ear {} --ear-key {} --vek @virtee/vcek_milan.der --report";
const GOOD: &str = "@virtee/report_milan.hex";

fn folder_with_a_key() -> Option<Folder> {
    let folder = Folder::empty();
    folder.key_pair("key", "P-384").map(|()| folder)
}

/// Whoever looks for a token after a run must not find the one of another.
#[test]
fn token_of_an_earlier_run_is_gone_after_a_run_without_a_verdict() {
    let Some(folder) = folder_with_a_key() else {
        return;
    };
    let (token, key) = (folder.named("token"), folder.named("key.pem"));
    let unreadable = folder.write("no-report", "no report");
    for bad in [
        format!("{REPORT} {unreadable}"),
        format!("{REPORT} {GOOD} --policy {unreadable}"),
        format!("{REPORT} {GOOD} --state {unreadable}"),
        format!("{REPORT} {GOOD} --reference {unreadable}"),
    ] {
        let Some(good) = run_line(&format!("{REPORT} {GOOD}"), &[&token, &key]) else {
            return;
        };
        stdout(&good, 0);
        assert!(folder.path("token").exists());
        error(&run_line(&bad, &[&token, &key]).expect("vectors"), 1);
        assert!(!folder.path("token").exists(), "{bad}");
    }
    // The same of a key that cannot be used.
    stdout(
        &run_line(&format!("{REPORT} {GOOD}"), &[&token, &key]).expect("vectors"),
        0,
    );
    let bad = run_line(&format!("{REPORT} {GOOD}"), &[&token, &unreadable]);
    error(&bad.expect("vectors"), 1);
    assert!(!folder.path("token").exists());
}

#[test]
fn token_of_an_earlier_run_is_replaced_by_that_of_a_refusal() {
    let Some(folder) = folder_with_a_key() else {
        return;
    };
    let (token, key) = (folder.named("token"), folder.named("key.pem"));
    let Some(good) = run_line(&format!("{REPORT} {GOOD}"), &[&token, &key]) else {
        return;
    };
    stdout(&good, 0);
    let older = std::fs::read(&token).expect("it was written");
    let refused = format!("{REPORT} {GOOD} --policy badram");
    stdout(&run_line(&refused, &[&token, &key]).expect("vectors"), 3);
    assert_ne!(std::fs::read(&token).expect("it was written"), older);
    // A file that `mktemp` made is in nobody's way.
    let empty = folder.write("empty", "");
    let again = run_line(&format!("{REPORT} {GOOD}"), &[&empty, &key]);
    stdout(&again.expect("vectors"), 0);
    assert_eq!(std::fs::read(&empty).expect("it was written"), older);
}

/// Nothing but a token is ever taken away: not a key, not evidence, not what a link leads to.
#[test]
fn file_that_is_no_token_is_kept_and_told() {
    let Some(folder) = folder_with_a_key() else {
        return;
    };
    let key = folder.named("key.pem");
    let link = folder.named("link");
    let target = folder.write("target", "eyJ.eyJ.AAA");
    symlink(&target, &link).expect("a link");
    std::fs::create_dir(folder.path("folder")).expect("a folder");
    let others = [
        folder.named("key.pub"),
        folder.write("text", "some text. with two dots."),
        folder.write("two-parts", "eyJ.eyJ"),
        folder.write("empty-part", "eyJ..AAA"),
        folder.write("long", format!("e.e.{}", "A".repeat(64 * 1024))),
        folder.named("folder"),
        link,
    ];
    let before = folder.names();
    for other in others {
        let contents = std::fs::read(&other).ok();
        let Some(output) = run_line(&format!("{REPORT} {GOOD}"), &[&other, &key]) else {
            return;
        };
        let said = error(&output, 1);
        assert!(
            said.contains("--ear") && said.contains("no token"),
            "{said}"
        );
        assert_eq!(std::fs::read(&other).ok(), contents, "{other}");
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn key_that_others_can_open_signs_nothing() {
    let Some(folder) = folder_with_a_key() else {
        return;
    };
    let (token, key) = (folder.named("token"), folder.named("key.pem"));
    for (mode, is_private) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o620, false),
        (0o602, false),
        (0o644, false),
    ] {
        let permissions = PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&key, permissions).expect("it is ours");
        let Some(output) = run_line(&format!("{REPORT} {GOOD}"), &[&token, &key]) else {
            return;
        };
        match is_private {
            true => drop(stdout(&output, 0)),
            false => {
                let said = error(&output, 1);
                assert!(
                    said.contains("--ear-key") && said.contains("chmod 600"),
                    "{said}"
                );
            }
        }
        assert_eq!(folder.path("token").exists(), is_private, "{mode:o}");
    }
}

/// A user to whom nothing belongs.
const OTHER_USER: u32 = 54_321;

/// While it has a key, the program writes no core file and is not to be looked into by its own user.
#[test]
fn memory_with_a_key_in_it_is_neither_dumped_nor_open_to_the_same_user() {
    let (Some(folder), Some(report)) = (folder_with_a_key(), vector(GOOD)) else {
        return;
    };
    let (copy, state) = (
        folder.named("program"),
        folder.write("seen.json", "{\"version\": 1, \"seen\": []}\n"),
    );
    std::fs::copy(env!("CARGO_BIN_EXE_cloister-verify"), &copy).expect("a copy");
    // Whoever holds the state has the run wait, its key in memory.
    let held = std::fs::File::open(&state).expect("it is there");
    held.lock().expect("nobody else has it");
    let mut command = std::process::Command::new(copy);
    let key = folder.named("key.pem");
    command.args([
        "snp",
        "--no-binding",
        "--report",
        &report,
        "--state",
        &state,
    ]);
    command.args(["--ear", &folder.named("token"), "--ear-key", &key]);
    // Root may look into every process: the test has to be somebody else to see it.
    if std::fs::metadata("/proc/self").expect("there is one").uid() == 0 {
        let all = [folder.path("."), key.into(), state.into()];
        for path in all {
            chown(&path, Some(OTHER_USER), Some(OTHER_USER)).expect("root may");
        }
        command.uid(OTHER_USER).gid(OTHER_USER);
    }
    let mut child = command.spawn().expect("it runs");
    let process = format!("/proc/{}", child.id());
    let is_private = || {
        let limits = std::fs::read_to_string(format!("{process}/limits")).unwrap_or_default();
        let core = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max core file size"));
        let no_core = core.is_some_and(|core| core.split_whitespace().take(2).eq(["0", "0"]));
        // What may be dumped belongs to the process's user (proc(5)); everything else to root.
        let memory = std::fs::metadata(format!("{process}/mem"));
        no_core && memory.is_ok_and(|memory| memory.uid() == 0)
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !is_private() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let found = is_private();
    child.kill().expect("it waits");
    child.wait().expect("it ends");
    assert!(found);
    assert!(
        program()
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    );
}

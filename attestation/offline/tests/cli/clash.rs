//! Files that are written: never one that the same command line names for something else.

use crate::support::{Folder, document, error, program, run_line, stdout};
use std::fs;
use std::os::unix::fs::symlink;

const GOOD: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z";

/// A folder with a key for tokens in it, and a state that was begun.
fn prepared() -> Option<Folder> {
    let folder = Folder::empty();
    folder.key_pair("key", "P-384")?;
    let begin = format!("{GOOD} --state {{}} --state-new -o json");
    let begun = run_line(&begin, &[&folder.named("seen.json")])?;
    document(&begun, 0);
    Some(folder)
}

/// Each file with its contents.
fn contents(folder: &Folder) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = fs::read(folder.path(&name)).expect("it can be read");
        (name, bytes)
    };
    folder.names().into_iter().map(read).collect()
}

#[test]
fn token_and_state_in_one_file_are_wrong_usage_by_any_path() {
    let Some(folder) = prepared() else { return };
    let state = folder.path("seen.json");
    symlink(&state, folder.path("link")).expect("a link");
    fs::hard_link(&state, folder.path("other")).expect("a link");
    let before = contents(&folder);
    for name in ["seen.json", "./seen.json", "link", "other"] {
        let line = format!("{GOOD} --state {{}} --ear {{}} --ear-key {{}}");
        let (state, ear) = (folder.named("seen.json"), folder.named(name));
        let Some(output) = run_line(&line, &[&state, &ear, &folder.named("key.pem")]) else {
            return;
        };
        let said = error(&output, 2);
        assert!(said.contains("--state") && said.contains("--ear"), "{said}");
        assert_eq!(contents(&folder), before, "{name}");
    }
}

/// Neither is there yet: the token would be put over the state.
#[test]
fn token_and_new_state_in_one_file_are_wrong_usage() {
    let Some(folder) = prepared() else { return };
    let before = folder.names();
    symlink(folder.path(""), folder.path("here")).expect("a link");
    for (one, other) in [("new", "new"), ("new", "./new"), ("here/new", "new")] {
        let line = format!("{GOOD} --state {{}} --state-new --ear {{}} --ear-key {{}}");
        let (state, ear) = (folder.named(one), folder.named(other));
        let Some(output) = run_line(&line, &[&state, &ear, &folder.named("key.pem")]) else {
            return;
        };
        error(&output, 2);
        fs::remove_file(folder.path("here")).expect("the link");
        assert_eq!(folder.names(), before, "{one} {other}");
        symlink(folder.path(""), folder.path("here")).expect("a link");
    }
}

/// A link to what is not there yet is where it leads; one that leads to itself leads nowhere.
#[test]
fn token_through_a_link_to_the_new_state_is_wrong_usage() {
    let Some(folder) = prepared() else { return };
    symlink("new", folder.path("link")).expect("a link");
    symlink("round", folder.path("round")).expect("a link");
    let before = folder.names();
    for (state, ear, code) in [("new", "link", 2), ("link", "new", 2), ("round", "new", 1)] {
        let line = format!("{GOOD} --state {{}} --state-new --ear {{}} --ear-key {{}}");
        let (state, ear) = (folder.named(state), folder.named(ear));
        let Some(output) = run_line(&line, &[&state, &ear, &folder.named("key.pem")]) else {
            return;
        };
        error(&output, code);
        assert_eq!(folder.names(), before, "{state} {ear}");
    }
}

/// Without a folder the path is of the one that the program runs in.
#[test]
fn bare_name_is_the_file_of_the_present_folder() {
    let Some(folder) = prepared() else { return };
    let words = format!("{GOOD} --state new --state-new --ear ./new --ear-key key.pem");
    let words = words.split_whitespace().map(|word| word.replace('@', ""));
    let output = program().args(words).current_dir(folder.path("")).output();
    error(&output.expect("it runs"), 2);
}

#[test]
fn token_over_a_file_that_is_read_is_wrong_usage() {
    let Some(folder) = prepared() else { return };
    // What looks like an older token, and would be taken away.
    let input = folder.write("input", "a.b.c");
    let key = folder.named("key.pem");
    let report = "snp --no-binding --vek @virtee/vcek_milan.der";
    for line in [
        format!("{report} --report {{}} --ear {{}} --ear-key {{}}"),
        format!("{GOOD} --policy {{}} --ear {{}} --ear-key {{}}"),
        format!("{GOOD} --crl {{}} --ear {{}} --ear-key {{}}"),
        format!("{GOOD} --reference {{}} --ear {{}} --ear-key {{}}"),
    ] {
        let Some(output) = run_line(&line, &[&input, &input, &key]) else {
            return;
        };
        assert!(error(&output, 2).contains("--ear"), "{line}");
        assert_eq!(fs::read(&input).expect("it is there"), b"a.b.c");
    }
    let line = format!("{GOOD} --ear {{}} --ear-key {{}}");
    error(&run_line(&line, &[&key, &key]).expect("vectors"), 2);
}

#[test]
fn token_and_state_in_files_of_their_own_are_both_written() {
    let Some(folder) = prepared() else { return };
    let line = format!("{GOOD} --state {{}} --ear {{}} --ear-key {{}}");
    let [state, ear, key] = ["seen.json", "ear.jwt", "key.pem"].map(|name| folder.named(name));
    let Some(output) = run_line(&line, &[&state, &ear, &key]) else {
        return;
    };
    stdout(&output, 0);
    assert_eq!(
        folder.names(),
        ["ear.jwt", "key.pem", "key.pub", "seen.json"]
    );
}

//! Hosts that were made up from documentation.

use std::path::PathBuf;

use super::{check, cloister_host, document, stderr, stdout};

/// What was asked for decides, and without that the best there is.
#[test]
fn exit_code_is_about_what_was_asked_for() {
    let table = [
        ("milan-snp", "", 0),
        ("milan-snp", "snp", 0),
        ("milan-snp", "tdx", 3),
        ("milan-smee-off", "", 0),
        ("milan-smee-off", "snp", 3),
        ("milan-smee-off", "simulated", 0),
        ("emerald-rapids-tdx", "tdx", 0),
        ("guest-without-nesting", "", 3),
        ("container-without-kvm", "", 3),
        ("milan-without-root", "", 1),
        ("milan-without-root", "snp", 1),
        ("milan-without-root", "tdx", 3),
    ];
    for (host, tee, code) in table {
        let asked = if tee.is_empty() {
            vec![]
        } else {
            vec!["--for", tee]
        };
        let output = check(host, &asked);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{host} {tee}\n{}",
            stdout(&output)
        );
    }
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["check", "--for", "sgx"][..], &["chek"], &[]] {
        assert_eq!(
            cloister_host(arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn first_lines_say_what_can_be_run_and_what_cannot() {
    let text = stdout(&check("milan-smee-off", &[]));
    assert!(
        text.starts_with("This host can run:  simulated.\nIt cannot run snp:  1 thing to change."),
        "{text}"
    );
    assert!(
        text.contains("To run snp, change:\n  1.  BIOS: enable SMEE"),
        "{text}"
    );
    assert!(text.contains("protects nothing"), "{text}");
}

/// Nothing of what it says can be mistaken for a host that was looked at.
#[test]
fn page_says_where_the_answers_come_from() {
    let text = stdout(&check("milan-snp", &[]));
    assert!(text.contains("(made up from documentation)"), "{text}");
}

#[test]
fn unknown_is_a_state_of_its_own_on_the_page() {
    let text = stdout(&check("milan-without-root", &["--for", "snp"]));
    assert!(text.starts_with("It may run snp:"), "{text}");
    assert!(text.contains("\nunknown  snp"), "{text}");
    assert!(
        text.contains("Not looked at, which is not the same as absent:"),
        "{text}"
    );
    let kvm = text
        .lines()
        .find(|line| line.contains("kvm-device"))
        .unwrap();
    assert!(kvm.starts_with("unknown"), "{kvm}");
}

#[test]
fn rows_of_a_tee_that_can_never_be_had_are_left_out_unless_asked_for() {
    let short = stdout(&check("milan-snp", &[]));
    assert!(
        short.contains("tdx-processor") && !short.contains("vm-type-tdx"),
        "{short}"
    );
    let long = stdout(&check("milan-snp", &["--all"]));
    assert!(long.contains("vm-type-tdx"), "{long}");
}

#[test]
fn document_has_version_verdicts_changes_and_every_finding() {
    let output = check("genoa-iommu-passthrough", &["--for", "snp", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let document = document(&output);
    assert_eq!(document["version"], 1);
    assert_eq!(document["asked"], "snp");
    assert_eq!(document["exit_code"], 3);
    assert_eq!(document["can_run"], serde_json::json!(["simulated"]));
    let snp = &document["tees"][1];
    assert_eq!(
        (&snp["tee"], &snp["verdict"]),
        (&"snp".into(), &"cannot".into())
    );
    assert!(
        snp["changes"][0]["remedy"]
            .as_str()
            .unwrap()
            .contains("iommu=pt")
    );
    let findings = document["findings"].as_array().unwrap();
    let states: Vec<&str> = findings
        .iter()
        .filter_map(|f| f["state"].as_str())
        .collect();
    assert_eq!(states.len(), findings.len());
    assert!(states.contains(&"has") && states.contains(&"lacks"));
    let smee = findings.iter().find(|f| f["item"] == "bios-smee").unwrap();
    assert_eq!(smee["needed_for"], serde_json::json!(["snp"]));
}

#[test]
fn recording_that_is_none_could_not_be_looked_at() {
    let output = check("no-such-host", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("error: --recording"),
        "{}",
        stderr(&output)
    );
    let output = cloister_host(&["check", "--recording", "/proc/self/cmdline"]);
    assert_eq!(output.status.code(), Some(1));
}

/// A recording without answers may not end as «cannot», nor as a page full of unknowns: nobody looked.
#[test]
fn nothing_read_could_not_be_looked_at() {
    let name = format!("cloister-host-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "version = 1\norigin = 'nothing'\n").unwrap();
    let text = path.display().to_string();
    let output = cloister_host(&["check", "--recording", &text]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("nothing could be read of this host"),
        "{said}"
    );
    assert_eq!(stdout(&output), "");
}

/// The host that the page shows was made up, so every line of it can be had again.
#[test]
fn page_of_the_documentation_is_what_the_command_says() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/host-check.md")).unwrap();
    let (_, after) = page.split_once("## On a host that was made up").unwrap();
    let block = after
        .split("```")
        .nth(1)
        .and_then(|block| block.split_once('\n'));
    let (_, shown) = block.unwrap();
    assert!(shown.lines().count() > 10, "{shown}");
    let said = stdout(&check("milan-smee-off", &["--for", "snp"]));
    assert!(said.starts_with(shown), "{said}");
}

//! `event-log` as people and scripts use it.

use crate::logs::{
    self, Banks, GO, IPL, Made, NO_ACTION, SEPARATOR, TPM2, TRUSTEE, ZEROS, all_logs, hash,
    log_bytes, vectors, yaml_registers,
};
use crate::support::{Folder, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const PEER: &str = "/usr/bin/tpm2_eventlog";

/// Runs it on one file and returns the exit code and what it printed.
fn on(bytes: &[u8], arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::empty();
    let file = folder.write("log", bytes);
    let output = run("event-log", &[&[file.as_str()], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn document(bytes: &[u8], arguments: &[&str]) -> (Option<i32>, Value, String) {
    let (code, stdout, stderr) = on(bytes, &[&["-o", "json"], arguments].concat());
    let document =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    (code, document, stderr)
}

#[test]
fn json_has_the_registers_of_every_bank_and_every_event() {
    let mut made = Made::agile();
    let at = made.event(7, SEPARATOR, &ZEROS);
    let (code, document, stderr) = document(&made.bytes, &[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(document["format"], "crypto-agile");
    assert_eq!(document["registers"], "pcr");
    let value = |algorithm, size| {
        let extended = [vec![0; size], hash(algorithm, &ZEROS)].concat();
        hex::encode(hash(algorithm, &extended))
    };
    let (sha1, sha256) = (value(0x04, 20), value(0x0B, 32));
    assert_eq!(
        document["pcrs"],
        json!({"sha1": {"7": sha1}, "sha256": {"7": sha256}})
    );
    let event = &document["events"][1];
    assert_eq!(event["offset"], at);
    assert_eq!(event["register"], "pcr7");
    assert_eq!(event["type_name"], "EV_SEPARATOR");
    assert_eq!(event["digests"]["sha256"], hex::encode(hash(0x0B, &ZEROS)));
    assert_eq!(
        (&event["covered"], &event["not_covered"]),
        (&json!("all"), &Value::Null)
    );
    assert_eq!(document["events"][0]["covered"], "not-extended");
    let uncovered = document["uncovered"].as_array().expect("a list");
    assert!(uncovered.contains(&json!("type")));
    assert!(uncovered.contains(&json!("order-between-registers")));
    assert_eq!(document["findings"], json!([]));
}

#[test]
fn json_of_a_td_has_all_four_rtmrs() {
    let mut made = Made::cc();
    made.event(2, SEPARATOR, &ZEROS);
    made.bytes.extend([0xFF; 100]);
    let (code, document, _) = document(&made.bytes, &[]);
    let zero = hex::encode([0; 48]);
    let extended = hash(0x0C, &[vec![0; 48], hash(0x0C, &ZEROS)].concat());
    let rtmrs = json!({"0": zero, "1": hex::encode(extended), "2": zero, "3": zero});
    assert_eq!((code, &document["rtmrs"]), (Some(0), &rtmrs));
    assert_eq!(document["padding"]["bytes"], 100);
    assert_eq!(document.get("pcrs"), None);
}

#[test]
fn registers_can_be_named_as_those_of_the_other_kind() {
    let mut made = Made::cc();
    made.event(1, SEPARATOR, &ZEROS);
    let (code, document, _) = document(&made.bytes, &["--registers", "pcr"]);
    assert_eq!((code, &document["registers"]), (Some(0), &json!("pcr")));
    assert_eq!(document["events"][1]["register"], "pcr1");
}

/// Judged and refused: the replay is printed all the same, and what was found with its place.
#[test]
fn second_separator_ends_in_exit_3_with_the_replay_printed() {
    let mut made = Made::agile();
    made.event(7, SEPARATOR, &ZEROS);
    let at = made.event(7, SEPARATOR, &ZEROS);
    let (code, document, stderr) = document(&made.bytes, &[]);
    assert_eq!(code, Some(3));
    let line = format!("refused: offset {at:#x}: event 2 (PCR 7): a second separator");
    assert!(stderr.starts_with(&line), "{stderr}");
    assert_eq!(stderr.lines().count(), 1);
    assert!(document["pcrs"]["sha256"]["7"].is_string());
    let finding = &document["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["offset"]),
        (&json!("separator-twice"), &json!(at))
    );
    let (code, page, _) = on(&made.bytes, &[]);
    assert_eq!(code, Some(3));
    assert!(page.contains("PCR 7"), "{page}");
}

#[test]
fn separator_of_an_unknown_value_ends_in_exit_3_at_its_data() {
    let mut made = Made::agile();
    let at = made.event(12, SEPARATOR, b"WBCL") + 12 + 2 + 20 + 2 + 32 + 4;
    assert_eq!(document(&made.bytes, &[]).0, Some(0));
    made.bytes[at] = b'X';
    let (code, document, stderr) = document(&made.bytes, &[]);
    assert_eq!(
        (code, &document["findings"][0]["offset"]),
        (Some(3), &json!(at))
    );
    assert!(
        stderr.contains(&format!("refused: offset {at:#x}: ")),
        "{stderr}"
    );
}

#[test]
fn malformed_log_ends_in_exit_1_with_nothing_on_stdout() {
    let mut made = Made::agile();
    let at = made.event(7, SEPARATOR, &ZEROS);
    made.bytes.pop();
    for arguments in [&["-o", "json"][..], &[]] {
        let (code, stdout, stderr) = on(&made.bytes, arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        let size_at = at + 12 + 2 + 20 + 2 + 32;
        assert!(
            stderr.contains(&format!("offset {size_at:#x}: an event says")),
            "{stderr}"
        );
    }
    assert_eq!(run("event-log", &["/nowhere/log"]).status.code(), Some(1));
    assert_eq!(run("event-log", &[]).status.code(), Some(2));
}

/// Text of a log is a stranger's: it neither drives the terminal nor turns its words around.
#[test]
fn text_of_a_log_cannot_drive_a_terminal() {
    let mut made = Made::agile();
    made.event(8, IPL, "grub_cmd: \u{202e}evil\u{9b}2J".as_bytes());
    made.event(8, IPL, b"\x1b[2J\x1b]0;title\x07");
    made.event(
        8,
        IPL,
        &"\u{1b}[2J"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>(),
    );
    for arguments in [&["-o", "json"][..], &[]] {
        let (code, stdout, _) = on(&made.bytes, arguments);
        assert_eq!(code, Some(0));
        let drives = |character: char| {
            (character.is_control() && character != '\n') || character == '\u{202e}'
        };
        assert!(!stdout.contains(drives), "{stdout:?}");
    }
}

#[test]
fn page_shows_every_event_what_is_covered_and_the_registers() {
    let mut made = Made::agile();
    made.measured(8, IPL, b"linux /vmlinuz", b"grub_cmd: linux /vmlinuz\0");
    made.event(0, NO_ACTION, b"StartupLocality\0\x03");
    let (code, page, _) = on(&made.bytes, &[]);
    assert_eq!(code, Some(0));
    for part in [
        "TPM event log, crypto-agile (sha1, sha256), 3 events, startup locality 3",
        "EV_IPL        after-prefix  \"grub_cmd: linux /vmlinuz\"",
        "EV_NO_ACTION  not-extended  startup locality 3",
        "No digest covers:",
        "the type of every event",
    ] {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}

#[test]
fn ccel_table_in_place_of_a_log_is_named_and_one_that_is_too_small_refused() {
    let Some(vectors) = vectors() else { return };
    let table = log_bytes(&vectors, "go-tdx-guest/testdata/ccel/ccel_table.dat");
    let (code, document, _) = document(&table, &[]);
    assert_eq!((code, &document["events"]), (Some(0), &json!([])));
    assert_eq!(document["ccel_table"]["kind"], "tdx");
    assert_eq!(document["ccel_table"]["area_bytes"], 262_144);
    let (_, page, _) = on(&table, &[]);
    assert!(page.contains("the log is another file"), "{page}");

    let folder = Folder::empty();
    let table = folder.write("table", &table);
    let log = log_bytes(&vectors, logs::COS);
    let with_table = ["--ccel-table", &table];
    assert_eq!(on(&log, &with_table).0, Some(0));
    let longer = [log.clone(), vec![0xFF]].concat();
    let (code, stdout, stderr) = on(&longer, &with_table);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains("offset 0x40000: the log has 262145 bytes"),
        "{stderr}"
    );
    let no_table = folder.write("no table", b"CCEX");
    assert_eq!(on(&log, &["--ccel-table", &no_table]).0, Some(1));
}

/// Six logs have duplicate separators, of two others that are no logs.
#[test]
fn exit_codes_over_all_published_files() {
    let Some(vectors) = vectors() else { return };
    let refused = [
        "cos-113-intel-tdx-dupe-separator.bin",
        "cos-113-intel-tdx-dupe-separator-unpadded.bin",
        "CCEL_unpadded.data.bin",
        "event_log.bin",
        "CCEL_data_grub",
        "CCEL_data_ovmf",
    ];
    for name in all_logs() {
        let file = Path::new(&name).file_name().and_then(|file| file.to_str());
        let expected = if refused.contains(&file.expect("text")) {
            3
        } else {
            0
        };
        let (code, document, _) = document(&log_bytes(&vectors, &name), &[]);
        assert_eq!(code, Some(expected), "{name}");
        assert!(
            !document["events"].as_array().expect("a list").is_empty(),
            "{name}"
        );
    }
    for name in [
        "ek-template-default.bin",
        "get-capability-tpm-prop-fixed.bin",
    ] {
        let bytes = log_bytes(&vectors, &format!("{TPM2}/{name}"));
        let (code, stdout, _) = on(&bytes, &["-o", "json"]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{name}");
    }
}

#[test]
fn rtmrs_of_a_published_td_are_printed() {
    let Some(vectors) = vectors() else { return };
    let bytes = log_bytes(&vectors, &format!("{TRUSTEE}/CCEL_data_gcp"));
    let (_, document, _) = document(&bytes, &[]);
    assert_eq!(
        document["rtmrs"]["0"],
        "3300980705adf09d28b707b79699d9874892164280832be2c386a715b6e204e0897fb564a064f810659207ba862b304f"
    );
}

/// What tpm2-tools 5.4 takes: no log whose spec ID event has index 1, as every CC log of EDK II has, and
/// not these two.
fn peer_takes(name: &str) -> bool {
    let tpm = name.starts_with(TPM2)
        || name.starts_with(&format!("{GO}/eventlogs/tpm/"))
        || name.starts_with(&format!("{GO}/legacydata/"));
    let crashes = ["option_rom_eventlog", "short_no_action_eventlog"];
    tpm && !crashes.iter().any(|file| name.ends_with(file))
}

#[test]
fn registers_equal_those_of_tpm2_eventlog() {
    let Some(vectors) = vectors() else { return };
    if !Path::new(PEER).exists() {
        println!("skipped: {PEER} is not installed (Debian: tpm2-tools)");
        return;
    }
    let folder = Folder::empty();
    let mut compared = 0;
    for name in all_logs().into_iter().filter(|name| peer_takes(name)) {
        let bytes = log_bytes(&vectors, &name);
        let file = folder.write("log", &bytes);
        let theirs = Command::new(PEER).arg(&file).output().expect("it runs");
        assert!(theirs.status.success(), "{name}");
        let (_, document, _) = document(&bytes, &[]);
        let mut ours: Banks = serde_json::from_value(document["pcrs"].clone()).expect("banks");
        ours.retain(|_, bank| !bank.is_empty());
        let theirs = yaml_registers(&String::from_utf8_lossy(&theirs.stdout));
        assert_eq!(ours, theirs, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 24);
}

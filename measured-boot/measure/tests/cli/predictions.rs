//! `diff` and `explain` of what `plan`, `snp` and `tdx` printed.

use serde_json::Value;

use crate::support::{self, Folder, POLICY, document, program, report, says, vector};
use std::process::Output;
use std::time::{Duration, Instant};

fn run(arguments: &[&str]) -> Output {
    program()
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Keeps what a command prints with `-o json`.
fn predicted(folder: &Folder, name: &str, arguments: &[&str]) -> String {
    let output = run(&[arguments, &["-o", "json"]].concat());
    folder.write(name, support::stdout(&output, 0).as_bytes())
}

fn json(arguments: &[&str], code: i32) -> Value {
    document(&run(&[arguments, &["-o", "json"]].concat()), code)
}

#[test]
fn inputs_and_components_that_differ_are_named() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let folder = Folder::empty();
    let launch = ["snp", "--ovmf", &ovmf, "--vcpu-type", "EPYC-Milan"];
    let one = predicted(&folder, "one", &[&launch[..], &["--vcpus", "2"]].concat());
    let other = ["--vcpus", "4", "--guest-features", "0x21"];
    let other = predicted(&folder, "other", &[&launch[..], &other].concat());
    let document = json(&["diff", &one, &other], 0);
    assert_eq!(document["equal"], false);
    let says = says(&document);
    assert!(
        says.contains(&"the number of vCPUs is 2 in A, 4 in B"),
        "{says:?}"
    );
    assert!(
        says.contains(&"SEV_FEATURES is 0x1 in A, 0x21 in B"),
        "{says:?}"
    );
    assert!(
        says.iter()
            .any(|says| says.starts_with("vcpu1 at 0xfffffffff000: ")),
        "{says:?}"
    );
    assert!(!says.iter().any(|says| says.contains("vcpu2")), "{says:?}");
    assert_eq!(json(&["diff", &one, &one], 0)["equal"], true);
}

#[test]
fn another_kernel_is_named_by_the_hash_table() {
    let Some(ovmf) = vector("sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin") else {
        return;
    };
    let folder = Folder::empty();
    let (kernel, other) = (folder.write("k", b"kernel"), folder.write("l", b"another"));
    let predicted = |name, kernel: &str| {
        let launch = [
            "snp",
            "--ovmf",
            &ovmf,
            "--vcpus",
            "1",
            "--vcpu-type",
            "EPYC-v4",
        ];
        predicted(
            &folder,
            name,
            &[&launch[..], &["--kernel", kernel]].concat(),
        )
    };
    let (one, other) = (predicted("one", &kernel), predicted("other", &other));
    let document = json(&["diff", &one, &other], 0);
    let rows = says(&document);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[1].starts_with("SNP_KERNEL_HASHES at 0x810000: "),
        "{rows:?}"
    );
    let advice = document["differences"][1]["advice"].as_str().expect("text");
    assert!(
        advice.contains("another kernel, initrd or command line"),
        "{advice}"
    );
}

#[test]
fn a_report_is_held_to_a_prediction() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let folder = Folder::empty();
    let launch = [
        "snp",
        "--ovmf",
        &ovmf,
        "--vcpu-type",
        "EPYC-Milan",
        "--vcpus",
    ];
    let predicted = |name, vcpus| predicted(&folder, name, &[&launch[..], &[vcpus]].concat());
    let (one, other) = (predicted("one", "2"), predicted("other", "3"));
    let text = std::fs::read_to_string(&one).expect("text");
    let digest = &serde_json::from_str::<Value>(&text).expect("JSON")["launch_digest"];
    let report = folder.write("report", &report(digest.as_str().expect("text"), POLICY));
    assert_eq!(
        json(&["explain", &report, "--against", &one], 0)["matches"],
        true
    );
    let document = json(&["explain", &report, "--against", &other], 3);
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("no other launch can be tried: give the vm.toml"),
        "{notes}"
    );
    assert_eq!(json(&["diff", &one, &report], 0)["equal"], true);
    let differing = json(&["diff", &other, &report], 0);
    assert!(says(&differing)[0].starts_with("the launch digest is "));
}

#[test]
fn the_event_that_was_not_predicted_is_named() {
    let Some(ovmf) = vector("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let Some(log) = vector("go-tdx-guest/testdata/ccel/ccel_data.dat") else {
        return;
    };
    let Some(quote) = vector("go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat") else {
        return;
    };
    let folder = Folder::empty();
    let tdx = ["tdx", "--firmware", &ovmf, "--memory", "2G"];
    let predicted = predicted(&folder, "td", &tdx);
    let document = json(&["diff", &predicted, &log], 0);
    let rows = says(&document);
    assert!(
        rows[0].starts_with("RTMR0, event 0: TD HOB is "),
        "{rows:?}"
    );
    // RTMR1 was not predicted: nothing differs from that.
    assert!(
        !rows.iter().any(|says| says.starts_with("RTMR1")),
        "{rows:?}"
    );

    let document = json(&["explain", &quote, "--against", &predicted], 3);
    let findings = document["findings"].as_array().expect("a list");
    let found: Vec<_> = findings
        .iter()
        .map(|one| (one["register"].as_str(), one["as_planned"].as_bool()))
        .collect();
    assert_eq!(
        found,
        [(Some("MRTD"), Some(false)), (Some("RTMR3"), Some(true))]
    );
}

/// What `event-log` says of a log, as `tdx` would have said it: the quote is as planned, until one event is not.
#[test]
fn a_quote_is_explained_by_the_event_that_differs() {
    let Some(log) = vector("go-tdx-guest/testdata/ccel/ccel_data.dat") else {
        return;
    };
    let Some(quote) = vector("go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat") else {
        return;
    };
    let folder = Folder::empty();
    let read = json(&["event-log", &log], 0);
    let events = read["events"].as_array().expect("a list").iter();
    let measured = events.filter(|event| event["type_name"] != "EV_NO_ACTION");
    let mut events: Vec<Value> = measured
        .map(|event| {
            serde_json::json!({
                "register": event["register"],
                "name": event["says"],
                "digest": event["digests"]["sha384"],
            })
        })
        .collect();
    let write = |name, rtmr0: &Value, events: &[Value]| {
        let document = serde_json::json!({
            "tee": "tdx",
            "launch_digest": "dae67181d3d65e073ad8f95b7907d5e927bfe9761c9ff3e9b89734a45d8954dba41394c7717cb2735396c1d04231f94a",
            "rtmr0": rtmr0,
            "events": events,
        });
        folder.write(name, document.to_string().as_bytes())
    };
    let explain = ["explain", &quote, "--event-log", &log, "--against"];
    let same = write("same", &read["rtmrs"]["0"], &events);
    let document = json(&[&explain[..], &[&same]].concat(), 0);
    assert_eq!(document["matches"], true);

    events[4]["digest"] = Value::from("ab".repeat(48));
    let other = write("other", &Value::from("cd".repeat(48)), &events);
    let document = json(&[&explain[..], &[&other]].concat(), 3);
    let says = document["findings"][1]["says"].as_str().expect("text");
    assert!(says.starts_with("RTMR0, event 4: KEK"), "{says}");
    assert!(says.contains("abababababababab… in the plan"), "{says}");
    assert!(!says.contains(';'), "one event: {says}");
}

#[test]
fn what_is_no_prediction_is_told_so() {
    let folder = Folder::empty();
    for (text, wanted) in [
        (
            r#"{"launch_digest":"00"}"#,
            "\"00\" is no digest of 48 bytes",
        ),
        (
            r#"{"launch_digest":null, "tee":"snp"}"#,
            "without a `launch_digest`",
        ),
        (r#"{"tee":"snp"}"#, "without a `launch_digest`"),
        (r#"{"launch_digest":"#, "EOF while parsing"),
    ] {
        let file = folder.write("file", text.as_bytes());
        let output = run(&["diff", &file, &file, "-o", "json"]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(output.stdout.is_empty(), "{text}");
        let error = String::from_utf8(output.stderr).expect("text");
        assert!(error.contains(wanted), "{text}: {error}");
    }
    let text = format!(r#"{{"launch_digest":"{}"}}"#, "00".repeat(48));
    let file = folder.write("file", text.as_bytes());
    let output = run(&["diff", &file, &file]);
    let error = String::from_utf8(output.stderr).expect("text");
    assert!(error.contains("it has no `tee`"), "{error}");
}

#[test]
fn hostile_predictions_take_no_more_than_their_size() {
    let folder = Folder::empty();
    let part = |number| format!(r#"{{"name":"n{number}","gpa":"0x0","pages":1,"sha384":null}}"#);
    let text = |parts: Vec<String>| {
        let digest = "00".repeat(48);
        let parts = parts.join(",");
        format!(r#"{{"tee":"snp","launch_digest":"{digest}","components":[{parts}]}}"#)
    };
    let forth = folder.write("forth", text((0..200_000).map(part).collect()).as_bytes());
    let back = folder.write(
        "back",
        text((0..200_000).rev().map(part).collect()).as_bytes(),
    );
    let begun = Instant::now();
    assert_eq!(json(&["diff", &forth, &back], 0)["equal"], true);
    // Each compared with each takes a minute.
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(15), "{taken:?}");

    let large = format!(
        r#"{{"tee":"snp","launch_digest":"{}"}}"#,
        " ".repeat(17 << 20)
    );
    let large = folder.write("large", large.as_bytes());
    let output = run(&["diff", &large, &large]);
    let error = String::from_utf8(output.stderr).expect("text");
    assert!(error.contains("it is larger than 16 MiB"), "{error}");
}

#[test]
fn predictions_and_evidence_of_another_tee_are_refused() {
    let Some(quote) = vector("go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat") else {
        return;
    };
    let folder = Folder::empty();
    let digest = "00".repeat(48);
    let prediction = |tee: &str| format!(r#"{{"tee":"{tee}","launch_digest":"{digest}"}}"#);
    let snp = folder.write("snp", prediction("snp").as_bytes());
    let tdx = folder.write("tdx", prediction("tdx").as_bytes());
    let report = folder.write("report", &report(&digest, POLICY));
    let empty = folder.write("empty", b"");
    for (arguments, wanted) in [
        (
            ["explain", &quote, "--against", &snp],
            "under snp, and a TDX quote",
        ),
        (
            ["explain", &report, "--against", &tdx],
            "under tdx, and an SNP",
        ),
        (
            ["diff", &snp, &quote, "-ojson"],
            "under snp, and a TDX quote",
        ),
        (["diff", &report, &tdx, "-ojson"], "under tdx, and an SNP"),
        (["diff", &snp, &empty, "-ojson"], "empty: the file is empty"),
    ] {
        let error = support::error(&run(&arguments), 1);
        assert!(error.contains(wanted), "{error}");
    }
    assert_eq!(
        json(&["explain", &report, "--against", &snp], 0)["matches"],
        true
    );
}

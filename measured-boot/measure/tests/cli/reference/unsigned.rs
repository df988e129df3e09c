//! Reference values as they were before they could be signed.

use crate::support::{Folder, document, planned_digest, run};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_digest::Manifest;
use std::process::Output;

/// Runs `reference FOLDER/vm.toml` with more arguments, from elsewhere.
fn reference(folder: &Folder, arguments: &[&str]) -> Output {
    run(
        "reference",
        &[&[&*folder.named("vm.toml")], arguments].concat(),
    )
}

#[test]
fn reference_holds_the_digest_its_manifest_and_its_time() {
    let folder = Folder::with_machine();
    let path = folder.path("reference.json");
    let out = ["--out", path.to_str().expect("text"), "-o", "json"];
    let time = ["--name", "web", "--not-before", "1000", "--days", "2"];
    let printed = reference(&folder, &[out.as_slice(), &time].concat());

    let written = std::fs::read(&path).expect("it was written");
    let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["version"], 1);
    assert_eq!(written["name"], "web");
    assert_eq!(written["tee"], "simulated");
    assert_eq!(written["launch_digest"], planned_digest());
    assert_eq!(written["not_before"], 1000);
    assert_eq!(written["not_after"], 1000 + 2 * 86_400);
    let manifest = BASE64_STANDARD
        .decode(written["manifest"].as_str().expect("text"))
        .expect("base64");
    let manifest = Manifest::from_bytes(&manifest).expect("a manifest");
    assert_eq!(manifest.recompute().to_string(), planned_digest());

    let printed = document(&printed, 0);
    assert_eq!(printed["reference"], "web");
    assert_eq!(printed["simulated"], true);
    assert_eq!(printed["launch_digest"], written["launch_digest"]);
}

#[test]
fn reference_with_a_time_that_cannot_be_is_refused_and_not_written() {
    let folder = Folder::with_machine();
    let path = folder.path("reference.json");
    let out = ["--out", path.to_str().expect("text")];
    let run = |more: &[&str]| reference(&folder, &[out.as_slice(), more].concat());

    let late = run(&["--not-before", "9007199254740992"]);
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stderr).contains("seconds since 1970-01-01"));
    assert_eq!(run(&["--days", "0"]).status.code(), Some(2));
    assert!(!path.exists());
}

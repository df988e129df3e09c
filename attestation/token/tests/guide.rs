//! The commands of docs/keys.md, as they stand there.

mod support;

use std::path::Path;
use std::process::Command;

use support::SoftHsm;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/keys.md");
const BEFORE: &str = "With SoftHSM 2 (packages `softhsm2` and `opensc`):\n\n";

/// The indented lines that follow.
fn commands(page: &str) -> String {
    let (_, after) = page
        .split_once(BEFORE)
        .expect("the page has the walk-through");
    let lines = after.lines().map_while(|line| line.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn walk_through_of_the_page_works_as_it_stands() {
    let Some(hsm) = SoftHsm::new() else { return };
    let place = hsm.dir.path().join("walk");
    std::fs::create_dir(&place).unwrap();
    let page = std::fs::read_to_string(PAGE).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_cloister-token")).parent();
    let path = format!("{}:/usr/bin:/bin", programs.unwrap().display());

    let output = Command::new("sh")
        .args(["-e", "-u", "-x", "-c", &commands(&page)])
        .current_dir(&place)
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("logged in"), "{said}");
    assert!(complained.contains("pkcs11-tool"), "{complained}");
}

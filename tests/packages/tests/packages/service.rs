//! The unit, before it is installed.

use std::process::Command;

use tests_packages::VERIFIER;

use crate::support::{has, root};

/// systemd's own measure, in tenths: 0 is sealed off, 96 has no confinement at all. What is left is the network, local sockets, and
/// the call by which the verifier forbids itself core files.
const MOST: &str = "12";

#[test]
fn unit_is_as_confined_as_it_runs() {
    if !has("systemd-analyze", "systemd") {
        return;
    }
    let unit = root().join(VERIFIER).join("cloister-verifier.service");
    let output = Command::new("systemd-analyze")
        .args([
            "security",
            "--offline=yes",
            "--no-pager",
            "--threshold",
            MOST,
        ])
        .arg(unit)
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("Overall exposure level"), "{table}");
    assert!(output.status.success(), "{table}");
}

//! What Debian's own checker says.

use std::process::Command;

use tests_packages::FOLDERS;

use crate::support::{Made, has};

const UNPACKED: &str =
    "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball";

/// No errors, and of warnings one: there are no manual pages, every command has `--help`.
#[test]
fn lintian_finds_nothing_but_missing_manual_pages() {
    if !has("lintian", "lintian") {
        return;
    }
    for folder in FOLDERS {
        let made = Made::none();
        let Some(package) = made.package(folder, None) else {
            return;
        };
        let output = Command::new("lintian")
            .arg("--allow-root")
            .args(["--fail-on", "error"])
            // A test's packages are packed fast.
            .args(["--suppress-tags", UNPACKED])
            .arg(&package)
            .output()
            .unwrap();
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{found}");
        let others: Vec<&str> = found
            .lines()
            .filter(|line| !line.contains(": no-manual-page "))
            .collect();
        assert!(others.is_empty(), "{}", others.join("\n"));
    }
}

//! Packages out of the programs that are built beside this test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tests_packages::{Order, Packing};

/// The project's root.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap()
}

/// Packages that were made for one test.
pub struct Made {
    folder: TempDir,
}

impl Made {
    /// None yet.
    pub fn none() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the package in `folder`, of the changelog's version if none is given; none where programs are not built, and says so.
    pub fn package(&self, folder: &str, version: Option<&str>) -> Option<PathBuf> {
        // A test lies in `deps/`, one folder deeper than the programs.
        let own = std::env::current_exe().unwrap();
        let order = Order {
            root: root(),
            programs: own.ancestors().nth(2).unwrap(),
            out: self.folder(),
            version,
            packing: Packing::Fast,
        };
        let missing = tests_packages::missing(&order, folder).unwrap();
        if let Some(path) = missing.first() {
            println!(
                "skipped: {} is not built; cargo build --release, cargo xtask shim",
                path.display()
            );
            return None;
        }
        Some(tests_packages::build(&order, folder).unwrap())
    }
}

/// Standard output of a command that has to succeed.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program is there; says what is skipped otherwise.
pub fn has(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("skipped: no {program} (package {package})");
    }
    found
}

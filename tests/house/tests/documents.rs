//! What the documents say that a test shows, a test shows; what they say that a program says, it says.

use std::fs;
use std::path::Path;

use tests_house::promises::{Shown, promises};
use tests_house::quotes::{quotes, sources};
use tests_house::sightings::{self, StandIn};

/// The documents that name tests, and how many at least: a table that is no longer understood would
/// keep every promise.
const DOCUMENTS: &[(&str, usize)] = &[
    ("docs/access.md", 50),
    ("docs/api.md", 5),
    ("docs/appraisal-policy.md", 30),
    ("docs/collateral.md", 10),
    ("docs/confinement.md", 15),
    ("docs/hardware.md", 35),
    ("docs/host-check.md", 10),
    ("docs/judgement.md", 15),
    ("docs/keys.md", 25),
    ("docs/metrics.md", 5),
    ("docs/operator.md", 5),
    ("docs/packages.md", 15),
    ("docs/self-test.md", 10),
    ("docs/simulated-verdict.md", 40),
    ("docs/tenant.md", 4),
    ("docs/threat-model.md", 15),
    ("docs/tokens.md", 15),
    ("docs/verdict.md", 100),
    ("docs/verifier-api.md", 10),
];

#[test]
fn every_test_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shown = Shown::read(&root).unwrap();
    let mut faults = Vec::new();
    for &(name, least) in DOCUMENTS {
        let found = promises(&fs::read_to_string(root.join(name)).unwrap());
        assert!(
            found.len() >= least,
            "{name} names {} tests only",
            found.len()
        );
        for promise in found.iter().filter(|promise| !shown.has(&promise.test)) {
            faults.push(format!(
                "{name}:{}: there is no test `{}`",
                promise.line, promise.test
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The columns of `docs/hardware.md`, and whose tests they speak of.
const STAND_INS: [StandIn; 3] = [
    ("ABI emulator", "tests/kernel-abi/"),
    ("protected VM", "tests/flipper/"),
    ("instruction emulator", "tests/shim-models/"),
];

#[test]
fn every_stand_in_has_seen_what_the_page_says_and_no_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shown = Shown::read(&root).unwrap();
    let page = fs::read_to_string(root.join("docs/hardware.md")).unwrap();
    let (looked_at, faults) = sightings::faults(&page, &shown, &STAND_INS);
    assert!(looked_at >= 3 * 30, "{looked_at} cells only");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The documents that quote programs, and how many quotes at least.
const QUOTING: [(&str, usize); 1] = [("docs/hardware-launch.md", 30)];

#[test]
fn every_line_that_a_document_quotes_is_in_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = ["measured-boot", "vmm"].map(|top| sources(&root.join(top)).unwrap());
    let mut faults = Vec::new();
    for (name, least) in QUOTING {
        let found = quotes(&fs::read_to_string(root.join(name)).unwrap());
        assert!(
            found.len() >= least,
            "{name} quotes {} texts only",
            found.len()
        );
        for quote in found {
            if !sources.iter().any(|text| text.contains(&quote.text)) {
                faults.push(format!(
                    "{name}:{}: no program says `{}`",
                    quote.line, quote.text
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

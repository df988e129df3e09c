//! Images that are made here at random, as Debian's programs measure them.

use crate::support::Parts;
use measured_boot_uki::{Algorithm, Boot, Pe, Phase, Uki};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SYSTEMD_MEASURE: &str = "/usr/lib/systemd/systemd-measure";
const OSSLSIGNCODE: &str = "/usr/bin/osslsigncode";
const OPENSSL: &str = "/usr/bin/openssl";
/// What systemd-measure 252 takes, which is what the stub of 252 measures.
const SECTIONS: [&str; 7] = [
    "linux", "osrel", "cmdline", "initrd", "splash", "dtb", "pcrpkey",
];
const PHASES: [&str; 4] = [":", "enter-initrd", "enter-initrd:leave-initrd", "a:b::c"];

fn absent(programs: &[&str]) -> bool {
    let absent = programs.iter().find(|path| !Path::new(path).exists());
    if let Some(program) = absent {
        println!("skipped: {program} is not there");
    }
    absent.is_some()
}

/// Runs a property over a few random images: each starts other programs.
fn for_images<S: Strategy>(images: &S, property: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(Config::with_cases(16));
    let run = runner.run(images, |image| {
        property(image);
        Ok(())
    });
    run.expect("equal for every image");
}

/// Some of the sections, the kernel among them, in any order.
fn sections() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let content = || proptest::collection::vec(any::<u8>(), 1..2000);
    let others = proptest::sample::subsequence(&SECTIONS[1..], 0..SECTIONS.len());
    let named = (others, content()).prop_flat_map(move |(names, kernel)| {
        let contents = proptest::collection::vec(content(), names.len());
        contents.prop_map(move |contents| {
            let mut sections: Vec<_> = names.iter().copied().zip(contents).collect();
            sections.push(("linux", kernel.clone()));
            sections
        })
    });
    named.prop_shuffle()
}

fn image(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let stub = Parts::stub("252.39", crate::support::NAMES_252);
    let parts = sections.iter().fold(stub, |parts, (name, content)| {
        parts.with(&format!(".{name}"), content)
    });
    parts.file()
}

/// Phase, bank and value, as systemd-measure computes them.
fn systemd_measure(sections: &[(&str, Vec<u8>)]) -> Vec<(Phase, Algorithm, String)> {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(SYSTEMD_MEASURE);
    command.args(["calculate", "--json=short"]);
    command.args(PHASES.map(|phase| format!("--phase={phase}")));
    for (name, content) in sections {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        command.arg(format!("--{name}={}", path.display()));
    }
    let output = command.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut values = Vec::new();
    for bank in Algorithm::ALL {
        for row in document[bank.name()].as_array().expect("a bank") {
            // The stub's end has no words.
            let phase = Phase::new(row["phase"].as_str().unwrap_or_default());
            let hash = row["hash"].as_str().expect("a digest");
            values.push((phase, bank, hash.to_owned()));
        }
    }
    values
}

#[test]
fn pcr11_of_random_images_is_as_systemd_measure_has_it() {
    if absent(&[SYSTEMD_MEASURE]) {
        return;
    }
    for_images(&sections(), |sections| {
        let expected = systemd_measure(&sections);
        assert_eq!(expected.len(), PHASES.len() * Algorithm::ALL.len());
        let file = image(&sections);
        let pe = Pe::read(&file).expect("a PE image");
        let uki = Uki::of(&pe).expect("with a kernel");
        let rules = uki.stub().rules(None).expect("systemd's stub");
        let measured = uki.measured(&rules, &Boot::default()).expect("measured");
        for (phase, bank, value) in expected {
            assert_eq!(
                measured.pcr11(bank).at(&phase).to_string(),
                value,
                "{phase} {bank}"
            );
        }
    });
}

/// Makes a key and its certificate in a folder.
fn key(folder: &Path) {
    let made = Command::new(OPENSSL)
        .args(
            "req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout key -out certificate"
                .split(' '),
        )
        .current_dir(folder)
        .output()
        .expect("it runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn osslsigncode(folder: &Path, arguments: &str) -> String {
    let output = Command::new(OSSLSIGNCODE)
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn authenticode_of_random_images_is_as_osslsigncode_signs_it() {
    if absent(&[OSSLSIGNCODE, OPENSSL]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    key(folder.path());
    let trailing = proptest::collection::vec(any::<u8>(), 0..40);
    for_images(&(sections(), trailing), |(sections, trailing)| {
        let mut file = image(&sections);
        file.extend_from_slice(&trailing);
        let (plain, signed) = (folder.path().join("plain"), folder.path().join("signed"));
        std::fs::write(plain, &file).expect("written");
        let _ = std::fs::remove_file(&signed);
        osslsigncode(
            folder.path(),
            "sign -h sha256 -key key -certs certificate -in plain -out signed",
        );
        let said = osslsigncode(folder.path(), "verify -in signed");
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("Current message digest"));
        let expected = line
            .expect("a digest")
            .trim_start_matches([' ', ':'])
            .trim()
            .to_lowercase();
        let signed = std::fs::read(signed).expect("it was made");
        let (pe, signed) = (
            Pe::read(&file).expect("ours"),
            Pe::read(&signed).expect("theirs"),
        );
        assert_eq!(signed.authenticode(Algorithm::Sha256).to_string(), expected);
        let predicted = pe.authenticode_when_signed(Algorithm::Sha256);
        let predicted = predicted.unwrap_or_else(|| pe.authenticode(Algorithm::Sha256));
        assert_eq!(predicted.to_string(), expected);
    });
}

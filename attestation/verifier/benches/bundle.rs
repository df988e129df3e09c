//! How large the bundle of many attestations is, and what export and audit of it cost.
//!
//!     cargo build --release -p cloister-auditor
//!     cargo test --release -p cloister-verifier --bench bundle [-- ATTESTATIONS]
//!
//! A measurement, not a test: a real verifier, real TLS, one release for each attestation. The figures in
//! docs/evidence-bundle.md are from here.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[path = "../tests/verifier/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use attestation_judge::test_support::launch::{GENUINE, digest, manifest_of_pages};
use attestation_judge::test_support::reference;
use support::Place;

const ATTESTATIONS: usize = 10_000;
const GUESTS: usize = 4;
/// Pages of each component: a manifest of 640 KB, as of a stock kernel and initramfs of 50 MiB.
const PAGES: u32 = 4_400;
const VERIFIER: &str = env!("CARGO_BIN_EXE_cloister-verifier");

fn main() {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let attestations = given.unwrap_or(ATTESTATIONS);
    let (place, launched) = place_with_a_manifest();
    let took = attest(&place, launched, attestations);
    println!("{attestations} attestations, each with a release: {took:.1?}");

    let bundle = place.path("bundle");
    let (data, ark) = (place.path("data"), place.path("ark.pem"));
    let export = ["export", "--data-dir", &data, "--out", &bundle];
    println!("export: {}", measured(Path::new(VERIFIER), &export));
    let (files, bytes) = size_of(Path::new(&bundle));
    println!("bundle: {files} files, {bytes} bytes");

    let auditor = PathBuf::from(VERIFIER).with_file_name("cloister-auditor");
    let key = &place.pins.log_key;
    let verify = [
        "verify",
        &bundle,
        "--log-key",
        key,
        "--simulated-root",
        &ark,
    ];
    println!("audit: {}", measured(&auditor, &verify));
}

/// A place whose reference value has a manifest, and its launch digest.
fn place_with_a_manifest() -> (Place, [u8; 48]) {
    let place = Place::new();
    let manifest = manifest_of_pages(&GENUINE, PAGES);
    let launched = digest(&manifest);
    let mut demo = reference(launched);
    (demo.not_before, demo.not_after) = (0, 4_102_444_800);
    demo.manifest = Some(manifest);
    let document = serde_json::to_vec(&demo).unwrap();
    std::fs::write(place.path("reference.json"), document).unwrap();
    (place, launched)
}

fn attest(place: &Place, launched: [u8; 48], attestations: usize) -> Duration {
    let server = place.serve();
    place.furnish(&server.url);
    let fetch = || {
        let mut guest = place.guest(&server.url);
        guest.digest = launched;
        guest.fetch(&place.pins)
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        for guest in 0..GUESTS {
            let share = (attestations + guest) / GUESTS;
            scope.spawn(move || (0..share).for_each(|_| drop(fetch())));
        }
    });
    start.elapsed()
}

/// Time and peak memory of a program that succeeds.
fn measured(program: &Path, arguments: &[&str]) -> String {
    let start = Instant::now();
    let mut command = Command::new(program);
    let mut child = command
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = String::new();
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        // The kernel keeps the highest value: the last look before the end tells it.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.map_or(peak, |line| line.trim().to_owned());
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(
        ended.success(),
        "{} {arguments:?}: {ended}",
        program.display()
    );
    format!("{:.1?}, {peak} at most", start.elapsed())
}

fn size_of(directory: &Path) -> (u64, u64) {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.fold((0, 0), |(files, bytes), entry| {
        let kind = entry.file_type().unwrap();
        let (more_files, more_bytes) = if kind.is_dir() {
            size_of(&entry.path())
        } else {
            (1, entry.metadata().unwrap().len())
        };
        (files + more_files, bytes + more_bytes)
    })
}

//! Every input that fuzzing keeps, and its neighbours: what was found once stays found.

use std::fs;
use std::path::{Path, PathBuf};

use tests_fuzz_targets::{TARGETS, Target};

/// More neighbours than these of one input are what the fuzzers are for.
const NEIGHBOURS: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files in a folder and in the folders within.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The input, cut short at many places, and with a byte of it changed at as many.
fn try_around(target: &Target, bytes: &[u8]) -> bool {
    let is_accepted = target.run(bytes);
    let step = bytes.len().div_ceil(NEIGHBOURS).max(1);
    let mut changed = bytes.to_vec();
    for (at, change) in (0..bytes.len())
        .step_by(step)
        .zip([0x01, 0xFF, 0x80].into_iter().cycle())
    {
        target.run(&bytes[..at]);
        changed[at] ^= change;
        target.run(&changed);
        changed[at] = bytes[at];
    }
    is_accepted
}

fn replay(target: &Target) {
    let kept = files(&root().join("tests/fuzz/corpus").join(target.name));
    assert!(!kept.is_empty(), "{} has no corpus", target.name);
    let mut accepted = 0;
    for path in kept {
        println!("{}", path.display());
        let is_accepted = try_around(target, &fs::read(&path).expect("it is there"));
        accepted += usize::from(is_accepted);
    }
    // Else nothing but refusals would be tried.
    assert!(accepted > 0, "{} accepts none of its corpus", target.name);
    for folder in target.vectors {
        for path in files(&root().join("../shared/vectors").join(folder)) {
            println!("{}", path.display());
            target.run(&fs::read(&path).expect("it is there"));
        }
    }
}

/// A test for each target, and a list of those that have one.
macro_rules! corpora {
    ($($name:ident)*) => {
        mod corpus_breaks_no_promise {
            $(#[test] fn $name() { super::replay_named(stringify!($name)); })*
        }
        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

corpora! {
    acpi_blobs appraisal bzimage cbor ccel_table certificate conversion corim differences ear event_log evidence hcl host_recording id_auth id_key igvm igvm_plan json jwt kernel limits linux_setup manifest ovmf pe policy quote_buffers quote_reply revocation_list seen shim_pages snp svsm tdvf tdx tdx_quote td_hob tee_frame tpm tpm_parts tpm_quote uefi_payload uki vm_config
}

fn replay_named(name: &str) {
    replay(
        TARGETS
            .into_iter()
            .find(|target| target.name == name)
            .expect("the list of targets has it"),
    );
}

#[test]
fn every_target_is_replayed_and_has_a_fuzzer() {
    let names = TARGETS.map(|target| target.name);
    assert_eq!(REPLAYED, names);
    let package = fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(
            package.contains(&format!("name = \"{name}\"")),
            "{name} is not built"
        );
        let fuzzer = root().join(format!("tests/fuzz/fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(fuzzer).unwrap();
        assert!(
            text.contains(&format!("{}.run(", name.to_uppercase())),
            "{name} fuzzes another"
        );
    }
}

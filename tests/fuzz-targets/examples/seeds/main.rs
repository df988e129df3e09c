//! Writes the seeds that fuzzing begins with, all of them made here: `cargo run -p tests-fuzz-targets
//! --release --example seeds`.
//!
//! A seed that is there already stays as it is: some have keys in them, which are new each time.

mod attestation;
mod kernels;
mod ovmf;

use std::path::Path;
use std::{fs, io};

/// Name and bytes.
type Seed = (&'static str, Vec<u8>);

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let all: [(&str, Vec<Seed>); 10] = [
        ("appraisal", attestation::appraisal()),
        ("bzimage", kernels::bzimage()),
        ("id_auth", attestation::id_auth()),
        ("id_key", attestation::id_key()),
        ("json", attestation::json()),
        ("kernel", kernels::elf()),
        ("manifest", kernels::manifest()),
        ("ovmf", ovmf::seeds()),
        ("tee_frame", attestation::tee_frame()),
        ("vm_config", kernels::vm_config()),
    ];
    for (target, seeds) in all {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            let path = folder.join(name);
            if !path.exists() {
                fs::write(path, bytes)?;
            }
        }
    }
    Ok(())
}

/// The bytes of all parts, in order.
fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

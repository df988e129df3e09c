//! Other people's files, read in place.

use attestation_certificates::Certificate;
use std::path::{Path, PathBuf};

/// Where they lie, beside the repository.
pub fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// One file.
pub fn file(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One certificate.
pub fn certificate(folder: &Path, name: &str) -> Certificate {
    Certificate::read(&file(folder, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A bundle.
pub fn bundle(folder: &Path, name: &str) -> Vec<Certificate> {
    Certificate::bundle(&file(folder, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every certificate in any file: whole ones as they are, and PEM blocks inside quotes and JSON. With the file's name.
pub fn every_certificate(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.display().to_string();
                let bytes = std::fs::read(&path).expect("it can be read");
                let certificates = certificates_in(&name, &bytes).into_iter();
                found.extend(certificates.map(|bytes| (name.clone(), bytes)));
            }
        }
    }
    found
}

fn certificates_in(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    let is_whole = ["vcek", "vlek"].iter().any(|kind| name.contains(kind));
    let is_der = bytes.starts_with(&[0x30]);
    if is_whole && is_der {
        return vec![bytes.to_vec()];
    }
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    blocks
        .filter_map(|block| block.split(END).next())
        .map(|digits| format!("-----BEGIN CERTIFICATE-----{digits}{END}\n").into_bytes())
        .collect()
}

//! Evidence as it came.

use anyhow::{Context, Result};
use attestation_shapes::{LARGEST_EVIDENCE, Layer, Shape, ShapeError};
use ring::digest::{SHA256, digest};
use std::path::Path;

use crate::files::{self, Limit};

/// What a file turned out to be.
pub struct Came {
    pub shape: Shape,
    /// What it was wrapped in, the outermost first.
    pub layers: Vec<Layer>,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

const _: () = assert!(LARGEST_EVIDENCE <= Limit::SixteenMebibytes as usize);

/// Reads the evidence that `option` names; with it comes the digest of the file.
///
/// # Errors
/// The file cannot be read, or is no such evidence.
pub fn read<T>(
    option: &str,
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, ShapeError>,
) -> Result<(T, String)> {
    let bytes = files::read(option, path, Limit::SixteenMebibytes)?;
    let place = || format!("{option} {} is no such evidence", path.display());
    let evidence = parse(&bytes).with_context(place)?;
    Ok((evidence, hex::encode(digest(&SHA256, &bytes))))
}

//! Evidence as it came.

use anyhow::{Error, Result};
use attestation_shapes::{LARGEST_EVIDENCE, Layer, ShapeError};
use ring::digest::{SHA256, digest};
use std::path::Path;

use crate::files::Limit;
use crate::session::Session;
use crate::warning;

/// What a file turned out to be.
pub struct Came {
    /// Its form's name in docs/evidence-shapes.md.
    pub shape: &'static str,
    /// What it was wrapped in, the outermost first.
    pub layers: Vec<Layer>,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// What a verdict is about.
#[derive(Clone, Copy)]
pub enum Evidence {
    Snp,
    Tdx,
    Tpm,
    TpmAndSnp,
    TpmAndTdx,
}

impl Evidence {
    /// As people say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snp => "an SEV-SNP report",
            Self::Tdx => "a TDX quote",
            Self::Tpm => "a TPM's quote",
            Self::TpmAndSnp => "a TPM's quote and the SEV-SNP report that vouches for it",
            Self::TpmAndTdx => "a TPM's quote and the TDX quote that vouches for it",
        }
    }

    /// Together with a TPM's quote.
    pub const fn with_tpm(self) -> Self {
        match self {
            Self::Snp | Self::TpmAndSnp => Self::TpmAndSnp,
            Self::Tdx | Self::TpmAndTdx => Self::TpmAndTdx,
            Self::Tpm => Self::Tpm,
        }
    }
}

const _: () = assert!(LARGEST_EVIDENCE <= Limit::SixteenMebibytes as usize);

/// Reads the evidence that `option` names; with it comes the digest of the file.
///
/// # Errors
/// The file cannot be read, or is no such evidence.
pub fn read<T>(
    option: &str,
    path: &Path,
    session: &mut Session<'_>,
    parse: impl Fn(&[u8]) -> Result<T, ShapeError>,
) -> Result<(T, String)> {
    let bytes = session.read(option, path, Limit::SixteenMebibytes)?;
    let evidence = parse(&bytes).map_err(|error| {
        let place = format!("{option} {} is no such evidence", path.display());
        let place = match error {
            ShapeError::NotInThere { shape, .. } => {
                format!("{place}: `{}` judges it", warning::command(shape))
            }
            _ => place,
        };
        Error::new(error).context(place)
    })?;
    Ok((evidence, hex::encode(digest(&SHA256, &bytes))))
}

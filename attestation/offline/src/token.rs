//! The result as a signed token.

use anyhow::{Context, Result};
use attestation_appraisal::{EarKey, Verdict, VerifierId};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::files::{self, Limit};
use crate::privacy;

/// A signed result.
#[derive(clap::Args)]
#[command(next_help_heading = "A signed result")]
pub struct Arguments {
    /// Write the result, a refusal too, to FILE as a signed EAR token (JWT).
    #[arg(long, value_name = "FILE", requires = "ear_key")]
    ear: Option<PathBuf>,
    /// The private key that signs it: PEM, PKCS #8, ECDSA on P-384 or P-256.
    #[arg(long, value_name = "KEY.PEM", requires = "ear")]
    ear_key: Option<PathBuf>,
}

/// A key, and where its token goes.
pub struct Signer<'a> {
    key: EarKey,
    out: &'a Path,
}

impl Arguments {
    /// The key that signs, if one was named.
    ///
    /// # Errors
    /// It is no key for tokens, or memory cannot be kept private.
    pub fn signer(&self) -> Result<Option<Signer<'_>>> {
        let (Some(out), Some(path)) = (self.ear.as_deref(), self.ear_key.as_deref()) else {
            return Ok(None);
        };
        privacy::keep_memory_private()?;
        let pem = files::text("--ear-key", path, Limit::Mebibyte)?;
        let key = EarKey::from_pkcs8_pem(&pem)
            .with_context(|| format!("--ear-key {} cannot be used", path.display()))?;
        Ok(Some(Signer { key, out }))
    }
}

impl Signer<'_> {
    /// Writes the token, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sign(&self, verdict: &Verdict, verifier: &VerifierId) -> Result<()> {
        let token = verdict.ear(&self.key, verifier);
        let folder = match self.out.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let written = tempfile::Builder::new()
            .prefix(".cloister-verify.")
            .tempfile_in(folder)
            .and_then(|mut draft| {
                draft.write_all(token.as_str().as_bytes())?;
                draft.persist(self.out).map_err(|error| error.error)
            });
        written.map(drop).with_context(|| {
            format!(
                "--ear {}: the file cannot be written; choose another place",
                self.out.display()
            )
        })
    }
}

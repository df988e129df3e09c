//! The result as a signed token.

use anyhow::{Context, Result, bail};
use attestation_appraisal::{EarKey, Verdict, VerifierId};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::files::{self, Limit};
use crate::privacy;

/// A signed result.
#[derive(clap::Args)]
#[command(next_help_heading = "A signed result")]
#[group(skip)]
pub struct Arguments {
    /// Write the result, a refusal too, to FILE as a signed EAR token (JWT). A token that is there already is taken away
    /// first, so that none is there after a run that ended without a verdict.
    #[arg(long, value_name = "FILE", requires = "ear_key")]
    ear: Option<PathBuf>,
    /// The private key that signs it: PEM, PKCS #8, ECDSA on P-384 or P-256, in a file that is its owner's alone.
    #[arg(long, value_name = "KEY.PEM", requires = "ear")]
    ear_key: Option<PathBuf>,
}

/// A key, and where its token goes.
pub struct Signer<'a> {
    key: EarKey,
    out: &'a Path,
}

/// No token is longer: whoever verifies one reads no more.
const LONGEST: u64 = 64 * 1024;
/// Permissions of others than the owner.
const OTHERS: u32 = 0o077;

impl Arguments {
    /// Takes away the token that another run wrote: whoever finds one after this run has this run's. Nothing else is ever
    /// taken away.
    ///
    /// # Errors
    /// What is there is no token, or it cannot be taken away.
    pub fn clear(&self) -> Result<()> {
        let Some(out) = self.ear.as_deref() else {
            return Ok(());
        };
        let place = || format!("--ear {} cannot be written", out.display());
        match out.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(place),
            Ok(found) if found.is_file() && found.len() <= LONGEST => {}
            Ok(_) => bail!(no_token(out)),
        }
        if !is_token(&std::fs::read(out).with_context(place)?) {
            bail!(no_token(out));
        }
        std::fs::remove_file(out).with_context(place)
    }

    /// The key that signs, if one was named.
    ///
    /// # Errors
    /// It is no key for tokens, others may open its file, or memory cannot be kept private.
    pub fn signer(&self) -> Result<Option<Signer<'_>>> {
        let (Some(out), Some(path)) = (self.ear.as_deref(), self.ear_key.as_deref()) else {
            return Ok(None);
        };
        privacy::keep_memory_private()?;
        let pem = files::text("--ear-key", path, Limit::Mebibyte)?;
        let key = EarKey::from_pkcs8_pem(&pem)
            .with_context(|| format!("--ear-key {} cannot be used", path.display()))?;
        owners_alone(path)?;
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

fn no_token(out: &Path) -> String {
    format!(
        "--ear {} is there and is no token of an earlier run: choose another place",
        out.display()
    )
}

/// Three parts of base64url, or the empty file that `mktemp` makes.
fn is_token(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_end();
    let of_a_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let parts: Vec<_> = bytes.split(|byte| *byte == b'.').collect();
    let is_part = |part: &&[u8]| !part.is_empty() && part.iter().all(of_a_part);
    bytes.is_empty() || (parts.len() == 3 && parts.iter().all(is_part))
}

/// A key that others can read signs in anybody's name.
fn owners_alone(path: &Path) -> Result<()> {
    let found = path.metadata();
    let found = found.with_context(|| format!("--ear-key {} cannot be read", path.display()))?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        bail!(
            "--ear-key {} may be opened by others than its owner (mode {mode:04o}): chmod 600, and make another key if \
             others may have read it",
            path.display()
        );
    }
    Ok(())
}

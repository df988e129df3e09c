//! Reads a signed CoRIM back.

use anyhow::{Context, Result};
use measured_boot_reference_values::{CorimRejection, Signed, VerifyingKey};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

use super::document::Document;
use super::{ReferenceArguments, now};
use crate::files::{self, read};
use crate::{Output, print, print_json};

/// The exit code of a document that was judged and refused.
const REFUSED: u8 = 3;

/// What is printed of a document that is taken.
#[derive(Serialize)]
struct Accepted<'a> {
    accepted: bool,
    at: u64,
    #[serde(flatten)]
    document: &'a Document,
}

/// What is printed of one that is not.
#[derive(Serialize)]
struct Refused {
    accepted: bool,
    at: u64,
    file: String,
    rule: &'static str,
    reason: String,
}

/// Prints what the document says if the key signed it and it is good.
pub fn check(arguments: &ReferenceArguments, path: &Path) -> Result<ExitCode> {
    let key = arguments.checking.key.as_deref();
    let key = public_key(key.context("--key is required")?)?;
    let at = match arguments.checking.at {
        Some(given) => given,
        None => now().context("or give --at")?,
    };
    let file = read("--check", path)?;
    match Signed::open(&file, &key, at) {
        Ok(signed) => accept(arguments.output, &Document::of(&signed, &key, path), at)?,
        Err(CorimRejection::Cbor(fault)) => {
            let place = || format!("--check {}: no deterministic CBOR", path.display());
            return Err(fault).with_context(place);
        }
        Err(rejection) => {
            refuse(arguments.output, path, &rejection, at)?;
            return Ok(ExitCode::from(REFUSED));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn public_key(path: &Path) -> Result<VerifyingKey> {
    let place = || format!("--key {}: not a key to check by", path.display());
    let pem = files::text(path).with_context(place)?;
    VerifyingKey::from_pem(&pem).with_context(place)
}

fn accept(output: Output, document: &Document, at: u64) -> Result<()> {
    match output {
        Output::Text => print(&format!("{}\nThe signature holds.\n", document.page())),
        Output::Json => print_json(&Accepted {
            accepted: true,
            at,
            document,
        }),
    }
}

fn refuse(output: Output, path: &Path, rejection: &CorimRejection, at: u64) -> Result<()> {
    eprintln!("refused: {}: {rejection}", path.display());
    match output {
        Output::Text => Ok(()),
        Output::Json => print_json(&Refused {
            accepted: false,
            at,
            file: path.display().to_string(),
            rule: rejection.rule(),
            reason: rejection.to_string(),
        }),
    }
}

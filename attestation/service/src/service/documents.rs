//! Documents that can be read and yet make no sense: most likely a slip, so they are refused.

use attestation_judge::ReferenceValue;
use measured_boot_digest::Manifest;

use super::Failure;
use crate::problem::Problem;

/// The name is part of log lines and URLs, so it is kept plain.
pub(super) fn refuse_odd_name(what: &str, name: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        true => Ok(()),
        false => refuse(format!(
            "the name of a {what} has 1 to 64 characters A-Z a-z 0-9 - _ ."
        )),
    }
}

/// It must be the document's own, since verdicts call the document by that.
pub(super) fn refuse_other_name(what: &str, name: &str, inside: &str) -> Result<(), Problem> {
    match name == inside {
        true => Ok(()),
        false => refuse(format!(
            "the {what} calls itself `{}` in its `name`, the URL calls it `{name}`",
            inside.escape_default()
        )),
    }
}

/// What would explain nothing.
pub(super) fn refuse_other_manifest(reference: &ReferenceValue) -> Result<(), Problem> {
    let Some(bytes) = &reference.manifest else {
        return Ok(());
    };
    let Ok(manifest) = Manifest::from_bytes(bytes) else {
        return refuse("`manifest` cannot be read: take it as `cloister measure` writes it");
    };
    let found = manifest.recompute().0;
    if reference.launch_digest != Some(found) {
        return refuse(format!(
            "`manifest` is another launch's: it gives the launch digest {}",
            hex::encode(found)
        ));
    }
    Ok(())
}

/// A document's bytes, or none; where it has to be there it is.
pub(super) fn there(
    what: &str,
    name: &str,
    document: Option<Vec<u8>>,
    needed: bool,
) -> Result<Vec<u8>, Failure> {
    match document {
        None if needed => Err(missing(what, name)),
        document => Ok(document.unwrap_or_default()),
    }
}

pub(super) fn missing(what: &str, name: &str) -> Failure {
    let name = name.escape_default();
    Problem::NotFound(format!("no {what} `{name}` is registered")).into()
}

pub(super) fn unregistered(what: &str, name: &str) -> Failure {
    let name = name.escape_default();
    let text = format!("no {what} `{name}` is registered: put it before the secrets bound to it");
    Problem::NotFound(text).into()
}

/// The document's error and its cause; a document of an administrator's own may be quoted to him.
pub(super) fn invalid(error: &dyn std::error::Error) -> Problem {
    Problem::InvalidRequest(super::chain(error))
}

fn refuse(why: impl Into<String>) -> Result<(), Problem> {
    Err(Problem::InvalidRequest(why.into()))
}

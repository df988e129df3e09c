//! Documents that can be read and yet make no sense: most likely a slip, so they are refused.

use attestation_judge::ReferenceValue;
use measured_boot_digest::Manifest;

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
    refuse_odd_name(what, name)?;
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

fn refuse(why: impl Into<String>) -> Result<(), Problem> {
    Err(Problem::InvalidRequest(why.into()))
}

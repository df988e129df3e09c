//! Documents that can be read and yet make no sense: most likely a slip, so they are refused.

use attestation_verify::{Policy, ReferenceValue};
use measured_boot_digest::Manifest;

use crate::problem::Problem;

/// SEV-SNP has the privilege levels 0 to 3.
const LAST_VMPL: u32 = 3;

/// The name is part of log lines and URLs, so it is kept plain; and it must be the document's own,
/// since verdicts call the document by that.
pub(super) fn refuse_other_name(what: &str, name: &str, inside: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        return refuse(format!(
            "the name of a {what} has 1 to 64 characters A-Z a-z 0-9 - _ ."
        ));
    }
    if name != inside {
        return refuse(format!(
            "the {what} calls itself `{}` in its `name`, the URL calls it `{name}`",
            inside.escape_default()
        ));
    }
    Ok(())
}

/// What no report could meet, or every report would.
pub(super) fn refuse_senseless_policy(policy: &Policy) -> Result<(), Problem> {
    let found = policy.max_vmpl;
    if found > LAST_VMPL {
        return refuse(format!(
            "`max_vmpl` is {found}: the privilege levels are 0 (the most privileged) to {LAST_VMPL}"
        ));
    }
    Ok(())
}

/// What could never match, or would explain nothing.
pub(super) fn refuse_senseless_reference(reference: &ReferenceValue) -> Result<(), Problem> {
    let tee = reference.tee;
    if !tee.is_simulated() {
        return refuse(format!(
            "`tee` is `{tee}`: this version judges evidence of `simulated` TEEs only, so the value \
             could match nothing"
        ));
    }
    let (first, last) = (reference.not_before, reference.not_after);
    if first > last {
        return refuse(format!(
            "`not_before` is {first} and `not_after` is {last}: the value would never be valid"
        ));
    }
    match &reference.manifest {
        Some(manifest) => refuse_other_manifest(manifest, &reference.launch_digest),
        None => Ok(()),
    }
}

fn refuse_other_manifest(bytes: &[u8], digest: &[u8; 48]) -> Result<(), Problem> {
    let Ok(manifest) = Manifest::from_bytes(bytes) else {
        return refuse("`manifest` cannot be read: take it as `cloister measure` writes it");
    };
    let found = manifest.recompute().0;
    if found != *digest {
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

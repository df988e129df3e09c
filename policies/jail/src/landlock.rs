//! Landlock: denies every file and network right by its own hand, on top of the empty root.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest Landlock whose rights are named here; an older kernel enforces those that it knows.
const NEWEST: ABI = ABI::V6;

/// Denies everything that this kernel's Landlock can deny. False where it has none.
pub(crate) fn deny_everything() -> Result<bool, RulesetError> {
    // No rule follows: what is handled and not allowed is denied.
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

//! Landlock: which files, which TCP ports, and nobody else's abstract sockets and processes.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use crate::{Confinement, Layer, Report, why};

/// The newest Landlock whose rights are named here; an older kernel enforces those that it knows.
const NEWEST: ABI = ABI::V6;

/// Puts this thread and those that it makes under Landlock, and says what holds of it.
pub(crate) fn restrict(confinement: &Confinement, report: &mut Report) {
    let (version, why) = match enforce(confinement) {
        Ok(status) => enforced(&status),
        Err(error) => (0, why(&error)),
    };
    report.set_landlock(version);
    if version > 0 {
        report.holds(&[Layer::NoNewPrivileges]);
    }
    for layer in Layer::ALL {
        match layer.since_landlock() {
            None => {}
            Some(since) if since <= version => report.holds(&[layer]),
            Some(since) => {
                let offered = format!("{why}; it takes version {since}");
                report.lacks(layer, offered);
            }
        }
    }
}

fn enforce(confinement: &Confinement) -> Result<RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for path in &confinement.read {
        ruleset = allow(ruleset, path, reading(path))?;
    }
    for path in &confinement.write {
        ruleset = allow(ruleset, path, writing())?;
    }
    for port in &confinement.bind {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    for port in &confinement.connect {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    ruleset.restrict_self()
}

fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(descriptor) => ruleset.add_rule(PathBeneath::new(descriptor, rights)),
        // No right to what is not there.
        Err(_) => Ok(ruleset),
    }
}

fn reading(path: &Path) -> BitFlags<AccessFs> {
    match path.is_dir() {
        true => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        false => AccessFs::ReadFile.into(),
    }
}

/// Regular files alone: no directory, socket, link or device is made.
fn writing() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | RemoveFile})
}

/// The version that is in force, 0 for none, and what to say of versions beyond it.
fn enforced(status: &RestrictionStatus) -> (u8, String) {
    let version = match &status.landlock {
        LandlockStatus::NotEnabled => return (0, "Landlock is not enabled (lsm=)".to_owned()),
        LandlockStatus::NotImplemented => return (0, "the kernel has no Landlock".to_owned()),
        LandlockStatus::Available { effective_abi, .. } => *effective_abi as u8,
    };
    match status.ruleset {
        RulesetStatus::NotEnforced => (0, "Landlock enforces nothing".to_owned()),
        _ => (
            version,
            format!("the kernel's Landlock is of version {version}"),
        ),
    }
}

//! What `cloister-verifier serve` needs of the machine, by its configuration.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use attestation_collateral::Settings as Collateral;
use attestation_confinement::{Begun, Confinement, Layer, Reach, Strictness};
use attestation_service::{
    Authorities, Config, ConfinementMode, Journal, KeyPlace, Metrics, Settings,
};
use attestation_store::{Location, ServerAddress};

/// By which SQLite names its temporary files and salts its log of writes.
const RANDOM: &str = "/dev/urandom";

/// Whom the machine trusts for the web.
const AUTHORITIES: &str = "/etc/ssl";

/// What the C library reads to look a name up (nsswitch.conf(5), resolv.conf(5), hosts(5), gai.conf(5)).
const RESOLVER: [&str; 6] = [
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/gai.conf",
    "/etc/services",
];

/// What this verifier needs from here on.
///
/// # Errors
/// An address of the configuration is none.
pub fn of(
    data_dir: &Path,
    config: &Config,
    settings: &Settings,
    ready_file: Option<&Path>,
) -> anyhow::Result<Confinement> {
    let mut needed = Confinement {
        read: vec![data_dir.to_owned(), RANDOM.into()],
        write: vec![data_dir.to_owned()],
        bind: vec![config.listen.port()],
        connect: vec![],
        reach: Reach::default(),
        strictness: match config.confinement {
            ConfinementMode::Required => Strictness::Required,
            ConfinementMode::BestEffort => Strictness::BestEffort,
        },
    };
    needed.bind.extend(config.metrics()?.map(|at| at.port()));
    needed.write.extend(ready_file.map(folder_of));
    add_vendors(&mut needed, &settings.collateral)?;
    add_issuers(&mut needed, &settings.authorities);
    // Its process was started before, and has files and sockets of its own.
    needed.reach.token = matches!(config.key_place(data_dir)?, KeyPlace::Token(_));
    match &settings.database {
        Location::File(_) => needed.reach.file = true,
        Location::Postgres(location) => add_database(&mut needed, location.address()),
    }
    Ok(needed)
}

fn add_vendors(needed: &mut Confinement, collateral: &Collateral) -> anyhow::Result<()> {
    // Made before the first step, which lets nothing be made elsewhere; only its last part, so that a slip makes nothing.
    match DirBuilder::new().mode(0o700).create(&collateral.directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(error)
                .with_context(|| format!("cannot make {}", collateral.directory.display()));
        }
        _ => {}
    }
    needed.read.push(collateral.directory.clone());
    needed.write.push(collateral.directory.clone());
    if collateral.offline {
        return Ok(());
    }
    needed.reach.fetch = true;
    needed.read.extend(collateral.ca_file.clone());
    if collateral.ca_file.is_none() {
        needed.read.push(AUTHORITIES.into());
    }
    let vendors = &collateral.vendors;
    for address in [&vendors.amd, &vendors.intel, &vendors.intel_root_list] {
        needed.connect.push(address.port());
    }
    add_names(needed);
    Ok(())
}

fn add_issuers(needed: &mut Confinement, authorities: &Authorities) {
    needed.read.extend(authorities.files.clone());
    if !authorities.ports.is_empty() {
        needed.reach.fetch = true;
        needed.connect.extend(&authorities.ports);
        add_names(needed);
    }
}

fn add_database(needed: &mut Confinement, database: ServerAddress) {
    needed.reach.database = true;
    needed.connect.extend(database.ports);
    needed.read.extend(database.roots);
    if database.is_named {
        add_names(needed);
    }
}

fn add_names(needed: &mut Confinement) {
    needed.reach.names = true;
    needed.read.extend(RESOLVER.map(PathBuf::from));
    // A question by TCP, where the answer is too long for UDP.
    needed.connect.push(53);
}

/// The directory that a file is made in.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The second step; the journal and the metrics say what holds.
///
/// # Errors
/// What is required does not hold.
pub fn finish(begun: Begun, journal: &Journal, metrics: &Metrics) -> anyhow::Result<()> {
    let report = begun.finish()?;
    for layer in Layer::ALL {
        metrics.confined(layer.name(), report.has(layer));
    }
    match report.is_whole() {
        true => journal.info("confined", &report),
        false => journal.error("confined", &report),
    }
    Ok(())
}

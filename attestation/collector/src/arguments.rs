//! Options that commands share.

use anyhow::{Context, Result};
use attestation_collateral::{Address, Channel, Collateral, Machine, Settings, Surroundings};
use attestation_snp::Anchors;
use attestation_tdx::TrustedRoot;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::files;
use crate::moment::{Moment, StandStill};
use crate::output::Output;

/// A certificate.
const MOST_ROOT: usize = 64 << 10;

/// Where everything is kept, and how.
#[derive(clap::Args)]
pub struct Kept {
    /// The directory that everything is kept in: made, and begun, if it is not there.
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// Which of Intel's two channels the directory is of: one, from its beginning on.
    #[arg(long, value_enum, value_name = "CHANNEL", default_value = "standard")]
    update: Update,
    /// Look at dates as of this time, RFC 3339 or seconds since 1970-01-01 UTC; now when not given.
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// Trust this root alone in the place of AMD's: for certificates made for tests.
    #[arg(long, value_name = "FILE")]
    amd_root: Option<PathBuf>,
    /// Trust this root alone in the place of Intel's: for collateral made for tests.
    #[arg(long, value_name = "FILE")]
    intel_root: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Output,
}

/// Who is asked.
#[derive(clap::Args)]
#[command(next_help_heading = "Who is asked")]
pub struct Asking {
    /// AMD's Key Distribution Service, or what keeps its answers.
    #[arg(long, value_name = "URL")]
    kds: Option<Address>,
    /// Intel's Provisioning Certification Service, or a PCCS.
    #[arg(long, value_name = "URL")]
    pcs: Option<Address>,
    /// The revocation list of Intel's root: the whole address.
    #[arg(long, value_name = "URL")]
    intel_root_list: Option<Address>,
    /// Certificate authorities that vouch for these servers, PEM; the machine's own when not given.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long to try at most, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
    /// Ask nobody: what is kept is all there is.
    #[arg(long)]
    offline: bool,
}

/// One of Intel's channels.
#[derive(Clone, Copy, ValueEnum)]
enum Update {
    /// What platforms have had time to catch up with.
    Standard,
    /// On the day of the disclosure.
    Early,
}

impl Asking {
    /// How long to try.
    pub const fn within(&self) -> Duration {
        Duration::from_secs(self.within)
    }
}

impl Kept {
    /// Opens the directory; without `asking`, nobody is asked.
    ///
    /// # Errors
    /// It cannot be used, or a root cannot be read.
    pub fn open(&self, asking: Option<&Asking>) -> Result<Collateral> {
        let mut settings = Settings::new(&self.cache);
        settings.offline = true;
        settings.vendors.channel = match self.update {
            Update::Standard => Channel::Standard,
            Update::Early => Channel::Early,
        };
        if let Some(path) = &self.amd_root {
            settings.amd = amd_root(path)?;
        }
        if let Some(path) = &self.intel_root {
            settings.intel = intel_root(path)?;
        }
        if let Some(asking) = asking {
            asking.put_into(&mut settings);
        }
        let surroundings: Arc<dyn Surroundings> = match self.at {
            Some(at) => Arc::new(StandStill::at(at)),
            None => Arc::new(Machine::default()),
        };
        Collateral::open_with(settings, surroundings)
            .with_context(|| format!("--cache {} cannot be used", self.cache.display()))
    }
}

impl Asking {
    fn put_into(&self, settings: &mut Settings) {
        let vendors = &mut settings.vendors;
        for (given, place) in [
            (&self.kds, &mut vendors.amd),
            (&self.pcs, &mut vendors.intel),
            (&self.intel_root_list, &mut vendors.intel_root_list),
        ] {
            if let Some(address) = given {
                *place = address.clone();
            }
        }
        settings.ca_file.clone_from(&self.ca_file);
        settings.offline = self.offline;
        // Who types a command has the time.
        settings.refresh_patience = self.within();
    }
}

fn amd_root(path: &Path) -> Result<Anchors> {
    let bytes = files::read("--amd-root", path, MOST_ROOT)?;
    Anchors::explicit(&bytes)
        .with_context(|| format!("--amd-root {} cannot be used", path.display()))
}

fn intel_root(path: &Path) -> Result<TrustedRoot> {
    let bytes = files::read("--intel-root", path, MOST_ROOT)?;
    TrustedRoot::named(&bytes)
        .with_context(|| format!("--intel-root {} cannot be used", path.display()))
}

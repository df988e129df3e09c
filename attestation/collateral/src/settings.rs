//! How everything is asked for and kept: said once, when it is opened.

use std::path::PathBuf;
use std::time::Duration;

use attestation_snp::Anchors;
use attestation_tdx::TrustedRoot;

use crate::Address;

/// Which of Intel's two channels is asked. Nothing in a document says which it came by, and what one channel has raised
/// the other does not reach for months: so it is chosen once for each directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// What a platform has had time to catch up with.
    Standard,
    /// On the day of the disclosure.
    Early,
}

impl Channel {
    /// As Intel's service spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Early => "early",
        }
    }
}

/// Who is asked, and where.
#[derive(Debug, Clone)]
pub struct Vendors {
    /// AMD's KDS, or what keeps its answers.
    pub amd: Address,
    /// Intel's PCS, or a PCCS.
    pub intel: Address,
    /// The revocation list of Intel's root: the whole address. A PCCS has it under `/sgx/certification/v4/rootcacrl`.
    pub intel_root_list: Address,
    /// Of Intel's documents.
    pub channel: Channel,
}

impl Vendors {
    /// Whether all are this machine, by plain HTTP: then nobody has to vouch for a server.
    pub(crate) fn are_all_plain(&self) -> bool {
        let all = [&self.amd, &self.intel, &self.intel_root_list];
        all.iter().all(|address| address.is_plain())
    }
}

impl Default for Vendors {
    /// The vendors themselves.
    fn default() -> Self {
        let known = |address: &str| address.parse().expect("a test reads them");
        Self {
            amd: known("https://kdsintf.amd.com"),
            intel: known("https://api.trustedservices.intel.com"),
            intel_root_list: known(
                "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            ),
            channel: Channel::Standard,
        }
    }
}

/// How often a vendor may be asked for what evidence names: whoever sends evidence makes such names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many at once.
    pub burst: u32,
    /// One more after each of these.
    pub every: Duration,
}

/// How everything is asked for and kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory that everything is kept in: made, and begun, if it is not there.
    pub directory: PathBuf,
    /// Whether a vendor is asked at all. Where not, what was imported is all there is.
    pub offline: bool,
    /// Who is asked.
    pub vendors: Vendors,
    /// Certificate authorities that vouch for the vendors' servers, PEM; the machine's own where there is none.
    pub ca_file: Option<PathBuf>,
    /// The roots that AMD's certificates end in.
    pub amd: Anchors,
    /// The root that Intel's certificates end in.
    pub intel: TrustedRoot,
    /// Whether SNP certificates are handed out without a revocation list where there is none to be had. An error
    /// otherwise: who keeps a list back hides what it revokes.
    pub allow_no_list: bool,
    /// How often lists and documents that are still in their dates are asked for again.
    pub refresh_every: Duration,
    /// How long a question waits for a newer piece where one in its dates is there.
    pub refresh_patience: Duration,
    /// For how long "there is none" is believed.
    pub remember_missing: Duration,
    /// What a vendor is asked for at most that evidence named.
    pub budget: Budget,
    /// The most VCEKs that are kept; the one that was not used for longest makes room.
    pub most_veks: usize,
}

impl Settings {
    /// The vendors and their roots, kept in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            offline: false,
            vendors: Vendors::default(),
            ca_file: None,
            amd: Anchors::builtin(),
            intel: TrustedRoot::intel(),
            allow_no_list: false,
            refresh_every: Duration::from_secs(24 * 3600),
            refresh_patience: Duration::from_secs(3),
            remember_missing: Duration::from_secs(600),
            budget: Budget {
                burst: 20,
                every: Duration::from_secs(5),
            },
            most_veks: 10_000,
        }
    }
}

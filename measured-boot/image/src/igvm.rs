//! A launch through the boot shim as an IGVM file, for other VMMs.
//!
//! Other VMMs have no staging area: here kernel, initrd, command line and ACPI tables are pages of the
//! launch itself, unmeasured and already where they go; the shim checks them in place. Who fills in the
//! memory map is the VMM, by the format's own parameter.
//!
//! Source: the documentation of the crate `igvm_defs` 0.5, format version 1.

mod in_place;
mod layout;
mod writer;

use measured_boot_plan::{BootProtocol, LaunchConfig, PlanError, Sources, TeeKind, plan};
use measured_boot_shim_abi::Refusal;

use self::layout::Page;
use self::writer::Writer;

/// A TEE that a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgvmPlatform {
    /// SEV-SNP.
    Snp,
    /// TDX.
    Tdx,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum IgvmError {
    /// An IGVM file holds the boot shim.
    #[error(
        "[boot] protocol is {0}: an IGVM file is made of a launch through the shim; write \"shim\""
    )]
    NotShim(&'static str),
    /// An ID block is for one launch digest.
    #[error(
        "[tee] id_block signs the digest of another launch; leave it out, and sign the file's digest"
    )]
    IdBlock,
    /// The launch itself.
    #[error("no launch for {platform}")]
    Plan {
        /// The platform's name.
        platform: &'static str,
        /// Why not.
        #[source]
        source: PlanError,
    },
    /// More pieces of memory than a load table has room for.
    #[error("the kernel has too many segments for a load table with everything in place")]
    TooManyRanges,
    /// The shim would refuse it, with everything in place.
    #[error("the boot shim would refuse this launch: {}", .0.sentence())]
    Refused(Refusal),
    /// The file's offsets have 32 bits.
    #[error("the file would be larger than 4 GiB")]
    TooLarge,
}

impl IgvmPlatform {
    /// Its name, as configurations have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.tee().name()
    }

    /// Its bit in the headers of a file.
    const fn mask(self) -> u32 {
        match self {
            Self::Snp => 1,
            Self::Tdx => 2,
        }
    }

    const fn tee(self) -> TeeKind {
        match self {
            Self::Snp => TeeKind::Snp,
            Self::Tdx => TeeKind::Tdx,
        }
    }

    /// IgvmPlatformType.
    const fn number(self) -> u8 {
        match self {
            Self::Snp => 2,
            Self::Tdx => 3,
        }
    }
}

/// The IGVM file of a launch, for these platforms. The same configuration and files, the same bytes.
///
/// # Errors
/// [`IgvmError`].
pub fn build_igvm(
    config: &LaunchConfig,
    sources: &Sources<'_>,
    platforms: &[IgvmPlatform],
) -> Result<Vec<u8>, IgvmError> {
    if config.boot.protocol != BootProtocol::Shim {
        return Err(IgvmError::NotShim(config.boot.protocol.name()));
    }
    if config.tee.id_block.is_some() {
        return Err(IgvmError::IdBlock);
    }
    let mut writer = Writer::default();
    let mut pages: Vec<Page> = Vec::new();
    let mut plans = Vec::new();
    for platform in platforms {
        plans.push((*platform, plan_for(*platform, config, sources)?));
    }
    for (platform, plan) in &plans {
        writer.platform(*platform);
        pages.extend(layout::pages(*platform, plan, sources)?);
    }
    for (platform, plan) in &plans {
        if *platform == IgvmPlatform::Snp {
            writer.policy(*platform, plan.policy.0.bits());
        }
    }
    writer.pages(&layout::merged(pages))?;
    for (platform, plan) in &plans {
        for (index, vmsa) in (0..).zip(layout::vmsas(*platform, plan)) {
            writer.vp_context(*platform, index, &vmsa)?;
        }
    }
    writer.finish()
}

fn plan_for(
    platform: IgvmPlatform,
    config: &LaunchConfig,
    sources: &Sources<'_>,
) -> Result<measured_boot_plan::LaunchPlan, IgvmError> {
    let mut config = config.clone();
    config.tee.kind = platform.tee();
    plan(&config, sources).map_err(|source| IgvmError::Plan {
        platform: platform.name(),
        source,
    })
}

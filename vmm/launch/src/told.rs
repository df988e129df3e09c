//! What a host learns of a measurement.

use measured_boot_digest::LaunchDigest;

/// What the TEE told the host about the launch that it measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The launch digest itself: it is compared here.
    Digest(LaunchDigest),
    /// That it is the one in this ID block: the firmware compares it before it lets a guest run
    /// (AMD 56860 rev 1.58, SNP_LAUNCH_FINISH), and no command tells it to the host.
    HeldByIdBlock(LaunchDigest),
    /// Nothing: the guest's own report is the first to show it.
    Nothing,
}

impl Told {
    /// The digest that was told, directly or by an ID block that holds it.
    #[must_use]
    pub fn digest(self) -> Option<LaunchDigest> {
        match self {
            Self::Digest(digest) | Self::HeldByIdBlock(digest) => Some(digest),
            Self::Nothing => None,
        }
    }

    /// Its name in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Digest(_) => "tee",
            Self::HeldByIdBlock(_) => "id-block",
            Self::Nothing => "guest-report",
        }
    }

    /// For people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Digest(_) => "predicted; the TEE reported the same",
            Self::HeldByIdBlock(_) => "predicted; the firmware compared it with the ID block",
            Self::Nothing => "predicted; the guest's own report will show it",
        }
    }
}

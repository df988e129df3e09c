//! The sections that have a meaning in unified kernel images.

use crate::SectionName;
use std::fmt;

/// A section that systemd-stub knows, in the order in which stubs measure them, whatever the file's order.
///
/// Source: systemd `src/fundamental/uki.h`; the order has not changed since 252, sections were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnifiedSection {
    /// The kernel.
    Linux,
    /// os-release.
    OsRel,
    /// The command line.
    Cmdline,
    /// The initrd.
    Initrd,
    /// Microcode for an early initrd.
    Ucode,
    /// A boot splash.
    Splash,
    /// A device tree.
    Dtb,
    /// What `uname -r` will say.
    Uname,
    /// Generations for revocation.
    Sbat,
    /// Signatures of expected PCR values: never measured, since they sign what results.
    PcrSig,
    /// The key of these signatures.
    PcrPkey,
    /// Begins a profile.
    Profile,
    /// Device trees of which the stub picks the machine's.
    DtbAuto,
    /// Which machine is which.
    HwIds,
    /// Firmware of which the stub picks the machine's.
    EfiFw,
}

impl UnifiedSection {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 15] = [
        Self::Linux,
        Self::OsRel,
        Self::Cmdline,
        Self::Initrd,
        Self::Ucode,
        Self::Splash,
        Self::Dtb,
        Self::Uname,
        Self::Sbat,
        Self::PcrSig,
        Self::PcrPkey,
        Self::Profile,
        Self::DtbAuto,
        Self::HwIds,
        Self::EfiFw,
    ];

    /// Its name, as it is measured (with a NUL).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => ".linux",
            Self::OsRel => ".osrel",
            Self::Cmdline => ".cmdline",
            Self::Initrd => ".initrd",
            Self::Ucode => ".ucode",
            Self::Splash => ".splash",
            Self::Dtb => ".dtb",
            Self::Uname => ".uname",
            Self::Sbat => ".sbat",
            Self::PcrSig => ".pcrsig",
            Self::PcrPkey => ".pcrpkey",
            Self::Profile => ".profile",
            Self::DtbAuto => ".dtbauto",
            Self::HwIds => ".hwids",
            Self::EfiFw => ".efifw",
        }
    }

    /// The first version of systemd whose stub knows it.
    pub const fn since(self) -> u16 {
        match self {
            Self::Uname => 254,
            Self::Sbat => 255,
            Self::Ucode => 256,
            Self::Profile | Self::DtbAuto | Self::HwIds => 257,
            Self::EfiFw => 258,
            _ => 252,
        }
    }

    /// The section of that name.
    pub fn named(name: SectionName) -> Option<Self> {
        let name = name.as_str();
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    /// Whether the stub takes one of several by the machine that it runs on.
    pub const fn is_matched(self) -> bool {
        matches!(self, Self::DtbAuto | Self::EfiFw)
    }
}

impl fmt::Display for UnifiedSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

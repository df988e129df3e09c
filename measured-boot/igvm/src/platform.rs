//! The platforms that a file is for.

use crate::fault::Rule;
use crate::{IgvmFault, structure::Structure};
use std::fmt;

/// A platform that the file is for (IGVM_VHS_SUPPORTED_PLATFORM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Which it is.
    pub kind: PlatformKind,
    /// The bit by which headers say that they are for it.
    pub mask: u32,
    /// The highest virtual trust level of its guests.
    pub highest_vtl: u8,
    /// From where on memory is shared with the host; 0 where the guest decides.
    pub shared_gpa_boundary: u64,
}

/// What runs the guest (IgvmPlatformType).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlatformKind {
    /// 0: no isolation.
    Native,
    /// 1: Hyper-V's VSM.
    Vsm,
    /// 2: AMD SEV-SNP.
    SevSnp,
    /// 3: Intel TDX.
    Tdx,
    /// 4: AMD SEV.
    Sev,
    /// 5: AMD SEV-ES.
    SevEs,
    /// 6: Arm CCA.
    Cca,
}

impl Platform {
    pub(crate) fn read(structure: &Structure<'_>) -> Result<Self, IgvmFault> {
        let mut body = structure.body;
        let at = body.offset();
        let mask = body.u32()?;
        if !mask.is_power_of_two() {
            return Err(Rule::MaskNotOneBit(mask).at(at));
        }
        let highest_vtl = body.u8()?;
        let number = body.u8()?;
        let kind = PlatformKind::of(number).ok_or(Rule::PlatformUnknown(number).at(at + 5))?;
        let version = body.u16()?;
        if version != 1 {
            return Err(Rule::PlatformVersion(version).at(at + 6));
        }
        Ok(Self {
            kind,
            mask,
            highest_vtl,
            shared_gpa_boundary: body.u64()?,
        })
    }
}

impl PlatformKind {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Native,
            1 => Self::Vsm,
            2 => Self::SevSnp,
            3 => Self::Tdx,
            4 => Self::Sev,
            5 => Self::SevEs,
            6 => Self::Cca,
            _ => return None,
        })
    }
}

impl fmt::Display for PlatformKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Vsm => "VSM",
            Self::SevSnp => "SEV-SNP",
            Self::Tdx => "TDX",
            Self::Sev => "SEV",
            Self::SevEs => "SEV-ES",
            Self::Cca => "CCA",
        })
    }
}

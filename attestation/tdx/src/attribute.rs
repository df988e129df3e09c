//! The bits of TD_ATTRIBUTES.

use serde::{Deserialize, Serialize};

/// A defined attribute of a TD outside the group that opens it (bits 0 to 7).
///
/// Source: Intel *TDX Module ABI Specification* 348551-008US, table 3.23. Key Locker (bit 31) is reserved there and
/// was defined before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TdAttribute {
    /// Bit 16, ICSSD: single steps are noticed by counting instructions.
    Icssd,
    /// Bit 17, SERVTD_EXT: the report has a hash of what service TDs may do.
    ServtdExt,
    /// Bit 27, LASS: linear address space separation may be used.
    Lass,
    /// Bit 28, SEPT_VE_DISABLE: the host cannot make the TD fault by taking its pages away.
    SeptVeDisable,
    /// Bit 29, MIGRATABLE: a migration TD may move it.
    Migratable,
    /// Bit 30, PKS: supervisor protection keys may be used.
    Pks,
    /// Bit 31, KL: Key Locker may be used.
    Kl,
    /// Bit 62, TPA: a provisioning agent of TDX Connect.
    Tpa,
    /// Bit 63, PERFMON: performance counters may be used.
    Perfmon,
}

impl TdAttribute {
    /// All of them, the lowest bit first.
    pub const ALL: [Self; 9] = [
        Self::Icssd,
        Self::ServtdExt,
        Self::Lass,
        Self::SeptVeDisable,
        Self::Migratable,
        Self::Pks,
        Self::Kl,
        Self::Tpa,
        Self::Perfmon,
    ];

    /// Its bit, as a mask.
    pub const fn mask(self) -> u64 {
        1 << match self {
            Self::Icssd => 16,
            Self::ServtdExt => 17,
            Self::Lass => 27,
            Self::SeptVeDisable => 28,
            Self::Migratable => 29,
            Self::Pks => 30,
            Self::Kl => 31,
            Self::Tpa => 62,
            Self::Perfmon => 63,
        }
    }

    /// Intel's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icssd => "ICSSD",
            Self::ServtdExt => "SERVTD_EXT",
            Self::Lass => "LASS",
            Self::SeptVeDisable => "SEPT_VE_DISABLE",
            Self::Migratable => "MIGRATABLE",
            Self::Pks => "PKS",
            Self::Kl => "KL",
            Self::Tpa => "TPA",
            Self::Perfmon => "PERFMON",
        }
    }
}

/// What lets service TDs move or change a TD.
pub(crate) const OPEN_TO_SERVICE_TDS: u64 =
    TdAttribute::Migratable.mask() | TdAttribute::ServtdExt.mask();
/// The group that opens a TD to its host (TUD).
pub(crate) const UNDER_DEBUG: u64 = 0xFF;
/// DEBUG: the host may read and write the TD's memory and registers.
pub(crate) const DEBUG: u64 = 1;

/// Bits that no TD has.
pub(crate) fn reserved(attributes: u64) -> u64 {
    let defined = TdAttribute::ALL
        .iter()
        .fold(UNDER_DEBUG, |bits, attribute| bits | attribute.mask());
    attributes & !defined
}

//! Trustworthiness vectors of draft-ietf-rats-ar4si-10.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a claim's value, or an appraisal, amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustTier {
    /// Nothing was found out: values -1 (the verifier failed), 0 (no claim), 1 (evidence that it cannot read).
    None,
    /// As it should be: 2 to 31 and -2 to -32.
    Affirming,
    /// Known to be weak: 32 to 95 and -33 to -96.
    Warning,
    /// Not to be trusted: 96 to 127 and -97 to -128.
    Contraindicated,
}

impl TrustTier {
    /// The tier of a claim's value.
    pub fn of(value: i8) -> Self {
        match value {
            -1..=1 => Self::None,
            -32..=31 => Self::Affirming,
            -96..=95 => Self::Warning,
            _ => Self::Contraindicated,
        }
    }

    /// The name in EAR tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Affirming => "affirming",
            Self::Warning => "warning",
            Self::Contraindicated => "contraindicated",
        }
    }
}

impl fmt::Display for TrustTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A question that a trustworthiness vector answers; the list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustClaim {
    /// Which instance it is.
    InstanceIdentity,
    /// How it is configured.
    Configuration,
    /// What it runs.
    Executables,
    /// What its file system holds.
    FileSystem,
    /// What it runs on.
    Hardware,
    /// Who may read its memory.
    RuntimeOpaque,
    /// Who may read what it stores.
    StorageOpaque,
    /// Where its data comes from.
    SourcedData,
}

impl TrustClaim {
    /// The name in policies and tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::InstanceIdentity => "instance-identity",
            Self::Configuration => "configuration",
            Self::Executables => "executables",
            Self::FileSystem => "file-system",
            Self::Hardware => "hardware",
            Self::RuntimeOpaque => "runtime-opaque",
            Self::StorageOpaque => "storage-opaque",
            Self::SourcedData => "sourced-data",
        }
    }
}

/// What a policy claims. Reading one refuses names that AR4SI does not have and values out of -128 to 127.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustVector(BTreeMap<TrustClaim, i8>);

impl TrustVector {
    /// Each claim and its value.
    pub fn iter(&self) -> impl Iterator<Item = (TrustClaim, i8)> {
        self.0.iter().map(|(claim, value)| (*claim, *value))
    }

    /// Whether it claims nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claims that are neither silent (0) nor affirming. -1 and 1 are among them: they say that something went
    /// wrong, though their tier is "none".
    pub fn bad(&self) -> impl Iterator<Item = (TrustClaim, i8)> {
        self.iter()
            .filter(|(_, value)| *value != 0 && TrustTier::of(*value) != TrustTier::Affirming)
    }

    /// None bad, and at least one affirming.
    pub fn affirms(&self) -> bool {
        self.bad().next().is_none()
            && self
                .iter()
                .any(|(_, value)| TrustTier::of(value) == TrustTier::Affirming)
    }

    /// The worst tier of all claims.
    pub fn tier(&self) -> TrustTier {
        let worst = self.iter().map(|(_, value)| TrustTier::of(value)).max();
        let worst = worst.unwrap_or(TrustTier::None);
        // Values -1 and 1 say that something is amiss: what others affirm does not cover it.
        let amiss = self
            .bad()
            .any(|(_, value)| TrustTier::of(value) == TrustTier::None);
        match worst {
            TrustTier::Affirming if amiss => TrustTier::None,
            worst => worst,
        }
    }
}

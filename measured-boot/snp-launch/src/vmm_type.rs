//! The VMMs whose launches are known.

use std::str::FromStr;

/// A VMM, as far as its launches differ from another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmmType {
    /// QEMU on KVM of Linux 6.10 or later.
    Qemu,
    /// Amazon EC2.
    Ec2,
    /// Google Compute Engine.
    Gce,
    /// Cloister on KVM: the same calls as QEMU's.
    Cloister,
}

/// There is no such VMM type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("VMM type `{0}` is not known: qemu, ec2, gce and cloister are")]
pub struct UnknownVmmType(String);

impl VmmType {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Ec2 => "ec2",
            Self::Gce => "gce",
            Self::Cloister => "cloister",
        }
    }
}

impl FromStr for VmmType {
    type Err = UnknownVmmType;

    /// Names without regard to case: other tools print them in capitals.
    fn from_str(name: &str) -> Result<Self, UnknownVmmType> {
        [Self::Qemu, Self::Ec2, Self::Gce, Self::Cloister]
            .into_iter()
            .find(|vmm| vmm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownVmmType(name.to_owned()))
    }
}

//! What is tried: one launch each.

use serde::{Deserialize, Serialize};
use vmm_host_facts::Tee;

/// What a launch is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// It is measured as predicted and runs, with one vCPU.
    OneVcpu,
    /// The same, with two.
    TwoVcpus,
    /// The ID block is of another digest, by one bit: the firmware must refuse the launch.
    OtherDigest,
    /// A byte of the kernel, which the launch does not measure, is another: the boot shim must refuse it.
    ChangedKernel,
}

/// A launch on a TEE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trial {
    /// Where.
    pub tee: Tee,
    /// What for.
    pub case: Case,
}

impl Case {
    const ALL: [Self; 4] = [
        Self::OneVcpu,
        Self::TwoVcpus,
        Self::OtherDigest,
        Self::ChangedKernel,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::OneVcpu => "1-vcpu",
            Self::TwoVcpus => "2-vcpus",
            Self::OtherDigest => "other-digest",
            Self::ChangedKernel => "changed-kernel",
        }
    }

    /// vCPUs of the guest.
    pub fn vcpus(self) -> u32 {
        match self {
            Self::TwoVcpus => 2,
            Self::OneVcpu | Self::OtherDigest | Self::ChangedKernel => 1,
        }
    }

    /// Only SEV-SNP has an ID block.
    fn is_for(self, tee: Tee) -> bool {
        self != Self::OtherDigest || tee == Tee::Snp
    }
}

impl Trial {
    /// Everything that is tried on a TEE, in order.
    pub fn on(tee: Tee) -> impl Iterator<Item = Self> {
        let cases = Case::ALL.into_iter().filter(move |case| case.is_for(tee));
        cases.map(move |case| Self { tee, case })
    }

    /// As reports have it.
    pub fn name(self) -> String {
        format!("{} {}", self.tee, self.case.name())
    }
}

impl From<Trial> for String {
    fn from(trial: Trial) -> Self {
        trial.name()
    }
}

impl TryFrom<String> for Trial {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut all = Tee::ALL.into_iter().flat_map(Self::on);
        all.find(|trial| trial.name() == name)
            .ok_or_else(|| format!("nothing of the name {name:?} is tried"))
    }
}

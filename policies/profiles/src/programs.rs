//! The profiles that exist, built into whoever enforces them.

use crate::Profile;

/// A process, or a part of one, that has a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `cloister-blk`.
    Blk,
    /// `cloister-vsock`.
    Vsock,
    /// `cloister-simulated-tee`.
    SimulatedTee,
    /// The main thread of `cloister-vmm`.
    Vmm,
    /// A vCPU thread of `cloister-vmm`.
    VmmVcpu,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 5] = [
        Program::Blk,
        Program::Vsock,
        Program::SimulatedTee,
        Program::Vmm,
        Program::VmmVcpu,
    ];

    /// What it may do.
    pub fn profile(self) -> Profile {
        Profile::from_toml(self.text()).expect("a test reads every built-in profile")
    }

    fn text(self) -> &'static str {
        match self {
            Program::Blk => include_str!("../blk.toml"),
            Program::Vsock => include_str!("../vsock.toml"),
            Program::SimulatedTee => include_str!("../simulated-tee.toml"),
            Program::Vmm => include_str!("../vmm.toml"),
            Program::VmmVcpu => include_str!("../vmm-vcpu.toml"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_profiles_all_are_readable_and_named_after_their_files() {
        for (program, name) in [
            (Program::Blk, "blk"),
            (Program::Vsock, "vsock"),
            (Program::SimulatedTee, "simulated-tee"),
            (Program::Vmm, "vmm"),
            (Program::VmmVcpu, "vmm-vcpu"),
        ] {
            assert_eq!(Profile::from_toml(program.text()).unwrap().name(), name);
        }
    }
}

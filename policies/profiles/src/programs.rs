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

    /// With MSG_FASTOPEN and an address, sending connects: also a socket that was connected once.
    #[test]
    fn sending_never_connects() {
        const FAST_OPEN: u64 = 0x2000_0000;
        let address = 0x7fff_0000;
        for program in Program::ALL {
            let profile = program.profile();
            for flags in [0, 0x40, 0x4000, 0x4040] {
                for call in ["sendto", "sendmsg", "sendmmsg"] {
                    let to = [5, 1, 1, flags | FAST_OPEN, address, 16];
                    let message = [5, 1, flags | FAST_OPEN, 0, 0, 0];
                    let arguments = if call == "sendto" { to } else { message };
                    let none = [0_usize; 0];
                    assert_eq!(
                        profile.allowing(call, &arguments),
                        none,
                        "{program:?} {call}"
                    );
                }
                let anywhere = [5, 1, 1, flags, address, 16];
                assert!(profile.allowing("sendto", &anywhere).is_empty());
            }
        }
    }
}

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
    Vmm(Guest),
    /// A vCPU thread of `cloister-vmm`.
    VmmVcpu(Guest),
    /// `cloister-verifier serve`, every thread of it.
    Verifier(Reach),
}

/// What `cloister-verifier serve` reaches, by its configuration: each needs some calls that no other does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// A store in a file.
    pub file: bool,
    /// A store in a database, over TCP or a Unix socket.
    pub database: bool,
    /// Vendors' collateral or issuers' keys, over HTTPS.
    pub fetch: bool,
    /// Any of them by a name.
    pub names: bool,
    /// A PKCS#11 token, by way of a process that was started before.
    pub token: bool,
}

impl Reach {
    /// Nothing: for tests of what every verifier may do.
    const NOTHING: Reach = Reach {
        file: false,
        database: false,
        fetch: false,
        names: false,
        token: false,
    };
    const FILE: Reach = Reach {
        file: true,
        ..Reach::NOTHING
    };
    const DATABASE: Reach = Reach {
        database: true,
        ..Reach::NOTHING
    };
    const ALL: Reach = Reach {
        file: true,
        database: true,
        fetch: true,
        names: true,
        token: true,
    };
}

/// Whose VM `cloister-vmm` runs: each needs some calls that no other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// The simulated TEE's.
    Simulated,
    /// The simulated TEE's, with private memory that nothing encrypts: for tests of conversions.
    SoftwareProtected,
    /// SEV-SNP's.
    Snp,
    /// TDX's.
    Tdx,
}

impl Program {
    /// All of them.
    pub const ALL: [Program; 14] = [
        Program::Blk,
        Program::Vsock,
        Program::SimulatedTee,
        Program::Vmm(Guest::Simulated),
        Program::Vmm(Guest::SoftwareProtected),
        Program::Vmm(Guest::Snp),
        Program::Vmm(Guest::Tdx),
        Program::VmmVcpu(Guest::Simulated),
        Program::VmmVcpu(Guest::SoftwareProtected),
        Program::VmmVcpu(Guest::Snp),
        Program::VmmVcpu(Guest::Tdx),
        Program::Verifier(Reach::FILE),
        Program::Verifier(Reach::DATABASE),
        Program::Verifier(Reach::ALL),
    ];

    /// What it may do.
    pub fn profile(self) -> Profile {
        const READ: &str = "a test reads every built-in profile";
        let (whole, parts) = self.text();
        let profile = Profile::from_toml(whole).expect(READ);
        parts.iter().fold(profile, |profile, part| {
            profile.with_part(part).expect(READ)
        })
    }

    /// A profile, and the parts that are added to it.
    fn text(self) -> (&'static str, Vec<&'static str>) {
        match self {
            Program::Blk => (include_str!("../blk.toml"), vec![]),
            Program::Vsock => (include_str!("../vsock.toml"), vec![]),
            Program::SimulatedTee => (include_str!("../simulated-tee.toml"), vec![]),
            Program::Vmm(guest) => (include_str!("../vmm.toml"), vmm_parts(guest).to_vec()),
            Program::VmmVcpu(guest) => {
                (include_str!("../vmm-vcpu.toml"), vcpu_parts(guest).to_vec())
            }
            Program::Verifier(reach) => (include_str!("../verifier.toml"), verifier_parts(reach)),
        }
    }
}

fn verifier_parts(reach: Reach) -> Vec<&'static str> {
    let is_client = reach.database || reach.fetch || reach.names;
    let parts = [
        (reach.file, include_str!("../verifier-file.toml")),
        (is_client, include_str!("../verifier-outbound.toml")),
        (reach.database, include_str!("../verifier-database.toml")),
        (reach.fetch, include_str!("../verifier-fetch.toml")),
        // Who fetches has that call already.
        (
            reach.token && !reach.fetch,
            include_str!("../verifier-token.toml"),
        ),
        (reach.names, include_str!("../verifier-names.toml")),
    ];
    let needed = parts.into_iter().filter(|(is_needed, _)| *is_needed);
    needed.map(|(_, part)| part).collect()
}

fn vmm_parts(guest: Guest) -> &'static [&'static str] {
    match guest {
        Guest::Simulated => &[
            include_str!("../vmm-open-memory.toml"),
            include_str!("../vmm-simulated.toml"),
        ],
        Guest::SoftwareProtected => &[
            include_str!("../vmm-simulated.toml"),
            include_str!("../vmm-private-memory.toml"),
        ],
        Guest::Snp => &[
            include_str!("../vmm-private-memory.toml"),
            include_str!("../vmm-snp.toml"),
        ],
        Guest::Tdx => &[
            include_str!("../vmm-private-memory.toml"),
            include_str!("../vmm-tdx.toml"),
        ],
    }
}

fn vcpu_parts(guest: Guest) -> &'static [&'static str] {
    match guest {
        Guest::Simulated => &[include_str!("../vmm-vcpu-simulated.toml")],
        Guest::SoftwareProtected => &[
            include_str!("../vmm-vcpu-private-memory.toml"),
            include_str!("../vmm-vcpu-simulated.toml"),
        ],
        Guest::Snp => &[
            include_str!("../vmm-vcpu-private-memory.toml"),
            include_str!("../vmm-vcpu-snp.toml"),
        ],
        Guest::Tdx => &[
            include_str!("../vmm-vcpu-private-memory.toml"),
            include_str!("../vmm-vcpu-tdx.toml"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last part's name is the profile's.
    #[test]
    fn builtin_profiles_all_are_readable_and_named_after_their_files() {
        let names = Program::ALL.map(|program| program.profile().name().to_owned());
        assert_eq!(
            names,
            [
                "blk",
                "vsock",
                "simulated-tee",
                "vmm-simulated",
                "vmm-private-memory",
                "vmm-snp",
                "vmm-tdx",
                "vmm-vcpu-simulated",
                "vmm-vcpu-simulated",
                "vmm-vcpu-snp",
                "vmm-vcpu-tdx",
                "verifier-file",
                "verifier-database",
                "verifier-names",
            ]
        );
    }

    fn may(program: Program, request: u64) -> bool {
        let call = [3, request, 0, 0, 0, 0];
        !program.profile().allowing("ioctl", &call).is_empty()
    }

    #[test]
    fn only_a_guest_with_private_memory_has_it_converted() {
        const KVM_SET_MEMORY_ATTRIBUTES: u64 = 0x4020_aed2;
        for (guest, expected) in [
            (Guest::Simulated, false),
            (Guest::SoftwareProtected, true),
            (Guest::Snp, true),
            (Guest::Tdx, true),
        ] {
            for program in [Program::Vmm(guest), Program::VmmVcpu(guest)] {
                assert_eq!(may(program, KVM_SET_MEMORY_ATTRIBUTES), expected);
                let punch = [5, 3, 0, 4096, 0, 0];
                let punches = program.profile().allowing("fallocate", &punch);
                assert_eq!(!punches.is_empty(), expected);
            }
        }
    }

    /// Nothing is allocated, zeroed, collapsed or inserted, and no file grows.
    #[test]
    fn fallocate_only_ever_makes_holes() {
        for program in Program::ALL {
            for mode in [0, 1, 2, 4, 8, 9, 0x10, 0x11, 0x20, 0x40, 0x43] {
                let call = [5, mode, 0, 4096, 0, 0];
                let allowed = program.profile().allowing("fallocate", &call);
                assert!(allowed.is_empty(), "{program:?} {mode}");
            }
        }
    }

    /// A hostile guest drives these threads: they launch nothing, and read no vCPU whose registers are
    /// the processor's.
    #[test]
    fn vcpu_threads_neither_launch_nor_read_protected_registers() {
        const KVM_MEMORY_ENCRYPT_OP: u64 = 0xc008_aeba;
        const KVM_GET_REGS: u64 = 0x8090_ae81;
        for (guest, is_open) in [
            (Guest::Simulated, true),
            (Guest::SoftwareProtected, true),
            (Guest::Snp, false),
            (Guest::Tdx, false),
        ] {
            assert!(!may(Program::VmmVcpu(guest), KVM_MEMORY_ENCRYPT_OP));
            assert_eq!(may(Program::Vmm(guest), KVM_MEMORY_ENCRYPT_OP), !is_open);
            assert_eq!(may(Program::VmmVcpu(guest), KVM_GET_REGS), is_open);
        }
    }

    /// A verifier opens no socket that its configuration does not ask for, and none that could listen to a network's packets.
    #[test]
    fn verifier_has_the_sockets_of_its_configuration_alone() {
        const RAW: u64 = 0x80003;
        let may = |reach, family, kind, protocol| {
            let profile = Program::Verifier(reach).profile();
            let call = [family, kind, protocol, 0, 0, 0];
            !profile.allowing("socket", &call).is_empty()
        };
        for (reach, families) in [
            (Reach::NOTHING, [false; 3]),
            (Reach::FILE, [false; 3]),
            (Reach::DATABASE, [true; 3]),
        ] {
            assert_eq!(
                [1, 2, 10].map(|family| may(reach, family, 0x80801, 0)),
                families
            );
            assert!(!may(reach, 16, RAW, 0));
        }
        // Of netlink's protocols the one that tells addresses, of the internet's no raw socket.
        assert!(may(Reach::ALL, 16, RAW, 0));
        for (family, protocol) in [(16, 9), (16, 12), (2, 0), (10, 0), (17, 0)] {
            assert!(!may(Reach::ALL, family, RAW, protocol), "{family}");
        }
    }

    /// Nothing becomes code that was not when the verifier was started, and no thread becomes a process.
    #[test]
    fn verifier_makes_no_memory_executable_and_no_process() {
        let profile = Program::Verifier(Reach::ALL).profile();
        for flags in [1, 2, 0x22, 0x4022] {
            assert!(
                profile
                    .allowing("mmap", &[0, 4096, 5, flags, 5, 0])
                    .is_empty()
            );
        }
        assert!(
            profile
                .allowing("mprotect", &[0, 4096, 5, 0, 0, 0])
                .is_empty()
        );
        const SIGCHLD: u64 = 17;
        const CLONE_NEWUSER: u64 = 0x1000_0000;
        for flags in [SIGCHLD, 0x3d0f00 | CLONE_NEWUSER, CLONE_NEWUSER] {
            assert!(
                profile
                    .allowing("clone", &[flags, 0, 0, 0, 0, 0])
                    .is_empty()
            );
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

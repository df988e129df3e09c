//! What SEV-SNP needs of the secure processor, and what this KVM tells of itself.

use crate::facts::{Facts, Vendor};
use crate::platform_status::{PlatformStatus, Tcb};
use crate::reading::Reading;
use crate::remedy::RMP;
use crate::requirement::{Requirement, Role, Seen, Test};
use crate::tee::{Tee, Tees};

const SNP: Tees = &[Tee::Snp];
/// The first with the commands that the kernel calls (Linux 6.12 `drivers/crypto/ccp/sev-dev.c`).
const LEAST_API: (u8, u8) = (1, 51);
const UPDATE: &str = "firmware: update the BIOS, or put AMD's newest amd_sev_*.sbin into /lib/firmware/amd and reload ccp";

const fn row(
    item: &'static str,
    about: &'static str,
    role: Role,
    see: fn(&Facts) -> Seen,
    remedy: &'static str,
) -> Requirement {
    Requirement {
        item,
        about,
        role,
        tees: SNP,
        vendor: Some(Vendor::Amd),
        test: Test::By(see),
        remedy,
    }
}

pub const TABLE: [Requirement; 12] = [
    row(
        "sev-passed-in",
        "the secure processor's device is passed in",
        Role::Explains,
        passed_in,
        "pass the device into this container: --device /dev/sev",
    ),
    row(
        "sev-device",
        "the secure processor's device",
        Role::Decides,
        device,
        "load the secure processor's driver: modprobe ccp; where it does not appear, enable SEV in the BIOS",
    ),
    row(
        "snp-initialised",
        "secure processor initialised for SNP",
        Role::Decides,
        |facts| {
            status(facts, |s| {
                Seen::when(
                    s.initialised,
                    format!("SNP state {}", u8::from(s.initialised)),
                )
            })
        },
        "load kvm_amd: it initialises SNP; where it does not, see `dmesg | grep -E 'ccp|SEV'`",
    ),
    row(
        "snp-rmp-initialised",
        "RMP set up",
        Role::Decides,
        |facts| {
            status(facts, |s| {
                Seen::when(
                    s.rmp_initialised,
                    format!("RMP bit {}", u8::from(s.rmp_initialised)),
                )
            })
        },
        RMP,
    ),
    row(
        "snp-api",
        "SNP firmware 1.51 or later",
        Role::Decides,
        api,
        UPDATE,
    ),
    row(
        "snp-tcb",
        "firmware is what reports say that it is",
        Role::Advises,
        tcb,
        "firmware: commit what is running (snphost commit), so that reports show it",
    ),
    row(
        "snp-chip-id",
        "reports name their chip",
        Role::Advises,
        |facts| {
            status(facts, |s| {
                Seen::when(
                    !s.masks_chip_id,
                    if s.masks_chip_id {
                        "the chip's id is masked"
                    } else {
                        "the chip's id is shown"
                    },
                )
            })
        },
        "firmware configuration: unmask the chip's id (SNP_SET_CONFIG), or bring its VCEK certificate along: a verifier cannot fetch it",
    ),
    row(
        "snp-chip-key",
        "reports are signed",
        Role::Advises,
        |facts| {
            status(facts, |s| {
                Seen::when(
                    !s.masks_chip_key,
                    if s.masks_chip_key {
                        "the chip's key is masked: reports carry no signature"
                    } else {
                        "the chip's key signs"
                    },
                )
            })
        },
        "firmware configuration: unmask the chip's key (SNP_SET_CONFIG)",
    ),
    row(
        "snp-signer",
        "who signs reports",
        Role::Tells,
        |facts| {
            status(facts, |s| {
                Seen::has(if s.vlek {
                    "a VLEK is loaded: the provider's key may sign"
                } else {
                    "the chip's VCEK"
                })
            })
        },
        "",
    ),
    row(
        "snp-guests",
        "SNP guests now",
        Role::Tells,
        |facts| status(facts, |s| Seen::has(s.guests.to_string())),
        "",
    ),
    row(
        "snp-vmsa-features",
        "VMSA features that KVM takes",
        Role::Tells,
        |facts| attribute(facts, 0, "KVM does not tell"),
        "",
    ),
    row(
        "snp-certificates",
        "certificates through the VMM",
        Role::Tells,
        certificates,
        "",
    ),
];

fn status(facts: &Facts, see: impl FnOnce(&PlatformStatus) -> Seen) -> Seen {
    match &facts.status {
        Reading::Told(status) => see(status),
        Reading::Absent => Seen::unknown("there is no /dev/sev to ask"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn device(facts: &Facts) -> Seen {
    match &facts.status {
        Reading::Told(_) => Seen::has("it opens, and answers"),
        Reading::Absent => Seen::lacks("there is no /dev/sev"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// KVM that launched SNP before has its driver's device: where it is not seen, it was left out.
fn passed_in(facts: &Facts) -> Seen {
    let in_use = matches!(facts.parameter("kvm_amd.sev_snp"), Reading::Told("Y" | "1"));
    match &facts.status {
        Reading::Told(_) => Seen::has("it is here"),
        Reading::Absent if in_use => Seen::lacks("kvm_amd uses SNP, and there is no /dev/sev here"),
        Reading::Absent => Seen::unknown("SNP is not in use"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn api(facts: &Facts) -> Seen {
    status(facts, |status| {
        let (major, minor) = status.api;
        let found = format!("{major}.{minor} build {}", status.build);
        Seen::when(status.api >= LEAST_API, found)
    })
}

/// From Zen 5 on (family 1Ah) a TCB has another form.
fn tcb(facts: &Facts) -> Seen {
    let has_fmc = facts
        .cpu
        .clone()
        .told()
        .is_some_and(|cpu| cpu.family >= 0x1a);
    status(facts, |status| {
        let tcb = |value| Tcb { value, has_fmc };
        let (current, reported) = (tcb(status.current_tcb), tcb(status.reported_tcb));
        match current.value == reported.value {
            true => Seen::has(current.to_string()),
            false => Seen::lacks(format!("it is {current}; reports say {reported}")),
        }
    })
}

fn attribute(facts: &Facts, number: u64, without: &str) -> Seen {
    match facts.attribute(1, number) {
        Reading::Told(value) => Seen::has(format!("{value:#x}")),
        Reading::Absent => Seen::lacks(without),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn certificates(facts: &Facts) -> Seen {
    match facts.attribute(1, 2) {
        Reading::Told(1) => Seen::has("KVM asks the VMM for them"),
        Reading::Told(_) | Reading::Absent => Seen::lacks("the verifier fetches them"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

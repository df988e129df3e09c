//! The host's package: installed, alone and beside the verifier's, and removed.

use tests_packages::{HOST, VERIFIER};

use crate::machine::Machine;
use crate::support::Made;

#[test]
fn one_command_finds_its_parts_and_those_of_the_other_package() {
    let made = Made::none();
    if made.package(HOST, None).is_none() || made.package(VERIFIER, None).is_none() {
        return;
    }
    let Some(machine) = Machine::boot(made.folder()) else {
        return;
    };
    machine.must("dpkg --install /packages/cloister_*.deb");
    for words in [
        "measure",
        "image",
        "vm",
        "host check",
        "host self-test",
        "simulated-tee",
    ] {
        machine.must(&format!("cloister {words} --help"));
    }
    // It looks at the copy's kernel, which is this machine's; whatever it finds, it ran.
    let checked = machine.run("cloister host check -o json");
    assert!([0, 3].contains(&checked.code), "{}", checked.complained);
    let without = machine.run("cloister verify --help");
    assert_eq!(without.code, 1);
    assert!(
        without.complained.contains("the package cloister-verifier"),
        "{}",
        without.complained
    );
    machine.must("dpkg --install /packages/cloister-verifier_*.deb");
    for words in ["verify", "policy list", "collateral", "verifier", "audit"] {
        machine.must(&format!("cloister {words} --help"));
    }
    machine.must("dpkg --remove cloister");
    assert_eq!(machine.run("dpkg --verify cloister-verifier").said, "");
    assert!(!machine.is("test -e /usr/bin/cloister"));
}

/// What programs look for beside themselves is there: the agent for an initramfs, the shim for a plan.
#[test]
fn installed_image_builder_finds_agent_and_shim() {
    let made = Made::none();
    if made.package(HOST, None).is_none() {
        return;
    }
    let Some(machine) = Machine::boot(made.folder()) else {
        return;
    };
    machine.must("dpkg --install /packages/cloister_*.deb");
    machine.must("cd /tmp && cloister simulated-tee init --help");
    for file in [
        "cloister-agent",
        "cloister-shim",
        "cloister-supervisor",
        "cloister-blk",
        "cloister-vsock",
    ] {
        assert!(
            machine.is(&format!("test -s /usr/lib/cloister/{file}")),
            "{file}"
        );
    }
}

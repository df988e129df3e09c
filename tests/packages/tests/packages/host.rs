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

/// The self-test names and hashes what it launches with: each lies where it is looked for, the boot shim too.
#[test]
fn installed_self_test_finds_all_that_launches() {
    let made = Made::none();
    if made.package(HOST, None).is_none() {
        return;
    }
    let Some(machine) = Machine::boot(made.folder()) else {
        return;
    };
    machine.must("dpkg --install /packages/cloister_*.deb");
    // The copy has no /dev/kvm: what the report says of launches is not looked at here.
    let ran = machine.run("cloister host self-test --out /tmp/report.json");
    for name in [
        "cloister-vmm",
        "cloister-supervisor",
        "cloister-simulated-tee",
        "cloister-image",
        "cloister-shim",
    ] {
        let hash = machine.must(&format!("sha256sum /usr/lib/cloister/{name}"));
        let hash = hash.split(' ').next().unwrap();
        assert!(
            machine.is(&format!("grep -q {hash} /tmp/report.json")),
            "{name}: {}",
            ran.complained
        );
    }
}

//! Every rule that SNP guests or TDs alone have in the VMM's two profiles is used by a launch, and the launch goes
//! well under them. What every guest has is seen under the simulated TEE (`vmm/monitor/tests/profiles.rs`).

use crate::support::recorder::Recorder;
use crate::support::watcher::{BUFFER, BYTES, Watcher, quote, share, tdx, write_register};
use crate::support::{certificate_table, snp_folder, tdx_folder};
use nix::libc::{SYS_clock_gettime, SYS_fallocate, SYS_fcntl, SYS_ioctl, SYS_pread64, SYS_read};
use policies_profiles::{Guest, Program, Rule, Test};
use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::machine::{Folder, Outcome};
use tests_kernel_abi::trace::{Call, Ended, Kernel, Watched};
use vmm_kernel_abi::exit::{self, offset};
use vmm_kernel_abi::tdx::call;

/// Rules that no launch here uses, and why they stay.
const UNSEEN: [(&str, &str); 1] = [(
    "clock_gettime",
    "where the kernel lets the clock be read without a call, as here, there is none",
)];

/// The calls that the rules of one TEE's guests alone are about.
const CALLS: [(&str, i64); 6] = [
    ("clock_gettime", SYS_clock_gettime),
    ("fallocate", SYS_fallocate),
    ("fcntl", SYS_fcntl),
    ("ioctl", SYS_ioctl),
    ("pread64", SYS_pread64),
    ("read", SYS_read),
];

const GUESTS: [Guest; 4] = [
    Guest::Simulated,
    Guest::SoftwareProtected,
    Guest::Snp,
    Guest::Tdx,
];

/// The rules that not every guest has.
fn own_rules(program: fn(Guest) -> Program, guest: Guest) -> Vec<Rule> {
    let profiles = GUESTS.map(|guest| program(guest).profile());
    let own = |rule: &&Rule| {
        let everywhere = profiles
            .iter()
            .all(|profile| profile.rules().contains(rule));
        !everywhere
    };
    let profile = program(guest).profile();
    profile.rules().iter().filter(own).cloned().collect()
}

/// The second argument that a rule demands.
fn request(rule: &Rule) -> Option<u32> {
    let condition = rule.conditions().iter().find(|it| it.argument == 1)?;
    match condition.test {
        Test::Equals(request) => u32::try_from(request).ok(),
        Test::Without(_) => None,
    }
}

/// All that these rules allow.
fn watched(guest: Guest) -> Watched {
    let mut watched = Watched::default();
    for rule in rules_of_both(guest) {
        match rule.name() {
            "ioctl" => watched
                .ioctls
                .push(request(&rule).expect("a rule for ioctl names it")),
            name => watched.calls.push(number(name)),
        }
    }
    watched
}

fn rules_of_both(guest: Guest) -> Vec<Rule> {
    let mut rules = own_rules(Program::Vmm, guest);
    rules.extend(own_rules(Program::VmmVcpu, guest));
    rules
}

fn number(name: &str) -> i64 {
    let found = CALLS.iter().find(|(known, _)| *known == name);
    let (_, number) = found.expect("CALLS has every call of these rules");
    *number
}

fn assert_used(rules: &[Rule], calls: &[Call]) {
    let is_used = |rule: &Rule| {
        let number = number(rule.name());
        let mut calls = calls.iter();
        calls.any(|call| call.number == number && rule.holds(&call.arguments))
    };
    let is_excused = |rule: &Rule| UNSEEN.iter().any(|(name, _)| *name == rule.name());
    let unused: Vec<_> = rules
        .iter()
        .filter(|rule| !is_used(rule) && !is_excused(rule))
        .map(|rule| format!("{}: {}", rule.name(), rule.reason()))
        .collect();
    assert!(!rules.is_empty());
    assert!(unused.is_empty(), "nothing uses {unused:#?}");
}

/// Runs the VMM and looks which rules it needed.
fn run<K: Kernel>(guest: Guest, folder: &Folder, recorder: &mut Recorder<K>) -> Outcome {
    let all = recorder.watched(watched(guest));
    let outcome = folder.run(&all, recorder);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_used(&own_rules(Program::Vmm, guest), &recorder.main());
    assert_used(&own_rules(Program::VmmVcpu, guest), &recorder.vcpus());
    outcome
}

#[test]
fn snp_launch_uses_every_rule_of_its_own() {
    let Some(folder) = snp_folder(2, "certificates = \"certificates.bin\"\n") else {
        return;
    };
    folder.write("certificates.bin", &certificate_table());
    let mut host = Host::new(Kind::Snp);
    let request = [
        (offset::CERTS_GPA, BUFFER),
        (offset::CERTS_NPAGES, 1),
        (offset::CERTS_RET, 0),
    ];
    let request = Exit::new(exit::SNP_REQ_CERTS, &request);
    host.script = Some(Script::new(vec![share(BUFFER, 1), request]));
    host.release.certificates = true;
    let watched = host.watched();
    run(Guest::Snp, &folder, &mut Recorder::new(host, watched));
}

/// Nobody makes quotes here: the guest is told so, by the interrupt that it wants.
#[test]
fn td_uses_every_rule_of_its_own() {
    const IO_APIC: u64 = 0xfec0_0000;
    let Some(folder) = tdx_folder(1, "quote_service = \"unix:qgs.sock\"\n") else {
        return;
    };
    let exits = vec![
        share(BUFFER, 2),
        tdx(call::SETUP_EVENT_NOTIFY, 0x51, 0),
        write_register(IO_APIC, 0x1a),
        write_register(IO_APIC + 0x10, 0x31),
        quote(BUFFER, BYTES),
    ];
    let asks_at = exits.len() - 1;
    let host = Watcher::new(exits, asks_at);
    let watched = host.watched();
    let mut recorder = Recorder::new(host, watched);
    run(Guest::Tdx, &folder, &mut recorder);
    assert_eq!(recorder.kernel.interrupts.len(), 1);
}

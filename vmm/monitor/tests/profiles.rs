//! Every rule of the VMM's two profiles is used by the VMM itself, and it uses nothing else: another call
//! would kill it. Traced from outside, by strace, under the simulated TEE: what is added for SNP guests and TDs is
//! looked at on the emulator of their kernels (`tests/kernel-abi/tests/rules.rs`).

#![allow(
    clippy::unwrap_used,
    missing_docs,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test and its helpers"
)]

mod payload;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use policies_profiles::{Guest, Profile, Program};
use rustix::process::Signal;
use support::{Folder, kill};

use crate::payload::Then;

/// The C library asks for memory when it pleases, and signals reach the thread that the kernel
/// chooses: whether one run shows these is chance.
const BY_CHANCE: [&str; 4] = ["brk", "mprotect", "mremap", "rt_sigreturn"];

const KVM_RUN: u64 = 0xae80;

/// A system call of a thread that is under its filter.
struct Call {
    name: String,
    arguments: [u64; 6],
}

/// What the main thread and the vCPU threads did.
#[derive(Default)]
struct Trace {
    main: Vec<Call>,
    vcpus: Vec<Call>,
    /// Instructions of their filters.
    main_filters: BTreeSet<u64>,
    vcpu_filters: BTreeSet<u64>,
}

#[test]
fn vmm_whole_life_uses_every_rule_of_its_profiles() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed; apt-get install strace");
        return;
    }
    let mut trace = Trace::default();
    for (then, signal) in [
        (Then::ReadDisk, None),
        (Then::Fault, None),
        (Then::Halt, Some(Signal::INT)),
    ] {
        let Some(folder) = Folder::new(then) else {
            return;
        };
        // Large enough that the manifest, and memory for it, are not small.
        folder.write("initramfs.cpio", &vec![7; 24 << 20]);
        let file = folder.path("trace");
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-e", "raw=!seccomp", "-e", "signal=none", "-o"])
            .arg(&file);
        match signal {
            None => {
                folder.vmm_under(strace).output().unwrap();
            }
            Some(signal) => {
                let running = folder.start_under(strace);
                kill(running.vmm_pid_under_runner(), signal);
                running.wait();
            }
        }
        trace.read(&fs::read_to_string(file).unwrap());
    }
    // Which of the two lists a thread has cannot be seen from outside, but how long it is.
    let of_vcpus = trace.vcpu_filters.iter().max().unwrap();
    assert!(
        Some(of_vcpus) < trace.main_filters.iter().min(),
        "{:?} {:?}",
        trace.vcpu_filters,
        trace.main_filters
    );
    assert_unused(&Program::Vmm(Guest::Simulated).profile(), &trace.main);
    assert_unused(&Program::VmmVcpu(Guest::Simulated).profile(), &trace.vcpus);
}

fn assert_unused(profile: &Profile, calls: &[Call]) {
    let used: BTreeSet<usize> = calls
        .iter()
        .flat_map(|call| profile.allowing(&call.name, &call.arguments))
        .collect();
    let unused: Vec<_> = profile
        .rules()
        .iter()
        .enumerate()
        .filter(|(position, rule)| !used.contains(position) && !BY_CHANCE.contains(&rule.name()))
        .map(|(_, rule)| format!("{}: {}", rule.name(), rule.reason()))
        .collect();
    assert!(
        unused.is_empty(),
        "{} allows what is never used: {unused:#?}",
        profile.name()
    );
    assert!(!calls.is_empty());
}

impl Trace {
    /// Lines are `THREAD NAME(0x1, 0x2, ..) = ..`, or end in `<unfinished ...>`.
    fn read(&mut self, text: &str) {
        let mut main = None;
        let mut filtered: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
        let mut filters = BTreeMap::new();
        for line in text.lines() {
            let Some((thread, call)) = parse(line) else {
                continue;
            };
            main.get_or_insert(thread);
            if call.name == "seccomp" {
                filtered.entry(thread).or_default();
                filters.insert(thread, filter_length(line));
            } else if let Some(calls) = filtered.get_mut(thread) {
                calls.push(call);
            }
        }
        let main = main.unwrap_or_default();
        for (thread, calls) in filtered {
            let runs = |call: &Call| call.name == "ioctl" && call.arguments[1] == KVM_RUN;
            if thread == main {
                self.main.extend(calls);
                self.main_filters.insert(filters[thread]);
            } else if calls.iter().any(runs) {
                self.vcpus.extend(calls);
                self.vcpu_filters.insert(filters[thread]);
            }
        }
    }
}

fn parse(line: &str) -> Option<(&str, Call)> {
    let (thread, rest) = line.split_once(' ')?;
    let (name, rest) = rest.trim_start().split_once('(')?;
    let arguments = rest.split([')', '<']).next()?;
    let mut values = arguments.split(',').map(|argument| number(argument.trim()));
    let arguments = std::array::from_fn(|_| values.next().unwrap_or_default());
    Some((
        thread,
        Call {
            name: name.to_owned(),
            arguments,
        },
    ))
}

/// Of `seccomp(SECCOMP_SET_MODE_FILTER, .., {len=12, filter=0x..})`.
fn filter_length(line: &str) -> u64 {
    let (_, rest) = line.split_once("{len=").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap_or_default(),
        None => text.parse().unwrap_or_default(),
    }
}

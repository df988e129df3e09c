//! Holds the facts of a host against the table.

use crate::facts::{Facts, Vendor};
use crate::finding::{Finding, State};
use crate::kernel::{FEATURES, Feature};
use crate::questions::capability;
use crate::reading::Reading;
use crate::requirement::{Requirement, Role, Seen, Test, Word};
use crate::table;
use crate::tee::Tee;
use crate::verdict::TeeVerdict;

/// What a host has and lacks, and what it can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// One for everything that was looked at.
    pub findings: Vec<Finding>,
    /// One for every TEE, in the order of [`Tee::ALL`].
    pub verdicts: [TeeVerdict; 3],
}

/// Holds the facts against every requirement.
#[must_use]
pub fn judge(facts: &Facts) -> Judgement {
    let vendor = facts.vendor();
    let asked = table::all().filter(|row| is_asked(row, vendor));
    let rows = asked.map(|requirement| finding(facts, requirement));
    let features = FEATURES.iter().map(|feature| of_version(facts, feature));
    let findings: Vec<Finding> = rows.chain(features).collect();
    let verdicts = Tee::ALL.map(|tee| TeeVerdict::of(tee, &findings));
    Judgement { findings, verdicts }
}

/// What decides is asked of every processor: left out, it would not be missed.
fn is_asked(row: &Requirement, vendor: Option<Vendor>) -> bool {
    row.role == Role::Decides || row.vendor.is_none() || vendor.is_none() || row.vendor == vendor
}

fn finding(facts: &Facts, requirement: &Requirement) -> Finding {
    let seen = look(facts, &requirement.test);
    let remedy = seen.remedy.unwrap_or(requirement.remedy);
    let remedied = seen.state == State::Lacks && !remedy.is_empty();
    Finding {
        item: requirement.item,
        about: requirement.about,
        role: requirement.role,
        needed_for: requirement.tees,
        state: seen.state,
        found: crate::shown(&seen.found),
        remedy: remedied.then_some(remedy),
    }
}

/// By its version alone; what KVM answers counts more.
fn of_version(facts: &Facts, feature: &Feature) -> Finding {
    let since = feature.since;
    let seen = match &facts.release {
        Reading::Told(release) if release.version >= since => {
            Seen::has(format!("since Linux {since}"))
        }
        Reading::Told(release) => Seen::lacks(format!(
            "Linux {} is older than {since}: {}",
            release.version, feature.without
        )),
        Reading::Absent => Seen::unknown("the kernel does not tell its release"),
        Reading::Unread(why) => Seen::unknown(why),
    };
    let lacks = seen.state == State::Lacks;
    Finding {
        item: feature.item,
        about: feature.name,
        role: if feature.is_needed {
            Role::Explains
        } else {
            Role::Tells
        },
        needed_for: feature.tees,
        state: seen.state,
        found: crate::shown(&seen.found),
        remedy: (feature.is_needed && lacks).then_some(feature.remedy),
    }
}

fn look(facts: &Facts, test: &Test) -> Seen {
    match test {
        Test::By(see) => see(facts),
        Test::Flag(flag) => of_bool(facts.flag(flag), &format!("flag {flag}")),
        Test::Cpuid { leaf, word, bit } => cpuid_bit(facts, *leaf, *word, *bit),
        Test::Msr { register, bit, set } => msr_bit(facts, *register, *bit, *set),
        Test::Parameter(name) => parameter(facts, name),
        Test::Option(name) => option(facts, name),
        Test::Capability { number, mask } => capability_bits(facts, *number, *mask),
        Test::VmType(number) => capability_bits(facts, capability::VM_TYPES, 1 << number),
    }
}

fn of_bool(read: Reading<bool>, what: &str) -> Seen {
    match read {
        Reading::Told(true) => Seen::has(what),
        Reading::Told(false) => Seen::lacks(format!("no {what}")),
        Reading::Absent => Seen::lacks(format!("no {what}")),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn cpuid_bit(facts: &Facts, leaf: u32, word: Word, bit: u32) -> Seen {
    let (index, name) = match word {
        Word::Eax => (0, "EAX"),
        Word::Ecx => (2, "ECX"),
    };
    let read = facts
        .cpuid(leaf, 0)
        .map(|words| words[index] & (1 << bit) != 0);
    of_bool(read, &format!("CPUID {leaf:#x} {name} bit {bit}"))
}

pub(crate) fn msr_bit(facts: &Facts, register: u32, bit: u32, set: bool) -> Seen {
    match facts.msr(register) {
        Reading::Told(value) => {
            let is_set = value & (1 << bit) != 0;
            let word = if is_set { "set" } else { "clear" };
            Seen::when(
                is_set == set,
                format!("MSR {register:#x} bit {bit} is {word}"),
            )
        }
        Reading::Absent => Seen::when(!set, format!("the processor has no MSR {register:#x}")),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn parameter(facts: &Facts, name: &str) -> Seen {
    let module = name.split('.').next().unwrap_or(name);
    match facts.parameter(name) {
        Reading::Told(value) => {
            let on = matches!(value, "Y" | "y") || value.parse().is_ok_and(|n: u64| n != 0);
            Seen::when(on, format!("{name} = {value}"))
        }
        Reading::Absent if facts.has_module(module) => {
            Seen::lacks(format!("{module} has no parameter {name}"))
        }
        Reading::Absent => Seen::lacks(format!("{module} is not loaded")),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn option(facts: &Facts, name: &str) -> Seen {
    match &facts.config {
        Reading::Told(config) => Seen::when(
            config.has(name),
            format!("CONFIG_{name}={}", config.value(name)),
        ),
        Reading::Absent => Seen::unknown("the kernel left no configuration to read"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn capability_bits(facts: &Facts, number: u32, mask: u64) -> Seen {
    match facts.capability(number) {
        Reading::Told(value) => Seen::when(
            value & mask == mask,
            format!("KVM answers {value:#x} for capability {number}"),
        ),
        Reading::Absent => Seen::lacks("there is no KVM to ask"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

//! What differs between two event logs, register by register.

use crate::log_alignment::{Step, steps};
use crate::log_unmeasured::{interleaved, unmeasured};
use crate::log_words::{bytes, command_line, name as name_of, said};
use crate::{Difference, Shown, Side, cmdline};
use measured_boot_event_log::{Algorithm, Digest, Event, Log, Register};
use std::collections::BTreeSet;

/// Strongest first: the one that both have is compared.
const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::SHA384,
    Algorithm::SHA512,
    Algorithm::SHA256,
    Algorithm::SM3,
    Algorithm::SHA1,
];

/// What differs between two logs: registers, then their events, then what no digest covers.
pub fn event_logs(a: &Log<'_>, b: &Log<'_>) -> Vec<Difference> {
    let has = |log: &Log<'_>, algorithm| log.algorithms().any(|one| one == algorithm);
    let common = ALGORITHMS
        .into_iter()
        .find(|algorithm| has(a, *algorithm) && has(b, *algorithm));
    let mut differences = Vec::new();
    match common {
        Some(algorithm) => differences.extend(registers(a, b, algorithm)),
        None => differences.push(Difference::Named {
            place: "banks".to_owned(),
            says: "A and B have no algorithm in common, so that no event of one can be found in the other".to_owned(),
            shown: Shown::Measured,
            advice: None,
        }),
    }
    differences.extend(unmeasured(a, b));
    if differences.is_empty() {
        differences.extend(interleaved(a, b));
    }
    differences
}

/// Of more events in a row nobody reads one by one what became of them.
const MOST_TOLD: usize = 512;

/// The measured events of one register.
struct Sequence<'l, 'a> {
    events: Vec<&'l Event<'a>>,
    digests: Vec<Option<&'a [u8]>>,
}

impl<'l, 'a> Sequence<'l, 'a> {
    fn of(log: &'l Log<'a>, register: Register, algorithm: Algorithm) -> Self {
        let events = log.events.iter();
        let events: Vec<_> = events
            .filter(|event| event.is_measured() && event.register == register)
            .collect();
        let digests = events.iter().map(|event| event.digest(algorithm));
        Self {
            digests: digests.collect(),
            events,
        }
    }
}

fn registers(a: &Log<'_>, b: &Log<'_>, algorithm: Algorithm) -> Vec<Difference> {
    let events = a.events.iter().chain(&b.events);
    let registers: BTreeSet<Register> = events
        .filter(|event| event.is_measured())
        .map(|event| event.register)
        .collect();
    let (replay_a, replay_b) = (a.replay(), b.replay());
    let mut differences = Vec::new();
    for register in registers {
        let values = [&replay_a, &replay_b].map(|replay| replay.value(algorithm, register));
        differences.extend(value(register, algorithm, values));
        let (a, b) = (
            Sequence::of(a, register, algorithm),
            Sequence::of(b, register, algorithm),
        );
        differences.extend(events_of(register, &a, &b));
    }
    differences
}

fn value(
    register: Register,
    algorithm: Algorithm,
    [a, b]: [Option<Digest>; 2],
) -> Option<Difference> {
    let words = |value: Option<Digest>| {
        value.map_or_else(|| "untouched".to_owned(), |value| value.to_string())
    };
    (a != b).then(|| Difference::Digest {
        register: format!("{algorithm} value of {register}"),
        a: words(a),
        b: words(b),
    })
}

fn events_of(register: Register, a: &Sequence<'_, '_>, b: &Sequence<'_, '_>) -> Vec<Difference> {
    if let Some(order) = order(register, a, b) {
        return vec![order];
    }
    let steps = steps(&a.digests, &b.digests);
    let mut differences = Vec::new();
    let mut rest = &steps[..];
    while let Some((step, after)) = rest.split_first() {
        if let Step::Both(one, other) = step {
            differences.extend(uncovered(register, a.events[*one], b.events[*other]));
            rest = after;
            continue;
        }
        let is_change = |step: &&Step| !matches!(step, Step::Both(..));
        let (block, after) = rest.split_at(rest.iter().take_while(is_change).count());
        differences.extend(changes(register, a, b, block));
        rest = after;
    }
    differences
}

/// The same digests in another order.
fn order(register: Register, a: &Sequence<'_, '_>, b: &Sequence<'_, '_>) -> Option<Difference> {
    let parted = a.digests.iter().zip(&b.digests).position(|(a, b)| a != b)?;
    let sorted = |digests: &[Option<&[u8]>]| {
        let mut digests: Vec<_> = digests
            .iter()
            .map(|digest| digest.map(<[u8]>::to_vec))
            .collect();
        digests.sort_unstable();
        digests
    };
    (sorted(&a.digests) == sorted(&b.digests)).then(|| Difference::EventOrder {
        register: register.to_string(),
        number_a: a.events[parted].number,
        number_b: b.events[parted].number,
    })
}

/// Events of one side, next to events of the other: those of the same name are the same event that
/// measures something else.
fn changes(
    register: Register,
    a: &Sequence<'_, '_>,
    b: &Sequence<'_, '_>,
    block: &[Step],
) -> Vec<Difference> {
    if block.len() > MOST_TOLD {
        return vec![Difference::Named {
            place: register.to_string(),
            says: format!(
                "{} events one after the other have no counterpart: another boot altogether",
                block.len()
            ),
            shown: Shown::Measured,
            advice: None,
        }];
    }
    let mut only_b: Vec<&Event<'_>> = block
        .iter()
        .filter_map(|step| match step {
            Step::Second(index) => Some(b.events[*index]),
            _ => None,
        })
        .collect();
    let only_a = block.iter().filter_map(|step| match step {
        Step::First(index) => Some(a.events[*index]),
        _ => None,
    });
    let mut differences = Vec::new();
    for event in only_a {
        let name = name_of(event, &a.events);
        let same = only_b
            .iter()
            .position(|other| name_of(other, &b.events) == name);
        differences.push(match same {
            Some(place) => changed(register, event, only_b.remove(place), name),
            None => only(Side::A, register, event, name),
        });
    }
    let rest = only_b.into_iter();
    differences.extend(rest.map(|event| only(Side::B, register, event, name_of(event, &b.events))));
    differences
}

fn only(side: Side, register: Register, event: &Event<'_>, name: String) -> Difference {
    Difference::EventOnlyIn {
        side,
        register: register.to_string(),
        number: event.number,
        event: name,
        says: said(event),
    }
}

fn changed(register: Register, a: &Event<'_>, b: &Event<'_>, mut event: String) -> Difference {
    let (mut says_a, mut says_b) = (said(a), said(b));
    if let (Some(one), Some(other)) = (command_line(a), command_line(b))
        && let Some(Difference::Cmdline { only_a, only_b }) = cmdline(one, other)
    {
        let words = |words: &[String]| match words {
            [] => "without these words".to_owned(),
            words => format!("with `{}`", words.join(" ")),
        };
        (says_a, says_b) = (words(&only_a), words(&only_b));
    }
    if says_a == says_b {
        let digest = |event: &Event<'_>| {
            let strongest = ALGORITHMS.into_iter().find_map(|one| event.digest(one));
            let digest = strongest.map(hex::encode).unwrap_or_default();
            format!("of digest {}", crate::sentence::short(&digest))
        };
        // What both say tells which file it is of: a type alone does not.
        if event == a.kind.to_string() && says_a != "nothing" {
            event = format!("{event} {says_a}");
        }
        (says_a, says_b) = (digest(a), digest(b));
    }
    Difference::Event {
        register: register.to_string(),
        number_a: a.number,
        number_b: b.number,
        event,
        a: says_a,
        b: says_b,
    }
}

/// The same digest: what else differs is covered by none.
fn uncovered(register: Register, a: &Event<'_>, b: &Event<'_>) -> Option<Difference> {
    let (what, one, other) = if a.kind != b.kind {
        ("type", a.kind.to_string(), b.kind.to_string())
    } else if a.data != b.data {
        let (one, other) = (said(a), said(b));
        match one == other {
            false => ("data", one, other),
            // They say the same in words: what differs is shown as bytes.
            true => ("data", bytes(a, b), bytes(b, a)),
        }
    } else {
        return None;
    };
    Some(Difference::EventUncovered {
        register: register.to_string(),
        number_a: a.number,
        number_b: b.number,
        what,
        a: one,
        b: other,
    })
}

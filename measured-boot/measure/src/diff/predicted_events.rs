//! The events of a register that were predicted, beside others.

use measured_boot_difference::{Difference, Side};

use super::predicted::Measured;
use super::predictions::short;

/// How far the next event that both have is looked for.
const WINDOW: usize = 32;

/// What differs between the events of a register, aligned by their digests.
pub fn events(number: usize, a: &[Measured], b: &[Measured]) -> Vec<Difference> {
    let register = format!("rtmr{number}");
    let of = |list: &[Measured]| -> Vec<Measured> {
        let list = list.iter().filter(|event| event.register.0 == register);
        list.cloned().collect()
    };
    let (a, b) = (of(a), of(b));
    let is_unknown = |list: &[Measured]| list.iter().all(|event| event.digest.is_none());
    if is_unknown(&a) || is_unknown(&b) {
        return Vec::new();
    }
    let (mut one, mut other) = (0, 0);
    let mut differences = Vec::new();
    while one < a.len() || other < b.len() {
        let (skip_a, skip_b) = next_common(&a[one..], &b[other..]);
        for index in 0..skip_a.max(skip_b) {
            let left = (index < skip_a).then(|| &a[one + index]);
            let right = (index < skip_b).then(|| &b[other + index]);
            differences.extend(pair(number, [one + index, other + index], left, right));
        }
        // And the one that both have.
        one = (one + skip_a + 1).min(a.len());
        other = (other + skip_b + 1).min(b.len());
    }
    differences
}

/// How many events of each lie before the next one that both have; all, if there is none.
fn next_common(a: &[Measured], b: &[Measured]) -> (usize, usize) {
    for distance in 0..2 * WINDOW {
        for skip_a in 0..=distance {
            let skip_b = distance - skip_a;
            if let (Some(one), Some(other)) = (a.get(skip_a), b.get(skip_b))
                && one.digest.is_some()
                && one.digest == other.digest
            {
                return (skip_a, skip_b);
            }
        }
    }
    (a.len(), b.len())
}

/// Two events that stand in the same place. What was not predicted differs from nothing.
fn pair(
    number: usize,
    at: [usize; 2],
    a: Option<&Measured>,
    b: Option<&Measured>,
) -> Option<Difference> {
    let register = format!("RTMR{number}");
    let place = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let only = |side, index, event: &Measured| {
        Some(Difference::EventOnlyIn {
            side,
            register: register.clone(),
            number: place(index),
            event: event.name.0.clone(),
            says: short(event.digest?),
        })
    };
    match (a, b) {
        (Some(a), Some(b)) => {
            let digests = (a.digest?, b.digest?);
            let name = match a.name == b.name {
                true => String::new(),
                false => format!(" ({})", b.name.0),
            };
            Some(Difference::Event {
                register: register.clone(),
                number_a: place(at[0]),
                number_b: place(at[1]),
                event: a.name.0.clone(),
                a: short(digests.0),
                b: short(digests.1) + &name,
            })
        }
        (Some(event), None) => only(Side::A, at[0], event),
        (None, Some(event)) => only(Side::B, at[1], event),
        (None, None) => None,
    }
}

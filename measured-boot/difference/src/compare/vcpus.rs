//! The vCPUs of two launches.

use crate::vmsa;
use crate::{Difference, Launch, Piece};

/// How many, and the registers of those that both have.
pub fn differences(a: &Launch<'_>, b: &Launch<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    let counts = (a.vcpu_count(), b.vcpu_count());
    if counts.0 != counts.1 {
        differences.push(Difference::VcpuCount {
            a: counts.0,
            b: counts.1,
        });
    }
    let mut found: Vec<(Difference, Vec<(u64, u64)>)> = Vec::new();
    for (first, last, a, b) in pairs(a, b) {
        for difference in vcpu(a, b) {
            // The same difference of several vCPUs is told once.
            match found.iter_mut().find(|(known, _)| *known == difference) {
                Some((_, vcpus)) => vcpus.push((first, last)),
                None => found.push((difference, vec![(first, last)])),
            }
        }
    }
    let all = counts.0.min(counts.1);
    differences.extend(
        found
            .into_iter()
            .map(|(difference, ranges)| named(difference, &vcpu_names(&ranges, all))),
    );
    differences
}

/// vCPUs that are alike on both sides: first, last, and their pieces.
fn pairs<'l, 'a>(
    a: &'l Launch<'a>,
    b: &'l Launch<'a>,
) -> Vec<(u64, u64, &'l Piece<'a>, &'l Piece<'a>)> {
    fn of<'l, 'a>(launch: &'l Launch<'a>) -> impl Iterator<Item = (u64, &'l Piece<'a>)> {
        let vcpus = launch.pieces.iter().filter(|piece| piece.is_vcpu());
        vcpus.scan(0, |before, piece| {
            *before += piece.count;
            Some((*before, piece))
        })
    }
    let (mut in_a, mut in_b) = (of(a).peekable(), of(b).peekable());
    let (mut pairs, mut first) = (Vec::new(), 0);
    while let (Some((end_a, a)), Some((end_b, b))) = (in_a.peek(), in_b.peek()) {
        let end = *end_a.min(end_b);
        pairs.push((first, end.saturating_sub(1), *a, *b));
        first = end;
        let (done_a, done_b) = (*end_a == end, *end_b == end);
        if done_a {
            in_a.next();
        }
        if done_b {
            in_b.next();
        }
    }
    pairs
}

fn vcpu(a: &Piece<'_>, b: &Piece<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    if a.gpa != b.gpa {
        differences.push(Difference::VmsaAddress { a: a.gpa, b: b.gpa });
    }
    if a.digests != b.digests {
        match (&a.bytes, &b.bytes) {
            (Some(a), Some(b)) => differences.extend(vmsa::fields("", a, b)),
            _ => differences.push(Difference::VmsaUnnamed {
                vcpus: String::new(),
            }),
        }
    }
    differences
}

/// `vcpu0`, `vcpu1 to vcpu63`, `every vCPU`.
fn vcpu_names(ranges: &[(u64, u64)], all: u64) -> String {
    let told: u64 = ranges.iter().map(|(first, last)| last - first + 1).sum();
    if told == all && all > 1 {
        return "every vCPU".to_owned();
    }
    let name = |(first, last): &(u64, u64)| {
        if first == last {
            format!("vcpu{first}")
        } else {
            format!("vcpu{first} to vcpu{last}")
        }
    };
    let names: Vec<_> = ranges.iter().map(name).collect();
    names.join(", ")
}

fn named(difference: Difference, name: &str) -> Difference {
    match difference {
        Difference::VmsaField {
            field,
            offset,
            a,
            b,
            cause,
            ..
        } => Difference::VmsaField {
            vcpus: name.to_owned(),
            field,
            offset,
            a,
            b,
            cause,
        },
        Difference::VmsaUnnamed { .. } => Difference::VmsaUnnamed {
            vcpus: name.to_owned(),
        },
        other => other,
    }
}
